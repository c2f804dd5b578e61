//! The switch between all sockets: who is where, and what becomes of a datagram.
//!
//! A device has one address of the network at a time and any number of sockets, each of which is seen from
//! outside under the port that the device's address translation gave it. What happens to a datagram is drawn
//! from a stream of its own for each device and direction, so that one device's traffic does not move
//! another's fate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::draw::Draw;
use super::weather::Weather;

/// Datagrams that wait in a socket; as with a kernel's buffer, later ones are lost.
const INBOX: usize = 4_096;
/// The first port that is given out.
const FIRST_PORT: u16 = 20_000;

/// A machine on the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Device(u8);

/// A datagram on its way, as the network sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Seen from outside.
    pub from: SocketAddr,
    /// Seen from outside.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// Counts over the whole network.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Given to the network.
    pub sent: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Vanished because an end was away, or its address no longer was.
    pub unreachable: u64,
    /// Vanished because the path was too narrow.
    pub too_large: u64,
    /// Overtaken.
    pub reordered: u64,
    /// Delivered twice.
    pub doubled: u64,
}

/// The network. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Fabric(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug)]
struct State {
    seed: u64,
    devices: BTreeMap<Device, Machine>,
    sockets: HashMap<u64, Plug>,
    /// Which socket is behind an address that is seen from outside.
    outside: HashMap<SocketAddr, u64>,
    serial: u64,
    port: u16,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    traffic: Traffic,
    tap: Option<Vec<Datagram>>,
}

#[derive(Debug)]
struct Machine {
    /// How often its address changed.
    moves: u8,
    online: bool,
    weather: Weather,
    up: Way,
    down: Way,
}

/// One direction between a device and the rest.
#[derive(Debug)]
struct Way {
    draw: Draw,
    delay: Duration,
    /// Nothing that is not overtaken arrives before what was sent earlier.
    latest: Instant,
}

