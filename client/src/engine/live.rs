//! A room while its agent runs: the room behind a lock that is never held across a wait, and what wakes its pump.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use caucus_proto::id::{ChannelId, EntryHash, IntentId, Minutes, Position};
use caucus_proto::org::{Deed, Denied};
use caucus_proto::wire::Entry;
use tokio::sync::{Notify, broadcast, oneshot};

use super::beside::CopyState;
use super::copier::{Copies, Recent};
use super::error::EngineError;
use super::random;
use super::record::LogRecord;
use super::room::Room;
use crate::clock::Clock;

/// Log records that a slow follower may be behind before it has to read from the vault.
const FOLLOW: usize = 256;

/// Minutes without a word of anybody else after which a person is told: either all are away, or the relay keeps one
/// apart from them, which no log can show.
const SILENT: u64 = 24 * 60;

/// What became of an intent where it landed.
pub(super) type Landing = Result<Position, Denied>;

/// What became of an intent within the time that was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It stands in the log.
    Landed(Position),
    /// It waits on this device.
    Waits,
}

/// What goes between bodies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Way {
    /// Letters to the other body.
    Letters,
    /// The drop that its letters come in at.
    Drop,
    /// Its bulletin.
    Bulletin,
}

/// Somebody waits for a successor to be made.
pub(super) type Order = oneshot::Sender<Result<(), EngineError>>;

/// A room and its pump.
pub struct LiveRoom {
    room: Mutex<Room>,
    clock: Arc<dyn Clock>,
    pub(super) wake: Notify,
    /// Its pump is to begin anew: a successor is wanted, or followed, or not any more.
    pub(super) anew: Notify,
    order: Mutex<Option<Order>>,
    pub(super) live: AtomicBool,
    /// An entry was taken in: perhaps it is to be copied.
    pub(super) taken: Notify,
    /// What is known of the copy, for people.
    copied: Mutex<CopyState>,
    /// What is known of the copies, for whoever copies or reads there.
    pub(super) copies: tokio::sync::Mutex<Copies>,
    /// The latest entries, where the room is copied.
    recent: Mutex<Recent>,
    /// Since which millisecond its relay cannot be reached; 0 while it can.
    lost: AtomicU64,
    /// What its relay said that it stored last, in which channel and where, until an entry is shown there.
    stored: Mutex<Option<(ChannelId, Position, EntryHash)>>,
    trouble: Mutex<Option<String>>,
    landings: Mutex<HashMap<IntentId, oneshot::Sender<Landing>>>,
    /// Why nothing goes over a link, and why a bulletin is not read, by the link's number.
    troubles: Mutex<BTreeMap<(u32, Way), String>>,
    pub(super) log: broadcast::Sender<(Position, LogRecord)>,
}

impl LiveRoom {
    pub(super) fn new(room: Room, clock: Arc<dyn Clock>) -> Self {
        Self {
            room: Mutex::new(room),
            clock,
            wake: Notify::new(),
            anew: Notify::new(),
            order: Mutex::default(),
            live: AtomicBool::new(false),
            taken: Notify::new(),
            copied: Mutex::default(),
            copies: tokio::sync::Mutex::default(),
            recent: Mutex::default(),
            lost: AtomicU64::new(0),
            stored: Mutex::default(),
            trouble: Mutex::default(),
            landings: Mutex::default(),
            troubles: Mutex::default(),
            log: broadcast::Sender::new(FOLLOW),
        }
    }

    /// The room. The lock is short: never hold it across a wait.
    pub fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its pump looks at what there is to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Whether its log is followed now, to its end.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// The relay says that it stored an entry.
    pub(super) fn note_stored(&self, at: Position, entry: EntryHash) {
        let lies_in = self.room().record.lies_in();
        *self.stored() = Some((lies_in, at, entry));
    }

    /// An entry is shown: is it what was stored there, as the relay said?
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn compare_stored(&self, entry: &Entry, now: Minutes) -> Result<(), EngineError> {
        let said = self.stored().take_if(|(_, at, _)| *at <= entry.position);
        let mut room = self.room();
        match said {
            Some((lies_in, at, stored)) if at == entry.position && lies_in == room.record.lies_in() => {
                room.compare_stored(entry, stored, now)
            }
            _ => Ok(()),
        }
    }

