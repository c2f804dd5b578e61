//! The state of a room's machine: what every member's device agrees on at a position.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position, RoomId};
use crate::org::amend::Amended;
use crate::org::between::Between;
use crate::org::finality::Finality;
use crate::org::genesis::{GOVERNING_ROOM, Genesis};
use crate::org::kept::Noted;
use crate::org::mandate::{Mandate, Office, Turn};
use crate::org::meeting::Meeting;
use crate::org::person::{Person, Standing};
use crate::org::poll::Voter;
use crate::org::principles::Principles;
use crate::org::proposal::Proposal;
use crate::org::records::Records;
use crate::org::remark::{MessageRef, Vanishing};
use crate::org::roster::{Annex, OpenRoom};
use crate::org::sphere::Sphere;
use crate::org::witness::Clock;
use crate::org::witnesses::Witnesses;

/// Seats of a room.
pub const LARGEST_ROOM: usize = 1000;

/// Requests that may wait at once.
pub const WAITING_REQUESTS: usize = 200;

/// Invites that may be open at once.
pub const OPEN_INVITES: usize = 64;

/// People who are out of the group and still remembered. The first to have applied are forgotten first.
pub const GONE_REMEMBERED: usize = 4096;

/// Largest encoded snapshot.
pub const LARGEST_SNAPSHOT: usize = 16 * 1024 * 1024;

/// An open invite.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Invite {
    /// A small number for people.
    pub number: u32,
    /// Who opened it.
    pub by: PersonaId,
    /// How many may still come by it.
    pub left: u16,
    /// Until when, in witnessed time.
    pub expires: Minutes,
    /// Where requests are dropped.
    pub drop: ChannelId,
    /// Position of the cut whose access secret its keys come from (0: the founding).
    pub access: Position,
    /// Somebody who is out knows that secret: no new request comes by it, and those that came before may
    /// still be admitted.
    pub closed: bool,
}

impl Invite {
    /// Whether anybody may still be admitted by it.
    #[must_use]
    pub const fn is_live(&self, now: Minutes) -> bool {
        self.left > 0 && self.expires.0 >= now.0
    }

    /// Whether a new request may come by it.
    #[must_use]
    pub const fn is_open(&self, now: Minutes) -> bool {
        !self.closed && self.is_live(now)
    }
}

/// The state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// What the body began with.
    pub genesis: Genesis,
    /// The room's channel.
    pub channel: ChannelId,
    /// The last position applied.
    pub position: Position,
    /// The feature floor (law 15).
    pub floor: u16,
    /// Witnessed time (law 6).
    pub clock: Clock,
    /// Everybody who applied and was not declined, in order of persona; of those who are out at most
    /// [`GONE_REMEMBERED`].
    pub people: Records<PersonaId, Person>,
    /// Invites by their act's id: open ones, and those that still matter to a waiting request.
    pub invites: Records<IntentId, Invite>,
    /// Number of the next invite.
    pub next_invite: u32,
    /// Number of the next person.
    pub next_person: u32,
    /// Position of the last cut (0: the founding).
    pub access: Position,
    /// The last cut answered wrong keys: its own come from an older secret, so another cut is due.
    pub answered: bool,
    /// The charter, once it is another than the founding's.
    pub amended: Option<Box<Amended>>,
    /// Who holds which office, the longest held first.
    pub mandates: Vec<Mandate>,
    /// The place in the order of whoever had an office last.
    pub turns: BTreeMap<Office, Turn>,
    /// The time of the founding's caretaker is over.
    pub begun: bool,
    /// Whom the last election of an office chose, and how often in a row each was elected into it.
    pub served: BTreeMap<Office, Vec<(PersonaId, u16)>>,
    /// The points of unity, once there are some.
    pub principles: Option<Principles>,
    /// Rooms of the body that are open besides this one, where this is its governing one.
    pub rooms: Vec<OpenRoom>,
    /// Where this room belongs, where it is not the governing one.
    pub annex: Option<Annex>,
    /// Proposals by their act's id: those that are not decided, and the latest decisions.
    pub proposals: Records<IntentId, Proposal>,
    /// Number of the next proposal.
    pub next_proposal: u32,
    /// Who may vote in the polls that are not final, by the proposal's number, with their ballots.
    pub voters: Records<(u32, PersonaId), Voter>,
    /// What waits to be final.
    pub finality: Finality,
    /// Meetings by their act's id: those whose minutes are not adopted, and the latest that are over.
    pub meetings: Records<IntentId, Meeting>,
    /// Number of the next meeting.
    pub next_meeting: u32,
    /// What the body has to do with others.
    pub between: Between,
    /// Witnessed time of the last move to another relay.
    pub relocated: Option<Minutes>,
    /// Messages that are pinned, the first pinned first.
    pub pins: Vec<MessageRef>,
    /// After how many hours words vanish.
    pub vanishing: Vanishing,
    /// What follows from people and clock, for witnessed time.
    #[serde(skip)]
    pub(super) witnesses: Witnesses,
    /// Whose records changed since they were kept last.
    #[serde(skip)]
    pub(super) noted: Noted,
}

