//! Entering a room with what was handed over: welcome, tree and snapshot must fit one another and the persona.
//! Where they come from, and whether the log shows the commit, is for the caller to see to.

use std::collections::BTreeMap;

use caucus_proto::codec;
use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, Minutes, PersonaId, Position};
use caucus_proto::org::state::LARGEST_SNAPSHOT;
use caucus_proto::org::{Genesis, Running, State, Tally};
use caucus_proto::wire::{Flag, RelayAddress};
use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::doubt::MOST_DOUBTS;
use super::error::EngineError;
use super::random;
use super::record::{Cursor, HeadFacts, Health, Item, Job, LogRecord, Remarks, RoomRecord, SecretKey};
use super::room::Room;
use super::send::Now;
use super::site::Site;
use crate::mls::{Group, MlsError, PersonaKeys};
use crate::vault::{Overlay, Table, Vault};

/// Bytes of what a newcomer is given.
const LARGEST_GIVEN: usize = 2 * LARGEST_SNAPSHOT;

/// Newcomers renew their keys within so many minutes, each at a moment of their own.
const FIRST_REFRESH: u64 = 30;

/// What a newcomer was handed.
pub(super) struct Handed<'a> {
    /// Where the channel is.
    pub relay: &'a RelayAddress,
    /// The channel that the room's log began in.
    pub channel: ChannelId,
    /// The channel that it lies in.
    pub lies_in: ChannelId,
    /// What the body began with.
    pub genesis: &'a Genesis,
    /// The newcomer's persona key.
    pub persona_key: &'a SecretKey,
    /// The MLS Welcome.
    pub welcome: &'a [u8],
    /// The ratchet tree.
    pub tree: &'a [u8],
    /// The state after the commit, and what is in doubt there ([`Given`]).
    pub snapshot: &'a [u8],
    /// Position of the commit.
    pub position: Position,
    /// The counter after it.
    pub counter: Counter,
    /// The running hash after it.
    pub running: Running,
    /// Access secret of the segment after it.
    pub access: &'a AccessSecret,
    /// What was said before; it is fetched once one is in.
    pub history: Option<&'a BlobRef>,
}

/// What a snapshot holds.
#[derive(Debug, Serialize, Deserialize)]
struct Given {
    /// The state, encoded.
    #[serde(with = "serde_bytes")]
    state: Vec<u8>,
    /// Commits whose verdict is open. Who enters behind one cannot go back behind it, and asks for renewal where it
    /// is found void.
    doubts: Vec<Tally>,
}

impl Given {
    fn read(bytes: &[u8]) -> Option<Self> {
        let given: Self = codec::decode(bytes, LARGEST_GIVEN).ok()?;
        (given.doubts.len() <= MOST_DOUBTS).then_some(given)
    }
}

impl Room {
    /// What a newcomer is given.
    pub(super) fn given(&self) -> Result<Vec<u8>, EngineError> {
        let given = Given {
            state: self.state.snapshot()?,
            doubts: self.doubts.clone(),
        };
        Ok(codec::encode(&given, LARGEST_GIVEN)?)
    }

    /// Whoever enters was given these doubts, and has nothing to go back to.
    pub(super) fn take_doubts(&mut self, overlay: &Overlay, handed: &Handed<'_>) -> Result<(), EngineError> {
        overlay.delete_scope(Table::Snapshots, self.record.room.as_bytes());
        let given = Given::read(handed.snapshot).map_or_else(Vec::new, |given| given.doubts);
        self.doubts = given;
        self.doubts.retain(|tally| tally.position() < handed.position);
        self.keep_doubts(overlay)
    }
}