    fn stored(&self) -> MutexGuard<'_, Option<(ChannelId, Position, EntryHash)>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its relay cannot be reached at this millisecond, or can again.
    pub(super) fn note_lost(&self, at: Option<u64>) {
        match at {
            None => self.lost.store(0, Ordering::Relaxed),
            // The first time counts.
            Some(at) => {
                let _ = self
                    .lost
                    .compare_exchange(0, at.max(1), Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// Whether its relay could not be reached for so many milliseconds.
    pub(super) fn is_lost(&self, now_ms: u64, for_ms: u64) -> bool {
        let since = self.lost.load(Ordering::Relaxed);
        since > 0 && now_ms.saturating_sub(since) >= for_ms
    }

    /// Why it is not, in words.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let why = self
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        Some(match self.copied().reads {
            Some(relay) => format!(
                "{why}; this device reads on in the copy at {relay}, and what you say waits until the room's own relay can \
                 be reached, or the room goes on elsewhere: see `caucus body relays`"
            ),
            None => why,
        })
    }

    /// What is known of its copy at another relay.
    #[must_use]
    pub fn copied(&self) -> CopyState {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_copy(&self, change: impl FnOnce(&mut CopyState)) {
        change(&mut self.copied.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// An entry was taken in that is to be copied.
    pub(super) fn note_recent(&self, entry: &Entry) {
        self.recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
        self.taken.notify_one();
    }

    /// The latest entries from this one on, if it is among them.
    pub(super) fn recent_from(&self, position: Position) -> Vec<Entry> {
        self.recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .from(position)
    }

    /// What its people should be told of clocks and contradictions.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let now = self.clock.minutes();
        let room = self.room();
        let contradicted = |(name, at)| format!("{name} saw another history than this device, at entry {at}");
        let mut warnings: Vec<String> = room.disputed().into_iter().map(contradicted).collect();
        warnings.extend(room.clock_warning(now));
        let alone = room.state().present().count() < 2;
        let heard = room.heard().ok().flatten().filter(|_| !alone && self.is_live());
        let silent = heard.map_or(0, |heard| now.0.saturating_sub(heard.0));
        if silent >= SILENT {
            warnings.push(format!(
                "nobody else was heard for {} hours: they are all away, or the relay keeps you apart from them: ask \
                 one of them, by another way",
                silent / 60
            ));
        }
        let doubtful = room
            .state()
            .present()
            .filter(|(_, person)| person.doubtful_renewal().is_some());
        warnings.extend(doubtful.map(|(_, person)| {
            format!(
                "{} asks for their device to be renewed although they spoke since: compare codes",
                person.name
            )
        }));
        warnings
    }

    /// Orders a successor of the room from its pump; what became of it comes back.
    pub(super) fn order_successor(&self) -> oneshot::Receiver<Result<(), EngineError>> {
        let (sender, receiver) = oneshot::channel();
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        self.anew.notify_one();
        receiver
    }

    pub(super) fn take_order(&self) -> Option<Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn set_trouble(&self, why: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn link_trouble(&self, link: u32, why: Option<String>) {
        self.way_trouble((link, Way::Letters), why);
    }

    pub(super) fn drop_trouble(&self, link: u32, why: Option<String>) {
        self.way_trouble((link, Way::Drop), why);
    }

    pub(super) fn feed_trouble(&self, link: u32, why: Option<String>) {
        self.way_trouble((link, Way::Bulletin), why);
    }

    fn way_trouble(&self, way: (u32, Way), why: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => troubles.insert(way, why),
            None => troubles.remove(&way),
        };
    }

    /// Why nothing goes over a link, or its bulletin is not read; the body's own bulletin is that of 0.
    #[must_use]
    pub fn troubles_of(&self, link: u32) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let of = troubles.range((link, Way::Letters)..=(link, Way::Bulletin));
        of.map(|(_, why)| why.clone()).collect()
    }

    /// Log records as they are taken in. One that lags reads from the vault.
    pub fn follow(&self) -> broadcast::Receiver<(Position, LogRecord)> {
        self.log.subscribe()
    }

    /// Puts a deed into the outbox and waits for it to land.
    ///
    /// # Errors
    /// `EngineError::Denied` if the machine refuses it here or where it lands.
    pub async fn act(&self, deed: &Deed, patience: Duration) -> Result<Fate, EngineError> {
        self.act_named(deed, patience).await.map(|(_, fate)| fate)
    }

    /// As [`LiveRoom::act`], with the id that the intent has.
    ///
    /// # Errors
    /// As [`LiveRoom::act`].
    pub async fn act_named(&self, deed: &Deed, patience: Duration) -> Result<(IntentId, Fate), EngineError> {
        let id = IntentId(random::bytes()?);
        let landing = self.expect(id);
        let submitted = self.room().submit(id, deed);
        let fate = self.settle(id, submitted, landing, patience).await?;
        Ok((id, fate))
    }

    /// Waits for an intent that is in the outbox, or gives up with why it never came there.
    pub(super) async fn settle(
        &self,
        id: IntentId,
        submitted: Result<(), EngineError>,
        landing: oneshot::Receiver<Landing>,
        patience: Duration,
    ) -> Result<Fate, EngineError> {
        if let Err(error) = submitted {
            self.forget(&id);
            return Err(error);
        }
        self.wake.notify_one();
        match tokio::time::timeout(patience, landing).await {
            Ok(Ok(landing)) => Ok(Fate::Landed(landing?)),
            Ok(Err(_)) | Err(_) => {
                self.forget(&id);
                Ok(Fate::Waits)
            }
        }
    }

    pub(super) fn expect(&self, id: IntentId) -> oneshot::Receiver<Landing> {
        let (sender, receiver) = oneshot::channel();
        self.landings().insert(id, sender);
        receiver
    }

    pub(super) fn land(&self, id: IntentId, landing: Landing) {
        if let Some(sender) = self.landings().remove(&id) {
            let _ = sender.send(landing);
        }
    }

    fn forget(&self, id: &IntentId) {
        self.landings().remove(id);
    }

    fn landings(&self) -> MutexGuard<'_, HashMap<IntentId, oneshot::Sender<Landing>>> {
        self.landings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
