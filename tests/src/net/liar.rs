//! A relay that lies: it holds its key, shakes hands and keeps channels as a relay does, and shows whom it chooses
//! another log of a room than the true one. It asks for no proofs: nobody could make it.
//!
//! A lie is a function from the true log to the log that one device is shown. What the device appends goes into the
//! true log; what it is told of positions is what it is shown, where it is shown it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::frame::{LARGEST, frame, payload};
use caucus_proto::wire::{
    Access, Answer, Answered, Asked, Change, ChannelSpec, Control, CreationPolicy, Entry, Flag, Greeting,
    Read, RefusedBecause, RelayAddress, RelayInfo, RelayKey, Request, Retention, Role, SegmentReader, Served,
    StoreKind, VERSION,
};
use quinn::{Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime, VarInt};
use rcgen::{KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::fabric::{Device, Fabric};
use super::hostile::{Frames, config};
use super::socket::Socket;

const PORT: u16 = 4_433;

/// An entry of the true log, and from where it came.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The entry.
    pub entry: Entry,
    /// Whose device appended it; none for the relay's own.
    pub by: Option<IpAddr>,
}

/// The log that a device is shown of the true one, in this order and at these positions.
pub type Lie = Arc<dyn Fn(&[Kept]) -> Vec<Entry> + Send + Sync>;

/// Entries at the positions from one on, as if they were all there is.
#[must_use]
pub fn numbered_anew<'a>(log: impl IntoIterator<Item = &'a Kept>) -> Vec<Entry> {
    (1..)
        .zip(log)
        .map(|(position, kept)| Entry {
            position: Position(position),
            ..kept.entry.clone()
        })
        .collect()
}

/// A lying relay that listens until its runtime ends.
#[derive(Clone)]
pub struct Liar {
    address: RelayAddress,
    fabric: Fabric,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    channels: HashMap<ChannelId, Channel>,
    /// The first channel that anybody made: the room.
    room: Option<ChannelId>,
    lies: HashMap<(IpAddr, ChannelId), Lie>,
    connections: Vec<(IpAddr, quinn::Connection)>,
}

struct Channel {
    log: Vec<Kept>,
    counter: Counter,
    access: Access,
    controls: Vec<Control>,
    /// Read keys of each segment, in order.
    readers: Vec<Vec<[u8; 32]>>,
}

#[derive(Clone, Copy)]
struct Handle {
    channel: ChannelId,
    role: Role,
    key: [u8; 32],
}

/// What a reader is shown now.
struct Shown {
    entries: Vec<Entry>,
    newest: Position,
    /// The last segment that the key opens has ended.
    over: bool,
}

