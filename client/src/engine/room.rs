//! A room on this device: its group, its machine's state, how far its log was read, and what waits to be sent.
//!
//! Everything here is synchronous and knows no network: `ingest` takes in what the relay served, `send` says
//! what to send next. Each moves ratchet, plaintext, cursor and outbox in one vault transaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use caucus_proto::codec;
use caucus_proto::id::{ChannelId, IntentId, Minutes, PersonaId, Position, RoomId};
use caucus_proto::org::{
    Act, Ballot, Deed, Denied, FEATURE, Person, Power, SignedNotice, Standing, State, Tally,
};
use caucus_proto::wire::{Control, bucket};

use super::accuse::LieRecord;
use super::between::Duties;
use super::doubt::{DOUBTS, Skimmed};
use super::error::EngineError;
use super::haven::Hint;
use super::jobs::KnownJobs;
use super::keep::{CURSOR, load_state};
use super::random;
use super::record::{Cursor, Health, LogRecord, OutboxRecord, PendingRecord, RoomRecord};
use super::rosters::Rosters;
use crate::mls::{Group, MlsError, PersonaKeys};
use crate::vault::{Overlay, Place, Table, Vault, VaultError};

/// Intents that may wait on this device, a room.
pub(super) const LARGEST_OUTBOX: usize = 1000;

/// Bytes of an MLS message that fit an entry beside its head.
const LARGEST_MESSAGE: usize = bucket::LARGEST - 1024;

/// What is kept of a room, but for its log and its group.
const OF_A_ROOM: [Table; 9] = [
    Table::Rooms,
    Table::Outbox,
    Table::Sent,
    Table::Parts,
    Table::Jobs,
    Table::Snapshots,
    Table::Notices,
    Table::Invites,
    Table::People,
];

const RECORD: u64 = 0;
const PENDING: u64 = 3;

/// A room.
pub struct Room {
    pub(super) vault: Vault,
    pub(super) record: RoomRecord,
    pub(super) persona: PersonaKeys,
    /// None where this device has lost it, or is out.
    pub(super) group: Option<Group>,
    pub(super) state: State,
    pub(super) cursor: Cursor,
    pub(super) pending: Option<PendingRecord>,
    /// Counts over commits that may yet be found void.
    pub(super) doubts: Vec<Tally>,
    pub(super) outbox: BTreeMap<u64, OutboxRecord>,
    /// The jobs that wait.
    pub(super) jobs: Mutex<KnownJobs>,
    /// What is kept of the relay's lies.
    pub(super) lies: Vec<LieRecord>,
    pub(super) plan: Plan,
    /// Bytes of an MLS message that fit an entry beside its head.
    pub(super) largest_message: usize,
}

