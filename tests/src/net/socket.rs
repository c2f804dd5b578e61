//! A socket of the network in memory, as quinn wants one.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::fabric::{Device, Fabric};

/// A socket, bound to the address that its device had when it was made.
#[derive(Debug)]
pub struct Socket {
    fabric: Fabric,
    serial: u64,
    local: SocketAddr,
}

impl Socket {
    /// On this port, or on one of its own.
    #[must_use]
    pub fn bind(fabric: &Fabric, device: Device, port: Option<u16>) -> Self {
        let (serial, local) = fabric.plug(device, port);
        Self {
            fabric: fabric.clone(),
            serial,
            local,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.fabric.unplug(self.serial);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for datagram in transmit.contents.chunks(size) {
            self.fabric.send(self.serial, transmit.destination, datagram)?;
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        for (buffer, meta) in bufs.iter_mut().zip(meta) {
            let Poll::Ready((from, bytes)) = self.fabric.receive(self.serial, cx) else {
                break;
            };
            // As the system does, what does not fit is cut off.
            let length = bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&bytes[..length]);
            *meta = RecvMeta {
                addr: from,
                len: length,
                stride: length,
                ..RecvMeta::default()
            };
            taken += 1;
        }
        if taken == 0 {
            Poll::Pending
        } else {
            Poll::Ready(Ok(taken))
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// The network takes everything at once.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