impl Liar {
    /// Starts it on a device of its own. It tells the truth until it is told to lie.
    ///
    /// # Panics
    /// If it cannot listen.
    #[must_use]
    pub fn start(fabric: &Fabric) -> Self {
        let device = fabric.device();
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let key = RelayKey(Sha256::digest(pair.subject_public_key_info()).into());
        let place = SocketAddr::new(fabric.ip(device), PORT);
        let endpoint = Endpoint::new_with_abstract_socket(
            EndpointConfig::default(),
            Some(config(&pair)),
            Arc::new(Socket::bind(fabric, device, Some(PORT))),
            Arc::new(TokioRuntime),
        )
        .expect("an endpoint");
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        });
        tokio::spawn(accept(endpoint, Arc::clone(&shared)));
        Self {
            address: RelayAddress::new(key, &place.ip().to_string(), PORT, true).expect("an address"),
            fabric: fabric.clone(),
            shared,
        }
    }

    /// Its address, as a link would name it.
    #[must_use]
    pub fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// From now on this device is shown another log of the room; its connection ends.
    ///
    /// # Panics
    /// If nobody founded anything.
    pub fn lie(&self, to: Device, lie: impl Fn(&[Kept]) -> Vec<Entry> + Send + Sync + 'static) {
        let room = self.state().room.expect("a room");
        self.lie_of(room, to, lie);
    }

    /// The same of another channel.
    pub fn lie_of(
        &self,
        channel: ChannelId,
        to: Device,
        lie: impl Fn(&[Kept]) -> Vec<Entry> + Send + Sync + 'static,
    ) {
        let place = self.fabric.ip(to);
        self.state().lies.insert((place, channel), Arc::new(lie));
        self.hang_up(to);
    }

    /// Where the true log of a channel ends.
    #[must_use]
    pub fn newest_of(&self, channel: ChannelId) -> Position {
        let state = self.state();
        let found = state.channels.get(&channel);
        found.map_or(Position(0), Channel::newest)
    }

    /// From now on this device is shown the true log again; its connection ends.
    pub fn tell_the_truth(&self, to: Device) {
        let place = self.fabric.ip(to);
        self.state().lies.retain(|(lied_to, _), _| *lied_to != place);
        self.hang_up(to);
    }

    /// Ends the connections of a device, so that it reads anew.
    pub fn hang_up(&self, on: Device) {
        let place = self.fabric.ip(on);
        self.state().connections.retain(|(from, connection)| {
            if *from == place {
                connection.close(VarInt::from_u32(0), b"");
            }
            *from != place
        });
    }

    /// Where the true log of the room ends.
    #[must_use]
    pub fn newest(&self) -> Position {
        Position(self.log().len() as u64)
    }

    /// The true log of the room.
    ///
    /// # Panics
    /// If nobody founded anything.
    #[must_use]
    pub fn log(&self) -> Vec<Kept> {
        let state = self.state();
        let room = state.room.expect("a room");
        state.channels[&room].log.clone()
    }

    /// Puts an entry of its own into the room's true log, for everybody.
    ///
    /// # Panics
    /// If nobody founded anything.
    pub fn inject(&self, flag: Flag, bytes: Bytes) -> Position {
        let position = {
            let mut state = self.state();
            let room = state.room.expect("a room");
            let channel = state.channels.get_mut(&room).expect("a room");
            channel.put(flag, bytes, None)
        };
        self.shared.changed.send_modify(|times| *times += 1);
        position
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic in the liar")
    }

    fn answer(&self, from: IpAddr, handles: &mut HashMap<u32, Handle>, request: Request) -> Answer {
        let changes = !matches!(
            request,
            Request::Open { .. } | Request::Close { .. } | Request::Info
        );
        let answer = self.state().answer(from, handles, request);
        if changes {
            self.changed.send_modify(|times| *times += 1);
        }
        answer.unwrap_or_else(Answer::Refused)
    }
}

impl State {
    fn answer(
        &mut self,
        from: IpAddr,
        handles: &mut HashMap<u32, Handle>,
        request: Request,
    ) -> Result<Answer, RefusedBecause> {
        match request {
            Request::Create { spec, .. } => {
                let id = spec.id();
                if self.channels.contains_key(&id) {
                    return Err(RefusedBecause::Exists);
                }
                self.room.get_or_insert(id);
                self.channels.insert(id, Channel::new(&spec));
                Ok(Answer::Created)
            }
            Request::Open {
                channel, role, key, ..
            } => {
                let opens = self
                    .channels
                    .get(&channel)
                    .is_some_and(|found| found.opens(role, &key));
                if !opens {
                    return Err(RefusedBecause::NotOpened);
                }
                let handle = handles.keys().max().map_or(1, |last| last + 1);
                handles.insert(handle, Handle { channel, role, key });
                let newest = self
                    .shown(from, handles[&handle])
                    .map_or(Position(0), |shown| shown.newest);
                let counter = self.channels[&channel].counter;
                Ok(Answer::Opened {
                    handle,
                    counter,
                    newest,
                })
            }
            Request::Close { handle } => {
                handles.remove(&handle);
                Ok(Answer::Done)
            }
            Request::Append {
                handle,
                counter,
                bytes,
            } => self.append(from, handles, handle, counter, Flag::Plain, bytes),
            Request::Advance {
                handle,
                counter,
                bytes,
            } => self.append(from, handles, handle, counter, Flag::Advance, bytes),
            Request::Cut {
                handle,
                counter,
                bytes,
                access,
                readers,
            } => {
                let answer = self.append(from, handles, handle, counter, Flag::Cut, bytes)?;
                if matches!(answer, Answer::Stored { .. }) {
                    let id = handles[&handle].channel;
                    if let Some(channel) = self.channels.get_mut(&id) {
                        channel.turn(access, &readers);
                    }
                }
                Ok(answer)
            }
            Request::Change { handle, change } => {
                let held = handles.get(&handle).ok_or(RefusedBecause::WrongHandle)?;
                match change {
                    Change::Controls { controls, .. } => {
                        if let Some(channel) = self.channels.get_mut(&held.channel) {
                            channel.controls = controls.to_vec();
                        }
                    }
                    Change::Delete => {
                        self.channels.remove(&held.channel);
                    }
                    _ => {}
                }
                Ok(Answer::Done)
            }
            Request::Hold { .. } | Request::Cancel { .. } => Ok(Answer::Done),
            Request::Changes { .. } => Ok(Answer::Changes(Vec::new())),
            Request::Info => Ok(Answer::Info(RelayInfo {
                software: "caucus-relay".to_owned(),
                versions: vec![VERSION],
                store: StoreKind::Memory,
                plain: Retention::Year,
                flagged: Retention::Year,
                channel_entries: 1 << 20,
                channel_bytes: 1 << 40,
                appends_per_second: 100,
                advance_interval_ms: 0,
                creation: CreationPolicy::Open,
            })),
        }
    }

