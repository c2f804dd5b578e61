//! The cable between agents and a relay: UDP datagrams pass through it, until it is cut in one direction or both. It may
//! be long, and lose some. Whoever watches it sees of each datagram whose it is, when it passes, which way, and its size.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BREATH: Duration = Duration::from_millis(50);

/// Datagrams that whoever watches a cable remembers.
const MOST_PASSED: usize = 1 << 20;

/// A cable on the loopback.
pub struct Cable {
    ends: Arc<Ends>,
    place: SocketAddr,
    front: Option<JoinHandle<()>>,
}

struct Ends {
    relay: SocketAddr,
    /// Datagrams to the relay pass.
    asks: AtomicBool,
    /// Datagrams from the relay pass.
    answers: AtomicBool,
    /// Clients that were not there before pass.
    admits: AtomicBool,
    over: AtomicBool,
    /// How long a datagram is on its way, in either direction.
    length: Duration,
    /// Datagrams from the relay that will still be lost, and those that were.
    losing: AtomicUsize,
    lost: AtomicUsize,
    /// From where the relay sees each client that comes this way.
    backs: fn(u8) -> Ipv4Addr,
    seen: Mutex<Vec<SocketAddrV4>>,
    traffic: Mutex<Vec<Traffic>>,
    /// What passes, while somebody watches.
    passed: Mutex<Option<Vec<Passed>>>,
}

/// A datagram, as whoever watches the cable sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Which client's, in the order in which they came: each connection is one.
    pub client: usize,
    /// The address of that client.
    pub from: IpAddr,
    /// When.
    pub at: Instant,
    /// To the relay.
    pub up: bool,
    /// Bytes, without the headers of UDP and IP.
    pub size: usize,
}

/// What one client has sent and got on a cable.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// When its first datagram came.
    pub began: Instant,
    /// When its last one came.
    pub last: Instant,
    /// Datagrams in both directions.
    pub datagrams: u64,
    /// Their bytes, without the headers of UDP and IP.
    pub bytes: u64,
}

impl Cable {
    /// A whole cable to the relay of this address.
    ///
    /// # Panics
    /// If the address has no place on this machine, or there is no port.
    pub fn to(address: &str) -> Self {
        Self::from(|_| Ipv4Addr::LOCALHOST, address)
    }

    /// A whole cable on which a datagram is so long on its way, in either direction.
    ///
    /// # Panics
    /// As [`Cable::to`].
    pub fn long(length: Duration, address: &str) -> Self {
        Self::laid(length, |_| Ipv4Addr::LOCALHOST, address)
    }

    /// A whole cable to the relay of this address, which sees each client from an address of its own, as this
    /// numbers them.
    ///
    /// # Panics
    /// As [`Cable::to`].
    pub fn from(backs: fn(u8) -> Ipv4Addr, address: &str) -> Self {
        Self::laid(Duration::ZERO, backs, address)
    }

    fn laid(length: Duration, backs: fn(u8) -> Ipv4Addr, address: &str) -> Self {
        let (_, place) = address.rsplit_once('@').expect("a place in the address");
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        front.set_read_timeout(Some(BREATH)).expect("a timeout");
        let place_of_front = front.local_addr().expect("its place");
        let ends = Arc::new(Ends {
            relay: place.parse().expect("an IP address and a port"),
            asks: AtomicBool::new(true),
            answers: AtomicBool::new(true),
            admits: AtomicBool::new(true),
            over: AtomicBool::new(false),
            length,
            losing: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            backs,
            seen: Mutex::default(),
            traffic: Mutex::default(),
            passed: Mutex::default(),
        });
        let carried = Arc::clone(&ends);
        Self {
            ends,
            place: place_of_front,
            front: Some(std::thread::spawn(move || carry(&front, &carried))),
        }
    }

    /// The relay's address by way of this cable.
    ///
    /// # Panics
    /// If the address has no place in it.
    pub fn address(&self, address: &str) -> String {
        let (key, _) = address.rsplit_once('@').expect("a place in the address");
        format!("{key}@{}", self.place)
    }

    /// From where the relay saw its clients.
    #[must_use]
    pub fn seen(&self) -> Vec<SocketAddrV4> {
        self.ends
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What each client has sent and got, in the order in which they came: each connection is one.
    #[must_use]
    pub fn traffic(&self) -> Vec<Traffic> {
        self.ends.traffic().clone()
    }

    /// Whether clients that come from now on pass; those that are there do.
    pub fn admit(&self, admits: bool) {
        self.ends.admits.store(admits, Ordering::SeqCst);
    }

    /// Watches from now on.
    pub fn watch(&self) {
        *self.ends.passed() = Some(Vec::new());
    }

    /// What passed since somebody began to watch, at most a million datagrams; nobody watches any more.
    #[must_use]
    pub fn watched(&self) -> Vec<Passed> {
        self.ends.passed().take().unwrap_or_default()
    }

    /// Loses the next datagrams from the relay.
    pub fn lose(&self, answers: usize) {
        self.ends.losing.store(answers, Ordering::SeqCst);
    }

    /// How many it has lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.ends.lost.load(Ordering::SeqCst)
    }