impl State {
    /// The state of a body that was just founded, before the first entry.
    #[must_use]
    pub fn found(genesis: Genesis, channel: ChannelId) -> Self {
        let innermost = genesis.charter.spheres.last().copied();
        let founder = Person {
            control: Some(genesis.control),
            latest: Some(genesis.founded),
            active: Some(genesis.founded),
            elector: true,
            ..Person::new(
                genesis.founder,
                genesis.founder_name.clone(),
                0,
                innermost.unwrap_or(Sphere::Cadre),
                genesis.founded,
            )
        };
        let mut state = Self {
            channel,
            position: Position(0),
            floor: 1,
            clock: Clock::start(genesis.founded),
            people: BTreeMap::from([(genesis.founder_id(), founder)]).into(),
            invites: Records::default(),
            next_invite: 1,
            next_person: 1,
            access: Position(0),
            answered: false,
            amended: None,
            mandates: Vec::new(),
            turns: BTreeMap::new(),
            begun: false,
            served: BTreeMap::new(),
            principles: None,
            rooms: Vec::new(),
            annex: None,
            proposals: Records::default(),
            next_proposal: 1,
            voters: Records::default(),
            finality: Finality::default(),
            meetings: Records::default(),
            next_meeting: 1,
            between: Between::default(),
            relocated: None,
            pins: Vec::new(),
            vanishing: Vanishing::default(),
            witnesses: Witnesses::default(),
            noted: Noted::default(),
            genesis,
        };
        state.fill_seats(Position(0));
        state.settle();
        state
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        RoomId::of(&self.genesis.body(), self.room_name())
    }

    /// The room's name.
    #[must_use]
    pub fn room_name(&self) -> &str {
        self.annex
            .as_ref()
            .map_or(GOVERNING_ROOM, |annex| annex.name.as_str())
    }

    /// Witnessed time.
    #[must_use]
    pub fn now(&self) -> Minutes {
        self.clock.now
    }

    /// A person.
    #[must_use]
    pub fn person(&self, persona: &PersonaId) -> Option<&Person> {
        self.people.get(persona)
    }

    /// People in the room with voice.
    pub fn present(&self) -> impl Iterator<Item = (&PersonaId, &Person)> {
        self.people.iter().filter(|(_, person)| person.is_present())
    }

    /// People whose heads count in a verdict: with voice, each with whether they await renewal.
    pub fn voters(&self) -> impl Iterator<Item = (PersonaId, bool)> {
        self.present()
            .map(|(persona, person)| (*persona, person.wants.is_some()))
    }

    /// People whose accepted admission or removal, or whose renewal or older leaf, waits for a commit.
    pub fn unexecuted(&self) -> impl Iterator<Item = (&PersonaId, &Person)> {
        let waits = |p: &Person| {
            matches!(p.standing, Standing::Admitted { .. })
                || p.is_leaving()
                || p.comes_back_by().is_some()
                || p.older > 0
        };
        self.people.iter().filter(move |(_, person)| waits(person))
    }

    /// Whether somebody who is out of the group may know the channel's keys (law 11).
    #[must_use]
    pub fn is_uncut(&self) -> bool {
        self.answered || self.people.values().any(Person::is_uncut)
    }

    /// The snapshot for a joiner or a vault.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn snapshot(&self) -> Result<Vec<u8>, Misuse> {
        codec::encode(self, LARGEST_SNAPSHOT)
    }

    /// A state from a snapshot; whether it is the room's, others' heads must show.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, PeerFault> {
        let state: Self = codec::decode(bytes, LARGEST_SNAPSHOT)?;
        for charter in [&state.genesis.charter, state.charter()] {
            charter.check().map_err(|_| PeerFault::Malformed)?;
        }
        Ok(state)
    }
}
