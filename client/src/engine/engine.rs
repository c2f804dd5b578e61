//! One open vault at work: its rooms, its requests, its connections. Dropped, everything stops: no keys, no
//! connection, no sync.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use caucus_proto::id::{IntentId, Minutes, RoomId};
use caucus_proto::org::{Kind, Name};
use caucus_proto::wire::{Pass, RelayAddress, RelayInfo};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::annex;
use super::approach::{self, Target};
use super::between;
use super::direct;
use super::error::EngineError;
use super::files::FileError;
use super::found::{self, Founding};
use super::invite;
use super::join;
use super::lanes::{Purpose, parting};
use super::link::InviteLink;
use super::live::{Fate, LiveRoom};
use super::pump;
use super::random;
use super::record::{JoinRecord, JoinStep, RelayRecord, RequestRecord, SecretKey};
use super::room::Room;
use super::rosters::Overview;
use super::send::Now;
use crate::clock::Clock;
use crate::mls::PersonaKeys;
use crate::relay::{Patience, Pool, Sockets};
use crate::vault::{Overlay, Place, Table, Vault};

/// How long a successor may take to be made before whoever asked is told to look later.
const SUCCESSOR_PATIENCE: Duration = Duration::from_secs(30);

/// An open vault at work. Clones are the same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    vault: Vault,
    pool: Pool,
    clock: Arc<dyn Clock>,
    /// By the clock, and by one that nobody turns.
    began: (u64, Instant),
    rooms: Mutex<BTreeMap<RoomId, Arc<LiveRoom>>>,
    join_troubles: Mutex<HashMap<u64, String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Rooms that this device asks to come into.
    approaches: Mutex<BTreeSet<RoomId>>,
    /// Files that are being sent or fetched, by path.
    transfers: Mutex<BTreeSet<String>>,
    changes: watch::Sender<u64>,
    news: watch::Sender<u64>,
    stopped: AtomicBool,
}