    fn append(
        &mut self,
        from: IpAddr,
        handles: &HashMap<u32, Handle>,
        handle: u32,
        counter: Counter,
        flag: Flag,
        bytes: Bytes,
    ) -> Result<Answer, RefusedBecause> {
        let handle = *handles.get(&handle).ok_or(RefusedBecause::WrongHandle)?;
        let channel = self
            .channels
            .get_mut(&handle.channel)
            .ok_or(RefusedBecause::HandleEnded)?;
        if !channel.opens(handle.role, &handle.key) {
            return Err(RefusedBecause::HandleEnded);
        }
        if counter != channel.counter {
            let counter = channel.counter;
            let newest = channel.newest();
            return Ok(Answer::Moved { counter, newest });
        }
        let at = channel.put(flag, bytes.clone(), Some(from));
        // Where it shows it, if it does; else where it stands.
        let shown = self.shown_of(from, handle.channel);
        let shown = shown.iter().rev().find(|entry| entry.bytes == bytes);
        let position = shown.map_or(at, |entry| entry.position);
        Ok(Answer::Stored { position })
    }

    /// The log of a channel as this device is shown it.
    fn shown_of(&self, to: IpAddr, id: ChannelId) -> Vec<Entry> {
        let Some(channel) = self.channels.get(&id) else {
            return Vec::new();
        };
        match self.lies.get(&(to, id)) {
            Some(lie) => lie(&channel.log),
            None => channel.log.iter().map(|kept| kept.entry.clone()).collect(),
        }
    }

    /// What this handle reads; none where it reads nothing any more.
    fn shown(&self, to: IpAddr, handle: Handle) -> Option<Shown> {
        let channel = self.channels.get(&handle.channel)?;
        let all = self.shown_of(to, handle.channel);
        let newest = all.iter().map(|entry| entry.position).max().unwrap_or_default();
        let mut segment = 0;
        let mut entries = Vec::new();
        for entry in all {
            let opens = handle.role != Role::Read
                || channel
                    .readers
                    .get(segment)
                    .is_some_and(|readers| readers.contains(&handle.key));
            segment += usize::from(entry.flag == Flag::Cut);
            if opens {
                entries.push(entry);
            }
        }
        let last = channel
            .readers
            .iter()
            .rposition(|readers| readers.contains(&handle.key));
        let over = handle.role == Role::Read && last.is_none_or(|last| last < segment);
        Some(Shown {
            entries,
            newest,
            over,
        })
    }
}

impl Channel {
    fn new(spec: &ChannelSpec) -> Self {
        Self {
            log: Vec::new(),
            counter: spec.counter,
            access: spec.access,
            controls: spec.controls.to_vec(),
            readers: vec![vec![spec.access.read]],
        }
    }

    fn newest(&self) -> Position {
        Position(self.log.len() as u64)
    }

    fn opens(&self, role: Role, key: &[u8; 32]) -> bool {
        match role {
            Role::Append => self.access.append == *key,
            Role::Read => self.readers.iter().any(|readers| readers.contains(key)),
            Role::Control => self.controls.contains(key),
        }
    }

