//! The endpoint, as whoever listens holds it, and who comes in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::AsyncUdpSocket;
use quinn_proto::{EndpointConfig, ServerConfig, VarInt};

use crate::net::quic::connection::{Connection, Link};
use crate::net::quic::driver::Driver;
use crate::net::quic::hub::{Hub, now, packet};

/// A socket on which clients come in. Its driver ends when nobody holds it any more and the last connection has ended.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Owner>);

struct Owner {
    hub: Arc<Hub>,
    socket: Arc<dyn AsyncUdpSocket>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.hub.door().left = true;
        self.hub.wake();
    }
}

impl core::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Endpoint(..)")
    }
}

impl Endpoint {
    /// Serves on a socket. Call inside a tokio runtime.
    pub(crate) fn new(
        settings: EndpointConfig,
        server: ServerConfig,
        socket: Arc<dyn AsyncUdpSocket>,
    ) -> Self {
        let whole = !socket.may_fragment();
        let (settings, server) = (Arc::new(settings), Some(Arc::new(server)));
        let endpoint = quinn_proto::Endpoint::new(settings, server, whole, None);
        let hub = Arc::new(Hub::new(endpoint));
        tokio::spawn(Driver::new(Arc::clone(&hub), Arc::clone(&socket)));
        Self(Arc::new(Owner { hub, socket }))
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket.local_addr()
    }

    /// Who comes in next; none after the end.
    pub(crate) async fn accept(&self) -> Option<Incoming> {
        loop {
            let came = self.0.hub.came.notified();
            {
                let mut door = self.0.hub.door();
                if let Some(incoming) = door.waiting.pop_front() {
                    let endpoint = self.clone();
                    return Some(Incoming {
                        incoming: Some(incoming),
                        endpoint,
                    });
                }
                if door.closed {
                    return None;
                }
            }
            came.await;
        }
    }

    /// From here on the protocol refuses who comes; who is in stays.
    pub(crate) fn let_nobody_in(&self) {
        self.0.hub.door().endpoint.set_server_config(None);
    }

    /// Ends every connection.
    pub(crate) fn close(&self, code: VarInt) {
        let links = {
            let mut door = self.0.hub.door();
            door.closed = true;
            door.links()
        };
        for link in links {
            link.close(code);
        }
        self.0.hub.came.notify_waiters();
        self.0.hub.wake();
    }

    /// Waits until the last packets of the last connection have gone.
    pub(crate) async fn wait_idle(&self) {
        loop {
            let idle = self.0.hub.idle.notified();
            if self.0.hub.door().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Sends an answer that belongs to no connection. One that the system does not take is lost, like one on the way.
    fn answer(&self, transmit: &quinn_proto::Transmit, bytes: &[u8]) {
        let _ = self.0.socket.try_send(&packet(transmit, bytes));
    }
}

/// Somebody who comes in. Who is neither let in nor sent away is refused.
pub(crate) struct Incoming {
    incoming: Option<quinn_proto::Incoming>,
    endpoint: Endpoint,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.turn_away();
    }
}

impl Incoming {
    /// Whether packets reach the address from which it seems to come.
    pub(crate) fn is_proved(&self) -> bool {
        self.with(quinn_proto::Incoming::remote_address_validated)
    }

    /// Whether it may be asked to prove its address.
    pub(crate) fn may_retry(&self) -> bool {
        self.with(quinn_proto::Incoming::may_retry)
    }

    fn with(&self, ask: impl Fn(&quinn_proto::Incoming) -> bool) -> bool {
        self.incoming.as_ref().is_some_and(ask)
    }

    /// Lets it in; none if it is no client.
    pub(crate) fn accept(mut self) -> Option<Connection> {
        let incoming = self.incoming.take()?;
        let hub = &self.endpoint.0.hub;
        let mut bytes = Vec::new();
        let mut door = hub.door();
        if door.lost {
            door.endpoint.ignore(incoming);
            return None;
        }
        let accepted = door.endpoint.accept(incoming, now(), &mut bytes, None);
        let (handle, quic) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                drop(door);
                if let Some(transmit) = error.response {
                    self.endpoint.answer(&transmit, &bytes);
                }
                return None;
            }
        };
        let link = Link::new(Arc::clone(hub), handle, quic);
        door.insert(handle, Arc::clone(&link));
        let closed = door.closed;
        drop(door);
        link.mark(&mut link.state());
        // Who is let in after the end is told so: this is dropped, and closes it.
        let connection = Connection::new(link);
        (!closed).then_some(connection)
    }

    /// Asks it to prove its address (RFC 9000, section 8.1.2).
    pub(crate) fn retry(mut self) {
        if let Some(incoming) = self.incoming.take() {
            let mut bytes = Vec::new();
            let answer = self.endpoint.0.hub.door().endpoint.retry(incoming, &mut bytes);
            match answer {
                Ok(transmit) => self.endpoint.answer(&transmit, &bytes),
                Err(refused) => self.incoming = Some(refused.into_incoming()),
            }
        }
    }

    /// Sends it away.
    pub(crate) fn refuse(mut self) {
        self.turn_away();
    }

    fn turn_away(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            let mut bytes = Vec::new();
            let transmit = self.endpoint.0.hub.door().endpoint.refuse(incoming, &mut bytes);
            self.endpoint.answer(&transmit, &bytes);
        }
    }
}
