//! What the driver, the endpoint and the connections share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Instant;

use quinn::udp;
use quinn_proto::{ConnectionHandle, EcnCodepoint, Incoming, Transmit};
use tokio::sync::Notify;

use crate::net::live::locked;
use crate::net::quic::connection::Link;

/// The time by which the protocol goes; that of a test where it stands still.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(super) struct Hub {
    door: Mutex<Door>,
    marked: Mutex<Marked>,
    /// Somebody came in, or nobody will any more.
    pub(super) came: Notify,
    /// The last connection went.
    pub(super) idle: Notify,
}

/// Who comes in, and who is in.
pub(super) struct Door {
    pub(super) endpoint: quinn_proto::Endpoint,
    pub(super) waiting: VecDeque<Incoming>,
    /// By the number of their handle.
    links: Vec<Option<Arc<Link>>>,
    inside: usize,
    /// Nobody comes in any more.
    pub(super) closed: bool,
    /// Nobody holds the endpoint any more.
    pub(super) left: bool,
    /// There is no driver any more.
    pub(super) lost: bool,
}

#[derive(Default)]
struct Marked {
    /// With something to say for which somebody waits.
    first: Vec<Arc<Link>>,
    others: Vec<Arc<Link>>,
    driver: Option<Waker>,
}

/// In which order connections that were marked at the same time are looked at: the greater first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Other,
    First,
}

impl Hub {
    pub(super) fn new(endpoint: quinn_proto::Endpoint) -> Self {
        Self {
            door: Mutex::new(Door {
                endpoint,
                waiting: VecDeque::new(),
                links: Vec::new(),
                inside: 0,
                closed: false,
                left: false,
                lost: false,
            }),
            marked: Mutex::default(),
            came: Notify::new(),
            idle: Notify::new(),
        }
    }

    pub(super) fn door(&self) -> MutexGuard<'_, Door> {
        locked(&self.door)
    }

    /// The driver is to look at a connection whose mark was raised.
    pub(super) fn mark(&self, link: Arc<Link>, rank: Rank) {
        let mut marked = locked(&self.marked);
        if marked.first.is_empty()
            && marked.others.is_empty()
            && let Some(driver) = &marked.driver
        {
            driver.wake_by_ref();
        }
        match rank {
            Rank::First => marked.first.push(link),
            Rank::Other => marked.others.push(link),
        }
    }

    /// Wakes the driver.
    pub(super) fn wake(&self) {
        if let Some(driver) = &locked(&self.marked).driver {
            driver.wake_by_ref();
        }
    }

    /// Takes all that were marked. The driver is woken for the next one.
    pub(super) fn take_marked(&self, driver: &Waker, into: &mut VecDeque<Arc<Link>>) {
        let mut marked = locked(&self.marked);
        into.extend(marked.first.drain(..));
        into.extend(marked.others.drain(..));
        if marked
            .driver
            .as_ref()
            .is_none_or(|known| !known.will_wake(driver))
        {
            marked.driver = Some(driver.clone());
        }
    }

    /// The driver is gone: nothing moves any more.
    pub(super) fn end(&self) {
        let links = {
            let mut door = self.door();
            (door.closed, door.lost, door.inside) = (true, true, 0);
            door.ignore_waiting();
            std::mem::take(&mut door.links)
        };
        for link in links.into_iter().flatten() {
            link.state().end();
        }
        let marked = std::mem::take(&mut *locked(&self.marked));
        drop(marked);
        self.came.notify_waiters();
        self.idle.notify_waiters();
    }
}

impl Door {
    pub(super) fn insert(&mut self, handle: ConnectionHandle, link: Arc<Link>) {
        if self.links.len() <= handle.0 {
            self.links.resize(handle.0 + 1, None);
        }
        if let Some(place) = self.links.get_mut(handle.0)
            && place.replace(link).is_none()
        {
            self.inside += 1;
        }
    }

    pub(super) fn remove(&mut self, handle: ConnectionHandle) {
        if let Some(place) = self.links.get_mut(handle.0)
            && place.take().is_some()
        {
            self.inside -= 1;
        }
    }

    pub(super) fn link(&self, handle: ConnectionHandle) -> Option<&Arc<Link>> {
        self.links.get(handle.0)?.as_ref()
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.links.iter().flatten().cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside == 0
    }

    fn ignore_waiting(&mut self) {
        for incoming in std::mem::take(&mut self.waiting) {
            self.endpoint.ignore(incoming);
        }
    }
}

/// A packet as the socket takes it.
pub(super) fn packet<'a>(transmit: &Transmit, bytes: &'a [u8]) -> udp::Transmit<'a> {
    udp::Transmit {
        destination: transmit.destination,
        ecn: transmit.ecn.map(|ecn| match ecn {
            EcnCodepoint::Ect0 => udp::EcnCodepoint::Ect0,
            EcnCodepoint::Ect1 => udp::EcnCodepoint::Ect1,
            EcnCodepoint::Ce => udp::EcnCodepoint::Ce,
        }),
        contents: bytes.get(..transmit.size).unwrap_or(bytes),
        segment_size: transmit.segment_size,
        src_ip: transmit.src_ip,
    }
}

/// The mark of congestion with which a packet came (RFC 3168).
pub(super) const fn mark_of(ecn: udp::EcnCodepoint) -> EcnCodepoint {
    match ecn {
        udp::EcnCodepoint::Ect0 => EcnCodepoint::Ect0,
        udp::EcnCodepoint::Ect1 => EcnCodepoint::Ect1,
        udp::EcnCodepoint::Ce => EcnCodepoint::Ce,
    }
}