impl Handed<'_> {
    /// The state, if it is one of this body at this position, with the newcomer in the room.
    pub(super) fn state(&self) -> Option<State> {
        let given = Given::read(self.snapshot)?;
        State::from_snapshot(&given.state).ok().filter(|state| {
            state.genesis == *self.genesis
                && state.channel == self.channel
                && state.position == self.position
                && self
                    .persona(state)
                    .and_then(|persona| state.person(&persona))
                    .is_some_and(|me| me.is_present())
        })
    }

    /// Where the log lies, if not in the channel that it began in.
    pub(super) fn site(&self) -> Option<Site> {
        let channel = self.lies_in;
        (channel != self.channel).then_some(Site {
            channel,
            begins: None,
        })
    }

    /// Who the newcomer is there: whoever comes back has a new key and the persona that they had.
    fn persona(&self, state: &State) -> Option<PersonaId> {
        state.bearer(&PersonaKeys::from_bytes(&self.persona_key.0).public())
    }

    /// Enters the room in this overlay; none if it leads nowhere. The vault's turn is held.
    pub(super) fn enter(
        &self,
        vault: &Vault,
        overlay: &Overlay,
        now: Now,
    ) -> Result<Option<Room>, EngineError> {
        let Some(state) = self.state() else {
            return Ok(None);
        };
        let Some(me) = self.persona(&state) else {
            return Ok(None);
        };
        let persona = PersonaKeys::from_bytes(&self.persona_key.0);
        let room = state.room();
        let Some(group) = self.join(overlay, &state)? else {
            return Ok(None);
        };
        let name = state
            .person(&me)
            .map_or_else(String::new, |me| me.name.to_string());
        let record = RoomRecord {
            room,
            body: self.genesis.body(),
            relay: self.relay.clone(),
            channel: self.channel,
            suite: self.genesis.suite,
            persona: me,
            persona_key: self.persona_key.clone(),
            control_key: SecretKey(random::bytes()?),
            joined_at: self.position,
            site: self.site(),
            former: Vec::new(),
        };
        let cursor = self.cursor(&state, now)?;
        let event = format!("you are in the room as {name}{}", told_to_whoever_comes(&state));
        let first = self.first(&group, &state, event);
        let mut room = Room::begin(vault, overlay, record, persona, group, state, cursor, &first)?;
        room.take_doubts(overlay, self)?;
        room.know_invites(overlay)?;
        if let Some(history) = self.history {
            let job = Job::TakeHistory {
                history: history.clone(),
                came: self.position,
            };
            room.keep_job(overlay, &job)?;
        }
        room.keep_vanishing(overlay)?;
        // Others hear at once that the newcomer is there, and need not greet again.
        room.want_heartbeat(now.ms.saturating_add(random::below(1_000)?));
        Ok(Some(room))
    }

    /// Joins the group; none if welcome and tree lead nowhere, or a leaf is certified by a key that is nobody's in this
    /// state: then the overlay is as it was.
    pub(super) fn join(&self, overlay: &Overlay, state: &State) -> Result<Option<Group>, EngineError> {
        let Some(persona) = self.persona(state) else {
            return Ok(None);
        };
        let mark = overlay.mark();
        let (room, bearers) = (state.room(), state.bearers().into());
        match Group::join(overlay, &room, &persona, self.welcome, self.tree, &bearers) {
            Ok(joined) if is_of(&joined.group, state) => Ok(Some(joined.group)),
            Err(MlsError::Storage(error)) => Err(error.into()),
            Ok(_) | Err(_) => {
                overlay.rollback(mark);
                Ok(None)
            }
        }
    }

    /// Where whoever enters begins to read.
    pub(super) fn cursor(&self, state: &State, now: Now) -> Result<Cursor, EngineError> {
        Ok(Cursor {
            position: self.position,
            counter: self.counter,
            running: self.running,
            flagged: self.position,
            access: self.access.clone(),
            controls: Vec::new(),
            health: Health::Open,
            heads: BTreeMap::new(),
            seen: self.position,
            synced: None,
            refresh: Minutes(now.minutes.0.saturating_add(1 + random::below(FIRST_REFRESH)?)),
            cut: state.now(),
            disputes: BTreeMap::new(),
            voids: Vec::new(),
            older: Vec::new(),
            refuges: Vec::new(),
            by_copy: None,
        })
    }

    /// The log record of the commit by which one comes in.
    pub(super) fn first(&self, group: &Group, state: &State, event: String) -> LogRecord {
        LogRecord {
            flag: Flag::Advance,
            author: None,
            name: String::new(),
            time: None,
            item: Item::Event(event),
            facts: HeadFacts {
                running: self.running,
                epoch: group.epoch(),
                authenticator: group.authenticator_hash(),
                root: state.root(),
            },
            act: None,
            remarks: Remarks::default(),
        }
    }
}

/// What whoever comes in should know before they say anything.
fn told_to_whoever_comes(state: &State) -> String {
    match state.charter().history.days {
        0 => String::new(),
        days => format!(
            ". Whoever comes in after you may be handed what was said in the room within {} before, by you too",
            days_of(days)
        ),
    }
}

fn days_of(days: u16) -> String {
    match days {
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    }
}

/// Whether every leaf of a group is certified by a key that its persona has in this state, or had while leaves of it may be
/// there.
fn is_of(group: &Group, state: &State) -> bool {
    group
        .certified()
        .all(|(persona, key)| state.person(&persona).is_some_and(|person| person.has_key(&key)))
}