    fn put(&mut self, flag: Flag, bytes: Bytes, by: Option<IpAddr>) -> Position {
        let position = self.newest().next();
        let entry = Entry {
            position,
            counter: self.counter,
            flag,
            expires: Hours(1 << 40),
            bytes,
        };
        if flag.moves() {
            self.counter = self.counter.next();
        }
        self.log.push(Kept { entry, by });
        position
    }

    fn turn(&mut self, access: Access, readers: &[SegmentReader]) {
        let cuts: Vec<Position> = self
            .log
            .iter()
            .filter(|kept| kept.entry.flag == Flag::Cut)
            .map(|kept| kept.entry.position)
            .collect();
        for reader in readers {
            let segment = cuts.iter().filter(|cut| **cut < reader.first).count();
            if let Some(readers) = self.readers.get_mut(segment) {
                readers.push(reader.read);
            }
        }
        self.access = access;
        self.readers.push(vec![access.read]);
    }
}

async fn accept(endpoint: Endpoint, shared: Arc<Shared>) {
    while let Some(incoming) = endpoint.accept().await {
        let shared = Arc::clone(&shared);
        // Each ends with its connection.
        tokio::spawn(async move {
            let Ok(quic) = incoming.await else { return };
            let from = quic.remote_address().ip();
            shared.state().connections.push((from, quic.clone()));
            let handles = Arc::new(Mutex::new(HashMap::new()));
            let mut first = true;
            while let Ok((send, recv)) = quic.accept_bi().await {
                let (shared, handles) = (Arc::clone(&shared), Arc::clone(&handles));
                if std::mem::replace(&mut first, false) {
                    tokio::spawn(commands(shared, from, handles, send, recv));
                } else {
                    tokio::spawn(reading(shared, from, handles, send, recv));
                }
            }
        });
    }
}

type Handles = Arc<Mutex<HashMap<u32, Handle>>>;

async fn commands(
    shared: Arc<Shared>,
    from: IpAddr,
    handles: Handles,
    mut send: SendStream,
    recv: RecvStream,
) -> Option<()> {
    let mut frames = Frames::new(recv, LARGEST);
    frames.next().await?;
    let greeting = Greeting::Speaks {
        version: VERSION,
        proof_key: [9; 32],
    };
    send.write_all(&frame(&greeting).ok()?).await.ok()?;
    loop {
        let asked: Asked = payload(&frames.next().await?).ok()?;
        let answer = {
            let mut handles = handles.lock().expect("no panic in the liar");
            shared.answer(from, &mut handles, asked.request)
        };
        let tag = asked.tag;
        send.write_all(&frame(&Answered { tag, answer }).ok()?)
            .await
            .ok()?;
    }
}

async fn reading(
    shared: Arc<Shared>,
    from: IpAddr,
    handles: Handles,
    mut send: SendStream,
    recv: RecvStream,
) -> Option<()> {
    let mut frames = Frames::new(recv, LARGEST);
    let asked: Read = payload(&frames.next().await?).ok()?;
    let handle = handles
        .lock()
        .expect("no panic in the liar")
        .get(&asked.handle)
        .copied();
    let mut changed = shared.changed.subscribe();
    let mut sent = 0;
    let mut caught_up = false;
    let last = loop {
        changed.mark_unchanged();
        let shown = handle.and_then(|handle| shared.state().shown(from, handle));
        let Some(shown) = shown else { break Served::Gone };
        let due: Vec<Entry> = shown
            .entries
            .into_iter()
            .filter(|entry| entry.position > asked.after)
            .skip(sent)
            .collect();
        sent += due.len();
        for entry in due {
            send.write_all(&frame(&Served::Entry(entry)).ok()?).await.ok()?;
        }
        if shown.over || !asked.follow {
            break Served::End;
        }
        if !std::mem::replace(&mut caught_up, true) {
            let newest = shown.newest;
            send.write_all(&frame(&Served::CaughtUp { newest }).ok()?)
                .await
                .ok()?;
        }
        tokio::select! {
            changed = changed.changed() => changed.ok()?,
            _ = send.stopped() => return None,
        }
    };
    send.write_all(&frame(&last).ok()?).await.ok()?;
    send.finish().ok()
}