/// What this process remembers of its plans; nothing is lost with it.
#[derive(Default, Debug)]
pub(super) struct Plan {
    /// Since when something waits for a commit, in milliseconds.
    pub unexecuted_since: Option<u64>,
    /// Whose commit executed something last: they go on with what is left before the others.
    pub executor: Option<PersonaId>,
    /// The relay does not let this device cut before then, in milliseconds.
    pub no_cut_before: u64,
    /// Nobody is added before then, in milliseconds: what newcomers need could not be handed out.
    pub no_adds_before: u64,
    /// Those whom MLS does not let in, whatever is tried.
    pub unfit: BTreeSet<PersonaId>,
    /// Those whose older leaf MLS does not remove, whatever is tried.
    pub stays: BTreeSet<PersonaId>,
    /// Where those who are out and asked to be renewed were answered.
    pub told: BTreeSet<ChannelId>,
    /// A heartbeat is due from then on, in milliseconds.
    pub heartbeat_at: Option<u64>,
    /// The last entry of each linked body's bulletin that heartbeats of this device named.
    pub heads_told: BTreeMap<u32, u64>,
    /// Whom the entry that is being taken in seated and this device greets; and whether they are new.
    pub greet: Vec<(PersonaId, bool)>,
    /// A contradiction made this device say at once what it saw.
    pub disputing: bool,
    /// Somebody complained of a commit: this device says soon what it saw.
    pub speak: bool,
    /// A keyholder's answer brought the room together again: its keys are left alone for a while.
    pub rejoined: bool,
    /// Since when a cut has divided the room, in milliseconds.
    pub divided_since: Option<u64>,
    /// This device answers no cut for others before then, in milliseconds.
    pub no_answer_before: u64,
    /// Notices from a refuge, or from another room of the body, that wait to be carried into the room.
    pub carried: VecDeque<SignedNotice>,
    /// What goes from room to room of the body.
    pub rosters: Rosters,
    /// What is due between bodies.
    pub between: Duties,
    /// Since when polls may be closed, in milliseconds.
    pub over: BTreeMap<IntentId, u64>,
    /// Ballots that a close did not count.
    pub missing: BTreeMap<IntentId, Ballot>,
    /// What was read while a commit is held.
    pub skimmed: Option<Skimmed>,
    /// The controls that were asked for last, whatever the relay said.
    pub asked_controls: Vec<Control>,
    /// The log lies elsewhere now.
    pub moved: bool,
    /// Where a keyholder says that it lies.
    pub hint: Option<Hint>,
    /// Words were deleted or replaced: what is left of them in the vault's file is to be gone soon.
    pub destroyed: bool,
    /// A transaction failed: memory may be ahead of the vault, and is read again before anything else.
    pub stale: bool,
}