impl Engine {
    /// Starts everything that the vault holds.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn start(vault: Vault, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        Self::start_over(vault, clock, Sockets::default())
    }

    /// Starts everything that the vault holds, with connections over these sockets.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn start_over(vault: Vault, clock: Arc<dyn Clock>, sockets: Sockets) -> Result<Self, EngineError> {
        let rooms = Room::all(&vault)?;
        let engine = Self(Arc::new(Inner {
            vault,
            pool: Pool::over(Patience::default(), sockets),
            began: (clock.now_ms(), Instant::now()),
            clock,
            rooms: Mutex::default(),
            join_troubles: Mutex::default(),
            tasks: Mutex::default(),
            approaches: Mutex::default(),
            transfers: Mutex::default(),
            changes: watch::Sender::new(0),
            news: watch::Sender::new(0),
            stopped: AtomicBool::new(false),
        }));
        for relay in engine.relays()?.iter().filter(|relay| relay.by_hand) {
            engine.pool().know(&relay.address);
        }
        for room in rooms {
            engine.add_room(room);
        }
        for (number, join) in engine.joins()? {
            if matches!(join.stage, JoinStep::New | JoinStep::Applied(_)) {
                engine.spawn(join::run(engine.clone(), number));
            }
        }
        Ok(engine)
    }

    /// Ends every task and connection.
    pub async fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        let tasks = std::mem::take(&mut *lock(&self.0.tasks));
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // Aborted: that is what was wanted.
            let _ = task.await;
        }
        self.0.pool.close_all_after(parting).await;
        lock(&self.0.rooms).clear();
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        let (ms, instant) = self.0.began;
        let since = u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            minutes: self.0.clock.minutes(),
            ms: ms.saturating_add(since),
        }
    }

    /// Something changed that a view may show.
    pub(super) fn changed(&self) {
        self.0.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Wakes whenever something changes that a view may show.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Somebody else said something, in a room that is not muted.
    pub(super) fn heard(&self) {
        self.0.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Wakes whenever somebody else said something in a room that is not muted.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.0.tasks);
        if !self.0.stopped.load(Ordering::SeqCst) {
            tasks.retain(|task| !task.is_finished());
            tasks.push(tokio::spawn(task));
        }
    }

    pub(super) fn add_room(&self, room: Room) {
        let id = room.id();
        let is_direct = room.state().genesis.kind == Kind::Direct;
        let live = Arc::new(LiveRoom::new(room, Arc::clone(&self.0.clock)));
        lock(&self.0.rooms).insert(id, Arc::clone(&live));
        self.spawn(pump::run(self.clone(), live));
        self.spawn(between::run(self.clone(), id));
        if is_direct {
            self.spawn(direct::run(self.clone(), id));
        }
        self.changed();
    }

    /// Asks to come into another room of the body, from one that this device is in, unless it does already.
    pub(super) fn approach(&self, from: &LiveRoom, other: &Overview) {
        let target = Target::of(other);
        let id = from.room().id();
        let from = self.room(&id);
        if let Some(from) = from
            && lock(&self.0.approaches).insert(target.room)
        {
            self.spawn(approach::run(self.clone(), from, target));
        }
    }

    /// It does not ask any more.
    pub(super) fn approached(&self, room: &RoomId) {
        lock(&self.0.approaches).remove(room);
        self.changed();
    }

    /// Opens another room of the body that a room governs.
    ///
    /// # Errors
    /// `EngineError`; what the governing room refuses is not kept.
    pub async fn open_room(
        &self,
        governing: &LiveRoom,
        name: &Name,
        patience: Duration,
    ) -> Result<Fate, EngineError> {
        let (_, fate) = annex::open(self, governing, name, patience).await?;
        Ok(fate)
    }

    /// The turn to send or fetch the file at a path.
    ///
    /// # Errors
    /// `FileError::Busy`.
    pub(super) fn transfer(&self, path: &str) -> Result<Transfer, FileError> {
        if !lock(&self.0.transfers).insert(path.to_owned()) {
            return Err(FileError::Busy);
        }
        Ok(Transfer {
            engine: self.clone(),
            path: path.to_owned(),
        })
    }

    /// A room.
    #[must_use]
    pub fn room(&self, id: &RoomId) -> Option<Arc<LiveRoom>> {
        lock(&self.0.rooms).get(id).cloned()
    }

    /// All rooms.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<LiveRoom>> {
        lock(&self.0.rooms).values().cloned().collect()
    }

    /// Founds a body at a relay.
    ///
    /// # Errors
    /// `EngineError`; nothing is kept then.
    pub async fn found(&self, relay: &RelayAddress, founding: Founding) -> Result<RoomId, EngineError> {
        let room = found::found(self, relay, founding).await?;
        let id = room.id();
        self.add_room(room);
        Ok(id)
    }

    /// Makes a successor of a room: the same room in a new channel, which is proposed in the refuges.
    ///
    /// # Errors
    /// `EngineError`; the room is as it was then.
    pub async fn succeed(&self, room: &LiveRoom) -> Result<(), EngineError> {
        room.room().may_propose()?;
        let made = room.order_successor();
        match tokio::time::timeout(SUCCESSOR_PATIENCE, made).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) | Err(_) => Err(EngineError::RoomState(
                "the relay has not answered yet: see with `caucus status` whether it was made".to_owned(),
            )),
        }
    }

    /// Follows the successor that this person proposes; or, if nobody is named, none any more.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn follow_successor(&self, room: &LiveRoom, of: Option<&str>) -> Result<(), EngineError> {
        match of {
            Some(name) => room.room().follow_successor(name)?,
            None => room.room().follow_none()?,
        }
        room.anew.notify_one();
        self.changed();
        Ok(())
    }

    /// Opens an invite: makes its channels at the relay, then waits for its act to land.
    ///
    /// # Errors
    /// `EngineError`.
    pub async fn invite(
        &self,
        room: &LiveRoom,
        uses: u16,
        minutes: u64,
        patience: Duration,
    ) -> Result<(IntentId, String, Fate), EngineError> {
        let now = self.now().minutes;
        let expires = Minutes(now.0.saturating_add(minutes));
        let (draft, relay, persona) = {
            let room = room.room();
            let record = room.record();
            (
                room.draft_invite(random::bytes()?)?,
                record.relay.clone(),
                record.persona,
            )
        };
        let purpose = Purpose::Room(room.room().id());
        let connection = self.connection(&relay, &persona, purpose).await?;
        let info = connection.info().await?;
        let life = invite::life(minutes).min(info.plain);
        let passes = [
            self.take_pass(&relay),
            self.take_pass(&relay),
            self.take_pass(&relay),
        ];
        let published = invite::publish(&connection, &draft, expires, life, passes).await?;
        let landing = room.expect(draft.id);
        let submitted = room.room().submit_invite(&draft, published, uses, expires);
        let (submitted, link) = match submitted {
            Ok(link) => (Ok(()), link),
            Err(error) => (Err(error), String::new()),
        };
        let fate = room.settle(draft.id, submitted, landing, patience).await?;
        Ok((draft.id, link, fate))
    }

    /// Begins a request of one's own, by one who is new or who claims to be somebody of the body. It goes on by itself.
    ///
    /// # Errors
    /// `EngineError::Link` if the link is none.
    pub fn join(&self, link: &str, name: &str, word: &str, claims: Option<&str>) -> Result<u64, EngineError> {
        let parsed: InviteLink = link.parse()?;
        let name = caucus_proto::org::Name::new(name)?;
        let claims = claims.map(caucus_proto::org::Name::new).transpose()?;
        let claims = claims.as_ref().map(caucus_proto::org::Name::as_str);
        self.begin_join(&name, |_, record| {
            record.link = parsed.to_string();
            record.word = word.to_owned();
            record.claims = claims.map(str::to_owned);
            Ok(())
        })
    }

    /// Begins a request of one's own under a fresh persona; `fill` says where it leads, in the same transaction.
    pub(super) fn begin_join(
        &self,
        name: &Name,
        fill: impl FnOnce(&Overlay, &mut JoinRecord) -> Result<(), EngineError>,
    ) -> Result<u64, EngineError> {
        let mut record = JoinRecord {
            link: String::new(),
            name: name.to_string(),
            word: String::new(),
            persona_key: SecretKey(*PersonaKeys::generate()?.bytes()),
            sealing: SecretKey(random::bytes()?),
            stage: JoinStep::New,
            claims: None,
            direct: None,
        };
        let turn = self.vault().turn();
        let overlay = self.vault().overlay();
        fill(&overlay, &mut record)?;
        let number = overlay.next_number(Table::Joins, b"")?;
        overlay.put_value(Place::new(Table::Joins, b"", number), &record)?;
        overlay.commit()?;
        drop(turn);
        self.spawn(join::run(self.clone(), number));
        Ok(number)
    }

    /// Gives a request of one's own up, or forgets one that has ended.
    ///
    /// # Errors
    /// `EngineError::NotFound`.
    pub fn cancel_join(&self, number: u64) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        let place = Place::new(Table::Joins, b"", number);
        let Some(record) = overlay.get_value::<JoinRecord>(&place)? else {
            return Err(EngineError::NotFound {
                what: "request of yours",
                name: number.to_string(),
            });
        };
        join::forget_keys(&overlay, &record)?;
        overlay.delete(place);
        overlay.commit()?;
        self.join_trouble(number, None);
        self.changed();
        Ok(())
    }

    /// Requests of one's own, by number.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn joins(&self) -> Result<Vec<(u64, JoinRecord)>, EngineError> {
        listed(&self.vault().overlay(), Table::Joins)
    }

    /// Requests of others that are known here, by number; the machine says which still wait.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn requests(&self) -> Result<Vec<(u64, RequestRecord)>, EngineError> {
        listed(&self.vault().overlay(), Table::Requests)
    }

    pub(super) fn join_trouble(&self, number: u64, why: Option<String>) {
        let mut troubles = lock(&self.0.join_troubles);
        match why {
            Some(why) => troubles.insert(number, why),
            None => troubles.remove(&number),
        };
    }

    /// Why a request of one's own does not go on at the moment.
    #[must_use]
    pub fn why_join_waits(&self, number: u64) -> Option<String> {
        lock(&self.0.join_troubles).get(&number).cloned()
    }

    /// The relays, in the order in which they were added last.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn relays(&self) -> Result<Vec<RelayRecord>, EngineError> {
        let mut relays = listed::<RelayRecord>(&self.vault().overlay(), Table::Relays)?;
        relays.sort_by_key(|(number, _)| *number);
        Ok(relays.into_iter().map(|(_, relay)| relay).collect())
    }

    /// Asks a relay what it promises, and remembers it as the one where new bodies go.
    ///
    /// # Errors
    /// `EngineError::Relay`; it is not remembered then.
    pub async fn add_relay(
        &self,
        address: &RelayAddress,
        passes: Vec<Pass>,
    ) -> Result<RelayInfo, EngineError> {
        let info = self.relay_info(address).await?;
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        let mut kept = passes;
        let mut last = 0;
        for (number, relay) in listed::<RelayRecord>(&overlay, Table::Relays)? {
            last = last.max(number);
            if relay.address == *address {
                kept.extend(relay.passes);
                overlay.delete(Place::new(Table::Relays, b"", number));
            }
        }
        let record = RelayRecord {
            address: address.clone(),
            passes: kept,
            by_hand: true,
        };
        overlay.put_value(Place::new(Table::Relays, b"", last.saturating_add(1)), &record)?;
        overlay.commit()?;
        Ok(info)
    }

    /// What a relay that this person names promises, asked on a connection of nobody's.
    ///
    /// # Errors
    /// `EngineError::Relay`.
    pub async fn relay_info(&self, address: &RelayAddress) -> Result<RelayInfo, EngineError> {
        let nobody = caucus_proto::id::PersonaId(random::bytes()?);
        self.pool().know(address);
        let info = async { self.pool().connection(address, &nobody).await?.info().await }.await;
        self.pool().close(address, &nobody).await;
        Ok(info?)
    }

    /// Whether anything may be sent to a relay that others name.
    ///
    /// # Errors
    /// `EngineError::Relay` if it lies in a private network and this person has not added it; nothing was sent there.
    pub async fn may_reach(&self, address: &RelayAddress) -> Result<(), EngineError> {
        Ok(self.pool().may_reach(address).await?)
    }

    /// Remembers a relay that one came to by a link, without making it the one for new bodies.
    pub(super) fn remember_relay(
        &self,
        overlay: &Overlay,
        address: &RelayAddress,
    ) -> Result<(), EngineError> {
        let relays = listed::<RelayRecord>(overlay, Table::Relays)?;
        if relays.iter().any(|(_, relay)| relay.address == *address) {
            return Ok(());
        }
        // Numbers grow with each relay added; 0 stands before all that were added by hand.
        let number = if relays.is_empty() {
            1
        } else {
            relays
                .iter()
                .map(|(number, _)| *number)
                .min()
                .map_or(0, |first| first.saturating_sub(1))
        };
        if relays.iter().any(|(taken, _)| *taken == number) {
            return Ok(());
        }
        let record = RelayRecord {
            address: address.clone(),
            passes: Vec::new(),
            by_hand: false,
        };
        overlay.put_value(Place::new(Table::Relays, b"", number), &record)?;
        Ok(())
    }

    /// A creation pass of a relay, if one is left. It counts as spent.
    pub(super) fn take_pass(&self, address: &RelayAddress) -> Option<Pass> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        for (number, mut relay) in listed::<RelayRecord>(&overlay, Table::Relays).ok()? {
            if relay.address == *address
                && let Some(pass) = relay.passes.pop()
            {
                overlay
                    .put_value(Place::new(Table::Relays, b"", number), &relay)
                    .ok()?;
                overlay.commit().ok()?;
                return Some(pass);
            }
        }
        None
    }
}

/// A seed that nobody can guess.
///
/// # Errors
/// `EngineError::Random`.
pub fn random_seed() -> Result<[u8; 32], EngineError> {
    random::bytes()
}

/// The turn to send or fetch one file; over when it is dropped.
pub(super) struct Transfer {
    engine: Engine,
    path: String,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        lock(&self.engine.0.transfers).remove(&self.path);
    }
}

fn listed<T: serde::de::DeserializeOwned + serde::Serialize>(
    overlay: &Overlay,
    table: Table,
) -> Result<Vec<(u64, T)>, EngineError> {
    Ok(overlay.values(table, b"", 0)?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