    /// Whether asks and answers pass from now on.
    pub fn pass(&self, asks: bool, answers: bool) {
        self.ends.asks.store(asks, Ordering::SeqCst);
        self.ends.answers.store(answers, Ordering::SeqCst);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.ends.over.store(true, Ordering::SeqCst);
        if let Some(front) = self.front.take() {
            let _ = front.join();
        }
    }
}

impl Ends {
    fn traffic(&self) -> MutexGuard<'_, Vec<Traffic>> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passed(&self) -> MutexGuard<'_, Option<Vec<Passed>>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A datagram of this client passed.
    fn count(&self, client: usize, from: IpAddr, size: usize, up: bool) {
        let at = Instant::now();
        if let Some(traffic) = self.traffic().get_mut(client) {
            traffic.datagrams += 1;
            traffic.bytes += size as u64;
            if up {
                traffic.last = at;
            }
        }
        if let Some(passed) = self.passed().as_mut()
            && passed.len() < MOST_PASSED
        {
            passed.push(Passed {
                client,
                from,
                at,
                up,
                size,
            });
        }
    }

    /// Whether this datagram from the relay is one of those that are lost.
    fn loses(&self) -> bool {
        let less = |losing: usize| losing.checked_sub(1);
        let loses = self
            .losing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok();
        self.lost.fetch_add(usize::from(loses), Ordering::SeqCst);
        loses
    }

    /// One direction: what is put in comes out after its way.
    fn way(&self, out: UdpSocket, to: SocketAddr) -> Way {
        if self.length.is_zero() {
            return Way::Short(out, to);
        }
        let (length, (sender, on_the_way)) = (self.length, channel::<(Instant, Vec<u8>)>());
        std::thread::spawn(move || {
            while let Ok((since, bytes)) = on_the_way.recv() {
                std::thread::sleep(length.saturating_sub(since.elapsed()));
                let _ = out.send_to(&bytes, to);
            }
        });
        Way::Long(sender)
    }
}

enum Way {
    Short(UdpSocket, SocketAddr),
    /// Its thread ends with this.
    Long(Sender<(Instant, Vec<u8>)>),
}

impl Way {
    fn put(&self, bytes: &[u8]) {
        match self {
            Self::Short(out, to) => drop(out.send_to(bytes, to)),
            Self::Long(sender) => drop(sender.send((Instant::now(), bytes.to_vec()))),
        }
    }
}

fn carry(front: &UdpSocket, ends: &Arc<Ends>) {
    let mut backs: HashMap<SocketAddr, (usize, Way)> = HashMap::new();
    let mut threads = Vec::new();
    let mut bytes = [0; 65_536];
    while !ends.over.load(Ordering::SeqCst) {
        let Ok((length, from)) = front.recv_from(&mut bytes) else {
            continue;
        };
        if !ends.asks.load(Ordering::SeqCst) {
            continue;
        }
        if !backs.contains_key(&from) && !ends.admits.load(Ordering::SeqCst) {
            continue;
        }
        let client = backs.len();
        let (client, back) = backs.entry(from).or_insert_with(|| {
            let began = Instant::now();
            ends.traffic().push(Traffic {
                began,
                last: began,
                datagrams: 0,
                bytes: 0,
            });
            let mut seen = ends.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (ends.backs)((seen.len() + 1) as u8);
            let back = UdpSocket::bind((place, 0)).expect("a port");
            if let Ok(SocketAddr::V4(place)) = back.local_addr() {
                seen.push(place);
            }
            drop(seen);
            back.set_read_timeout(Some(BREATH)).expect("a timeout");
            let answers = back.try_clone().expect("a second end");
            let asks = ends.way(back, ends.relay);
            let front = ends.way(front.try_clone().expect("a second end"), from);
            let ends = Arc::clone(ends);
            threads.push(std::thread::spawn(move || {
                let mut bytes = [0; 65_536];
                while !ends.over.load(Ordering::SeqCst) {
                    if let Ok((length, _)) = answers.recv_from(&mut bytes)
                        && ends.answers.load(Ordering::SeqCst)
                        && !ends.loses()
                    {
                        ends.count(client, from.ip(), length, false);
                        front.put(&bytes[..length]);
                    }
                }
            }));
            (client, asks)
        });
        ends.count(*client, from.ip(), length, true);
        back.put(&bytes[..length]);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_watches_a_cable_sees_whose_which_way_and_how_large_and_before_and_after_nothing() {
        let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = format!("caucus://key@{}", relay.local_addr().unwrap());
        let cable = Cable::to(&address);
        let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 9, 1), 0)).unwrap();
        for socket in [&relay, &client] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        let there_and_back = |size| {
            let mut bytes = [0; 2_000];
            client.send_to(&bytes[..size], cable.place).unwrap();
            let (got, from) = relay.recv_from(&mut bytes).unwrap();
            relay.send_to(&bytes[..got + 1], from).unwrap();
            assert_eq!(client.recv_from(&mut bytes).unwrap().0, size + 1);
        };
        there_and_back(10);
        cable.watch();
        there_and_back(100);
        let seen: Vec<_> = cable
            .watched()
            .iter()
            .map(|one| (one.client, one.from, one.up, one.size))
            .collect();
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 9, 1));
        assert_eq!(seen, [(0, from, true, 100), (0, from, false, 101)]);
        there_and_back(10);
        assert!(cable.watched().is_empty());
        assert_eq!(cable.traffic()[0].datagrams, 6);
    }
}