#[derive(Debug)]
struct Plug {
    device: Device,
    /// The address to which the socket is bound.
    inside: SocketAddr,
    /// Under which it is seen.
    outside: SocketAddr,
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct UnderWay {
    at: Instant,
    order: u64,
    to: SocketAddr,
    from: SocketAddr,
    bytes: Vec<u8>,
}

impl Fabric {
    /// An empty network. Call inside the runtime whose clock it follows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let fabric = Self(Arc::new(Inner {
            state: Mutex::new(State {
                seed,
                devices: BTreeMap::new(),
                sockets: HashMap::new(),
                outside: HashMap::new(),
                serial: 0,
                port: FIRST_PORT,
                under_way: BinaryHeap::new(),
                traffic: Traffic::default(),
                tap: None,
            }),
            work: Notify::new(),
        }));
        tokio::spawn(deliver(Arc::clone(&fabric.0)));
        fabric
    }

    /// Another machine, in calm weather.
    #[must_use]
    pub fn device(&self) -> Device {
        let mut state = self.state();
        let device = Device(u8::try_from(state.devices.len() + 1).expect("at most 254 machines"));
        let way = |direction: u64| Way {
            draw: Draw::part(state.seed, u64::from(device.0) * 2 + direction),
            delay: Weather::CALM.near,
            latest: Instant::now(),
        };
        let machine = Machine {
            moves: 0,
            online: true,
            weather: Weather::CALM,
            up: way(0),
            down: way(1),
        };
        state.devices.insert(device, machine);
        device
    }

    /// Sets the weather between a device and the rest, and draws how long its ways are.
    pub fn weather(&self, device: Device, weather: Weather) {
        let mut state = self.state();
        let machine = state.machine(device);
        machine.weather = weather;
        for way in [&mut machine.up, &mut machine.down] {
            let (near, far) = (weather.near.as_millis() as u64, weather.far.as_millis() as u64);
            way.delay = Duration::from_millis(way.draw.between(near, far));
        }
    }

    /// Cuts a device off, or puts it back: what is under way is lost.
    pub fn set_online(&self, device: Device, online: bool) {
        self.state().machine(device).online = online;
    }

    /// The device goes to another network: its sockets are bound to an address that is no longer its own, so
    /// nothing of theirs goes or comes any more.
    pub fn change_network(&self, device: Device) {
        let mut state = self.state();
        let machine = state.machine(device);
        machine.moves = machine.moves.wrapping_add(1);
    }

    /// The device's address translation forgets what it knew: its sockets go on under other ports, and what is
    /// sent to the old ones vanishes.
    pub fn rebind(&self, device: Device) {
        let mut state = self.state();
        let State {
            sockets,
            outside,
            port,
            ..
        } = &mut *state;
        let mut own: Vec<_> = sockets
            .iter_mut()
            .filter(|(_, plug)| plug.device == device)
            .collect();
        own.sort_by_key(|(serial, _)| **serial);
        for (serial, plug) in own {
            outside.remove(&plug.outside);
            *port += 1;
            plug.outside.set_port(*port);
            outside.insert(plug.outside, *serial);
        }
    }

    /// The address that a device has now.
    #[must_use]
    pub fn ip(&self, device: Device) -> IpAddr {
        self.state().ip(device)
    }

    /// What happened so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.state().traffic
    }

    /// From now on every datagram is recorded as it is sent.
    pub fn tap(&self) {
        self.state().tap = Some(Vec::new());
    }

    /// What was recorded since [`Fabric::tap`]; the record goes on from here.
    #[must_use]
    pub fn tapped(&self) -> Vec<Datagram> {
        self.state().tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts a datagram in front of a device as it is, from whom it says.
    pub fn inject(&self, datagram: Datagram) {
        let mut state = self.state();
        state.hand_over(datagram.from, datagram.to, datagram.bytes);
    }

    pub(super) fn plug(&self, device: Device, port: Option<u16>) -> (u64, SocketAddr) {
        let mut state = self.state();
        let port = port.unwrap_or_else(|| {
            state.port += 1;
            state.port
        });
        let inside = SocketAddr::new(state.ip(device), port);
        state.serial += 1;
        let serial = state.serial;
        state.outside.insert(inside, serial);
        let plug = Plug {
            device,
            inside,
            outside: inside,
            inbox: VecDeque::new(),
            waker: None,
        };
        state.sockets.insert(serial, plug);
        (serial, inside)
    }

    pub(super) fn unplug(&self, serial: u64) {
        let mut state = self.state();
        if let Some(plug) = state.sockets.remove(&serial)
            && state.outside.get(&plug.outside) == Some(&serial)
        {
            state.outside.remove(&plug.outside);
        }
    }

    pub(super) fn send(&self, serial: u64, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.state().send(serial, to, bytes);
        self.0.work.notify_one();
        Ok(())
    }

    pub(super) fn receive(&self, serial: u64, cx: &Context<'_>) -> Poll<(SocketAddr, Vec<u8>)> {
        let mut state = self.state();
        let Some(plug) = state.sockets.get_mut(&serial) else {
            return Poll::Pending;
        };
        if let Some(came) = plug.inbox.pop_front() {
            return Poll::Ready(came);
        }
        plug.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn machine(&mut self, device: Device) -> &mut Machine {
        self.devices.get_mut(&device).expect("a machine of this network")
    }

    fn ip(&self, device: Device) -> IpAddr {
        let moves = self.devices.get(&device).map_or(0, |machine| machine.moves);
        IpAddr::V4(Ipv4Addr::new(10, 0, moves, device.0))
    }

    /// Whether a socket can be reached and can reach anybody.
    fn is_up(&self, plug: &Plug) -> bool {
        self.devices[&plug.device].online && self.ip(plug.device) == plug.inside.ip()
    }

    fn send(&mut self, serial: u64, to: SocketAddr, bytes: &[u8]) {
        self.traffic.sent += 1;
        let Some(plug) = self.sockets.get(&serial).filter(|plug| self.is_up(plug)) else {
            self.traffic.unreachable += 1;
            return;
        };
        let (device, from) = (plug.device, plug.outside);
        if let Some(tap) = &mut self.tap {
            tap.push(Datagram {
                from,
                to,
                bytes: bytes.to_vec(),
            });
        }
        let other = self.outside.get(&to).and_then(|serial| self.sockets.get(serial));
        let other = other.map(|plug| plug.device);
        // Each end's weather takes part, so that a relay may stand in bad weather too.
        let mut arrivals = vec![Instant::now()];
        for (end, up) in [(Some(device), true), (other, false)] {
            let Some(machine) = end.and_then(|end| self.devices.get_mut(&end)) else {
                continue;
            };
            let weather = machine.weather;
            let way = if up { &mut machine.up } else { &mut machine.down };
            if !weather.carries(bytes.len()) {
                self.traffic.too_large += 1;
                return;
            }
            arrivals = pass(way, &weather, arrivals, &mut self.traffic);
        }
        for at in arrivals {
            self.serial += 1;
            self.under_way.push(Reverse(UnderWay {
                at,
                order: self.serial,
                to,
                from,
                bytes: bytes.to_vec(),
            }));
        }
    }

    fn hand_over(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let serial = self.outside.get(&to).copied();
        let up = serial
            .and_then(|serial| self.sockets.get(&serial))
            .is_some_and(|plug| self.is_up(plug));
        match serial.and_then(|serial| self.sockets.get_mut(&serial)) {
            Some(plug) if up && plug.inbox.len() < INBOX => {
                plug.inbox.push_back((from, bytes));
                if let Some(waker) = plug.waker.take() {
                    waker.wake();
                }
            }
            _ => self.traffic.unreachable += 1,
        }
    }

    /// Delivers what is due, and tells when the next is.
    fn deliver_due(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while let Some(Reverse(next)) = self.under_way.peek() {
            if next.at > now {
                return Some(next.at);
            }
            if let Some(Reverse(due)) = self.under_way.pop() {
                self.hand_over(due.from, due.to, due.bytes);
            }
        }
        None
    }
}

/// When the copies of a datagram leave this stretch of their way; none if it is lost there.
fn pass(way: &mut Way, weather: &Weather, enter: Vec<Instant>, traffic: &mut Traffic) -> Vec<Instant> {
    let mut leave = Vec::new();
    for at in enter {
        if way.draw.percent(weather.loss) {
            traffic.lost += 1;
            continue;
        }
        let copies = if way.draw.percent(weather.doubled) {
            traffic.doubled += 1;
            2
        } else {
            1
        };
        for _ in 0..copies {
            let jitter = Duration::from_millis(way.draw.below(way.delay.as_millis() as u64 / 10 + 1));
            let mut out = at + way.delay + jitter;
            if way.draw.percent(weather.reordered) {
                traffic.reordered += 1;
                out += Duration::from_millis(way.draw.between(1, 100));
            } else {
                out = out.max(way.latest);
                way.latest = out;
            }
            leave.push(out);
        }
    }
    leave
}

/// Moves datagrams when their time has come, until the runtime ends.
async fn deliver(fabric: Arc<Inner>) {
    loop {
        let next = fabric.state().deliver_due();
        let work = fabric.work.notified();
        match next {
            Some(at) => tokio::select! {
                () = sleep_until(at) => {}
                () = work => {}
            },
            None => work.await,
        }
    }
}