impl Room {
    /// The room.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.record.room
    }

    /// Where it lies, and who one is in it.
    #[must_use]
    pub fn record(&self) -> &RoomRecord {
        &self.record
    }

    /// The machine's state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How far it was read.
    #[must_use]
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// One's own persona in it.
    #[must_use]
    pub fn me(&self) -> PersonaId {
        self.record.persona
    }

    /// Oneself as the machine knows one.
    #[must_use]
    pub fn myself(&self) -> Option<&Person> {
        self.state.person(&self.record.persona)
    }

    /// What waits to be sent.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.outbox.values().filter(|item| item.landed.is_none()).count() as u64
    }

    /// Where an intent landed, if it did and is still remembered.
    #[must_use]
    pub fn landed(&self, id: &IntentId) -> Option<Position> {
        self.outbox
            .values()
            .find(|item| item.id == *id)
            .and_then(|item| item.landed)
    }

    /// Whether one may act in it now.
    ///
    /// # Errors
    /// `EngineError::RoomState`, in words.
    pub fn may_act(&self) -> Result<(), EngineError> {
        let why = match &self.cursor.health {
            Health::Open => return Ok(()),
            Health::Unsynced { at, why } => {
                format!(
                    "this device could not take in entry {at} ({why}): it may read, not act, until somebody else's \
                     device has renewed it"
                )
            }
            Health::Holding { at } => format!(
                "this device could not process the commit at {at}, and the others have not said yet whether it stands"
            ),
            Health::Forked { at, .. } => {
                format!("others saw another history at {at}: nothing is sent until that is settled")
            }
            Health::NeedsUpgrade { floor } => format!("the room needs feature {floor}: upgrade this program"),
            Health::Out { removed: true } => "you were removed from this room".to_owned(),
            Health::Out { removed: false } => "you left this room".to_owned(),
            Health::Replaced => {
                "another device has taken this one's place in the body: nothing is sent from here any more, and what was \
                 read stays to be read"
                    .to_owned()
            }
            Health::Gone => {
                "the relay does not open this room any more: if that lasts, `caucus successor` goes on in \
                             a new channel"
                    .to_owned()
            }
        };
        Err(EngineError::RoomState(why))
    }

    /// Whether the machine would take a deed now.
    ///
    /// # Errors
    /// `EngineError::Denied` with the reason, or if the room cannot be acted in.
    pub fn may_do(&self, deed: &Deed) -> Result<(), EngineError> {
        self.may_act()?;
        let act = Act::new(IntentId(random::bytes()?), self.state.position, deed)?;
        Ok(self.judge_own(&act, deed)??)
    }

    /// Whether one holds the power to link with other bodies.
    ///
    /// # Errors
    /// `EngineError::Denied`.
    pub(super) fn with_link_power(&self) -> Result<(), EngineError> {
        if self.holds(Power::Link) {
            return Ok(());
        }
        let power = Power::Link.word().to_owned();
        Err(Denied::Powerless { power }.into())
    }

    /// Puts an intent into the outbox, after the machine has judged it here (it is judged again where it lands).
    ///
    /// # Errors
    /// `EngineError::Denied` with the reason, or if the room cannot be acted in or too much waits already.
    pub fn submit(&mut self, id: IntentId, deed: &Deed) -> Result<(), EngineError> {
        self.submit_with(id, deed, |_, _| Ok(()))
    }

    /// As [`Room::submit`], with what else is written in the same transaction.
    pub(super) fn submit_with(
        &mut self,
        id: IntentId,
        deed: &Deed,
        beside: impl FnOnce(&mut Self, &Overlay) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.may_act()?;
        let act = Act::new(id, self.state.position, deed)?;
        self.judge_own(&act, deed)??;
        if self.outbox.len() >= LARGEST_OUTBOX {
            return Err(EngineError::RoomState(
                "too much waits to be sent in this room already".to_owned(),
            ));
        }
        let item = OutboxRecord {
            id,
            deed: codec::encode(deed, codec::LIMIT)?,
            landed: None,
            sealed: None,
        };
        self.transact(|room, overlay| {
            let number = room
                .outbox
                .last_key_value()
                .map_or(1, |(last, _)| last.saturating_add(1));
            overlay.put_value(room.place(Table::Outbox, number), &item)?;
            room.outbox.insert(number, item);
            beside(room, overlay)
        })
    }

    /// Does something in one transaction: all of it stands in the vault and in memory, or nothing.
    ///
    /// # Errors
    /// As `work`, or `EngineError::Vault`: then everything is as the vault has it.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &Overlay) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.freshen()?;
        let vault = self.vault.clone();
        let _turn = vault.turn();
        let overlay = vault.overlay();
        let done = match work(self, &overlay) {
            Ok(value) => overlay.commit().map(|()| value).map_err(EngineError::from),
            Err(error) => Err(error),
        };
        self.jobs_changed();
        if done.is_err() {
            self.plan.stale = true;
            // Where even reading fails now, it is tried again before anything else is done.
            let _ = self.freshen();
        }
        done
    }

    /// Reads everything back as the vault has it, if memory may be ahead of it.
    pub(super) fn freshen(&mut self) -> Result<(), EngineError> {
        if !self.plan.stale {
            return Ok(());
        }
        let overlay = self.vault.overlay();
        let Some(fresh) = Self::load(&self.vault, &overlay, &self.record.room)? else {
            return Err(EngineError::RoomState(
                "the vault does not have this room any more".to_owned(),
            ));
        };
        let plan = std::mem::take(&mut self.plan);
        let largest_message = self.largest_message;
        *self = fresh;
        self.plan = Plan {
            stale: false,
            // What failed is taken in again, from its beginning.
            greet: Vec::new(),
            ..plan
        };
        self.largest_message = largest_message;
        Ok(())
    }

    /// A new room on this device, written into the overlay.
    ///
    /// # Errors
    /// `EngineError`.
    #[allow(clippy::too_many_arguments)] // Each is a part of the room; a struct of them would be the room itself.
    pub(super) fn begin(
        vault: &Vault,
        overlay: &Overlay,
        record: RoomRecord,
        persona: PersonaKeys,
        group: Group,
        state: State,
        cursor: Cursor,
        first: &LogRecord,
    ) -> Result<Self, EngineError> {
        let mut room = Self {
            vault: vault.clone(),
            record,
            persona,
            group: Some(group),
            state,
            cursor,
            pending: None,
            doubts: Vec::new(),
            outbox: BTreeMap::new(),
            jobs: Mutex::default(),
            lies: Vec::new(),
            plan: Plan::default(),
            largest_message: LARGEST_MESSAGE,
        };
        room.list(overlay)?;
        room.know_bearers();
        room.state.is_kept_nowhere();
        room.keep_record(overlay)?;
        room.keep(overlay)?;
        overlay.put_value(room.place(Table::Log, room.cursor.position.0), first)?;
        Ok(room)
    }

    /// Forgets what is kept of a room, but for its log and its group.
    pub(super) fn forget_all(overlay: &Overlay, room: &RoomId) {
        for table in OF_A_ROOM {
            overlay.delete_scope(table, room.as_bytes());
        }
    }

    /// Puts the room among the vault's, once; of one that this device was in before, only what was read stays.
    fn list(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let listed = overlay.values::<RoomId>(Table::Rooms, b"", 0)?;
        if listed.iter().any(|(_, id)| *id == self.record.room) {
            Self::forget_all(overlay, &self.record.room);
            return Ok(());
        }
        let number = overlay.next_number(Table::Rooms, b"")?;
        overlay.put_value(Place::new(Table::Rooms, b"", number), &self.record.room)?;
        Ok(())
    }

    /// The rooms of a vault, in the order in which they came.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn all(vault: &Vault) -> Result<Vec<Self>, EngineError> {
        let overlay = vault.overlay();
        let mut rooms = Vec::new();
        for (_, id) in overlay.values::<RoomId>(Table::Rooms, b"", 0)? {
            rooms.extend(Self::load(vault, &overlay, &id)?);
        }
        Ok(rooms)
    }

    fn load(vault: &Vault, overlay: &Overlay, id: &RoomId) -> Result<Option<Self>, EngineError> {
        let at = |number| Place::new(Table::Rooms, id.as_bytes(), number);
        let (Some(record), Some(mut cursor), Some(state)) = (
            overlay.get_value::<RoomRecord>(&at(RECORD))?,
            overlay.get_value::<Cursor>(&at(CURSOR))?,
            load_state(overlay, id)?,
        ) else {
            return Ok(None);
        };
        let group = match Group::load(overlay, id) {
            Ok(group) => group.filter(Group::is_active),
            // A group that was damaged is as good as lost: it is renewed.
            Err(MlsError::Library(_) | MlsError::Storage(VaultError::Damaged(_))) => None,
            Err(error) => return Err(error.into()),
        };
        if group.is_none() && matches!(cursor.health, Health::Open | Health::Forked { .. } | Health::Gone) {
            cursor.health = Health::Unsynced {
                at: cursor.position.next(),
                why: "the state of the encrypted group is lost or damaged".to_owned(),
            };
        }
        if matches!(cursor.health, Health::NeedsUpgrade { floor } if floor <= FEATURE) {
            cursor.health = Health::Open;
        }
        let outbox = overlay.values(Table::Outbox, id.as_bytes(), 0)?;
        let outbox = outbox.into_iter().collect();
        let mut room = Self {
            vault: vault.clone(),
            lies: Vec::new(),
            persona: PersonaKeys::from_bytes(&record.persona_key.0),
            pending: overlay.get_value(&at(PENDING))?,
            doubts: overlay.get_value(&at(DOUBTS))?.unwrap_or_default(),
            record,
            group,
            state,
            cursor,
            outbox,
            jobs: Mutex::default(),
            plan: Plan::default(),
            largest_message: LARGEST_MESSAGE,
        };
        room.lies = overlay.get_value(&room.lies_place())?.unwrap_or_default();
        room.know_bearers();
        Ok(Some(room))
    }

    pub(super) fn keep_record(&self, overlay: &Overlay) -> Result<(), EngineError> {
        overlay.put_value(self.place(Table::Rooms, RECORD), &self.record)?;
        Ok(())
    }

    pub(super) fn keep_pending(&self, overlay: &Overlay) -> Result<(), EngineError> {
        match &self.pending {
            Some(pending) => overlay.put_value(self.place(Table::Rooms, PENDING), pending)?,
            None => overlay.delete(self.place(Table::Rooms, PENDING)),
        }
        Ok(())
    }

    /// Changes the cursor alone.
    pub(super) fn move_cursor(&mut self, change: impl FnOnce(&mut Cursor)) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            change(&mut room.cursor);
            overlay.put_value(room.place(Table::Rooms, CURSOR), &room.cursor)?;
            Ok(())
        })
    }

    /// The group, where this device has it.
    ///
    /// # Errors
    /// `EngineError::RoomState`.
    pub(super) fn group(&mut self) -> Result<&mut Group, EngineError> {
        self.group.as_mut().ok_or_else(|| {
            EngineError::RoomState("this device has lost the state of the encrypted group".to_owned())
        })
    }

    /// The MLS epoch (0 where there is no group).
    pub(super) fn epoch(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::epoch)
    }

    pub(super) fn place(&self, table: Table, number: u64) -> Place {
        Place::new(table, self.record.room.as_bytes(), number)
    }

    /// The person has read up to here.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mark_seen(&mut self, position: Position) -> Result<(), EngineError> {
        let position = position.min(self.cursor.position);
        if position > self.cursor.seen {
            self.move_cursor(|cursor| cursor.seen = position)?;
        }
        Ok(())
    }

    /// The person wants to read again from here on.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mark_unseen(&mut self, position: Position) -> Result<(), EngineError> {
        let before = Position(position.0.saturating_sub(1));
        if before < self.cursor.seen {
            self.move_cursor(|cursor| cursor.seen = before)?;
        }
        Ok(())
    }

    /// Everything was taken in that the relay has, at this minute.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mark_synced(&mut self, now: Minutes) -> Result<(), EngineError> {
        if self.cursor.synced != Some(now) {
            self.move_cursor(|cursor| cursor.synced = Some(now))?;
        }
        Ok(())
    }

    /// The relay does not open the channel with the keys at hand.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mark_gone(&mut self) -> Result<(), EngineError> {
        if self.cursor.health == Health::Open {
            self.move_cursor(|cursor| cursor.health = Health::Gone)?;
        }
        Ok(())
    }

    /// The relay opens the channel again.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mark_back(&mut self) -> Result<(), EngineError> {
        if self.cursor.health != Health::Gone {
            return Ok(());
        }
        self.transact(|room, overlay| {
            room.forget_own_renewal(overlay)?;
            room.cursor.health = Health::Open;
            room.keep(overlay)
        })
    }

    /// Whether this person may do it now.
    #[must_use]
    pub fn holds(&self, power: Power) -> bool {
        self.state.holds(&self.record.persona, power)
    }

    /// Place of this person among the keyholders: 0 is the first; none if not among them.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        self.state
            .keyholders()
            .iter()
            .position(|persona| *persona == self.record.persona)
    }

    /// A person's name, as far as the state knows them.
    #[must_use]
    pub fn name_of(&self, persona: &PersonaId) -> String {
        self.state
            .person(persona)
            .map_or_else(|| "somebody".to_owned(), |person| person.name.to_string())
    }

    /// The person of this name who is, or was last, in the room.
    ///
    /// # Errors
    /// `EngineError::NotFound`.
    pub fn named(&self, name: &str) -> Result<(PersonaId, &Person), EngineError> {
        let mut found: Vec<_> = self
            .state
            .people
            .iter()
            .filter(|(_, person)| person.name.is_like(name))
            .collect();
        found.sort_by_key(|(_, person)| {
            let gone = matches!(person.standing, Standing::Gone { .. });
            (gone, std::cmp::Reverse(person.number))
        });
        found
            .first()
            .map(|(persona, person)| (**persona, *person))
            .ok_or_else(|| EngineError::NotFound {
                what: "person",
                name: name.to_owned(),
            })
    }
}
