//! Meetings: called for a date, held, closed, their minutes written and adopted ([`crate::org::meet`]). A vote by hands is
//! recorded as one and decides nothing: what binds a body is a poll.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::org::mandate::DAY;
use crate::org::person::Person;
use crate::org::power::Power;
use crate::org::state::State;

/// Points of an agenda.
pub const MOST_POINTS: usize = 50;

/// Longest point of an agenda, in bytes.
pub const LONGEST_POINT: usize = 200;

/// Meetings whose minutes are not adopted yet, at once.
pub const OPEN_MEETINGS: usize = 16;

/// Meetings that are over and remembered; the first are forgotten first, and stay in the log.
pub const REMEMBERED_MEETINGS: usize = 256;

/// Votes by hands of one meeting.
pub const MOST_HANDS: usize = 64;

/// Longest question of a vote by hands, in bytes.
pub const LONGEST_QUESTION: usize = 500;

/// Who confirms a count, and as many who contest it.
pub const MOST_WITNESSES: usize = 16;

/// Turns to speak that are remembered of one meeting; later ones stand in the log only.
pub const MOST_TURNS: usize = 512;

/// Longest minutes, in bytes.
pub const LONGEST_MINUTES: usize = 16 * 1024;

/// Days that a meeting may be called ahead.
pub const FARTHEST: u64 = 3660;

/// Minutes after which anybody who is there may close a meeting.
pub const LONGEST_MEETING: u64 = DAY;

/// Days after its date when a meeting that nobody opened takes no place any more.
pub const UNOPENED: u64 = 30;

/// Days after its close when a meeting whose minutes nobody adopts takes no place any more.
pub const UNADOPTED: u64 = 90;

/// A meeting. Once it is over, only title, dates, how many came and what identifies the minutes stay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// A small number for people.
    pub number: u32,
    /// Who called it.
    pub by: PersonaId,
    /// When it was called.
    pub called: Minutes,
    /// In a few words.
    pub title: String,
    /// For when it is called.
    pub at: Minutes,
    /// What is to be spoken of.
    pub agenda: Vec<Point>,
    /// How far it is.
    pub stage: MeetingStage,
    /// When it began.
    pub opened: Option<Moment>,
    /// When it ended.
    pub closed: Option<Moment>,
    /// Everybody who was there, now or before.
    pub people: BTreeMap<PersonaId, Attendance>,
    /// How many they are.
    pub attended: u32,
    /// Who asks to speak, the first to have asked first.
    pub queue: Vec<PersonaId>,
    /// Who has the word.
    pub speaker: Option<PersonaId>,
    /// Which point it is at, from 1.
    pub item: Option<u16>,
    /// To whom the word was given, in order.
    pub turns: Vec<Given>,
    /// Votes by hands, in order.
    pub hands: Vec<Hands>,
    /// What is known of its minutes.
    pub minutes: Option<Minuted>,
}

/// How far a meeting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MeetingStage {
    /// It is called.
    Called,
    /// It is held.
    Held,
    /// It is closed, and its minutes are not adopted yet.
    Closed,
    /// Its minutes are adopted.
    Adopted,
    /// It was called off.
    Cancelled,
    /// Nobody opened it, or adopted its minutes, in time.
    Lapsed,
}

/// A time and a place in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// When, in witnessed time.
    pub at: Minutes,
    /// Where.
    pub position: Position,
}

/// A point of an agenda.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// In words.
    pub text: String,
    /// When it was reached first.
    pub reached: Option<Minutes>,
}

/// Somebody at a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attendance {
    /// Since when.
    pub came: Minutes,
    /// When they left, if they did and have not come back.
    pub left: Option<Minutes>,
}

/// The word, as it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Given {
    /// To whom.
    pub to: PersonaId,
    /// At which point, from 1.
    pub item: Option<u16>,
    /// When.
    pub at: Minutes,
}

/// A vote by hands, as whoever guided the meeting counted it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands {
    /// Who counted.
    pub by: PersonaId,
    /// When.
    pub at: Minutes,
    /// At which point, from 1.
    pub item: Option<u16>,
    /// On what.
    pub question: String,
    /// For it.
    pub yes: u16,
    /// Against it.
    pub no: u16,
    /// Neither.
    pub abstain: u16,
    /// Who says that the counts are right.
    pub right: Vec<PersonaId>,
    /// Who says that they are not.
    pub wrong: Vec<PersonaId>,
}

/// What is known of minutes; their text stands in the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Minuted {
    /// Who wrote them.
    pub by: PersonaId,
    /// From 1; every text makes another.
    pub version: u32,
    /// Hash of the text.
    pub hash: [u8; 32],
    /// Its bytes.
    pub length: u32,
    /// Where it stands.
    pub written: Moment,
    /// Who adopts them.
    pub adopted: Vec<PersonaId>,
    /// Who contests them.
    pub contested: Vec<PersonaId>,
}

/// What is done with a meeting.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeetingStep {
    /// Sets the agenda.
    Agenda {
        /// Its points.
        items: Vec<String>,
    },
    /// Begins it.
    Open,
    /// Says that the author is there, or leaves.
    Here {
        /// There.
        here: bool,
    },
    /// Asks to speak, or takes that back; whoever has the word gives it back.
    Ask {
        /// Asks.
        ask: bool,
    },
    /// Gives the word.
    Give {
        /// To somebody who asked.
        persona: PersonaId,
    },
    /// Goes to a point of the agenda.
    Item {
        /// Which, from 1.
        item: u16,
    },
    /// Records a vote by hands.
    Hands {
        /// On what.
        question: String,
        /// For it.
        yes: u16,
        /// Against it.
        no: u16,
        /// Neither.
        abstain: u16,
    },
    /// Says whether the counts of a vote by hands are right.
    Witness {
        /// Which, from 1.
        vote: u16,
        /// They are.
        right: bool,
    },
    /// Ends it.
    Close,
    /// Writes the minutes, or writes them anew.
    Minutes {
        /// Their text.
        text: String,
    },
    /// Adopts the minutes.
    Adopt {
        /// Which version.
        version: u32,
    },
    /// Says that the minutes are not right.
    Contest {
        /// Which version.
        version: u32,
        /// Why.
        reason: String,
    },
    /// Calls it off.
    Cancel,
}

/// What an accepted step changes.
#[derive(Clone, PartialEq, Eq)]
pub enum MeetingMoved {
    /// The agenda is another.
    Planned {
        /// Its points.
        items: Vec<String>,
    },
    /// It has begun.
    Opened,
    /// The author is there.
    Came,
    /// The author left.
    Left,
    /// The author asks to speak.
    Asked,
    /// The author does not ask any more, or has spoken.
    TookBack,
    /// Somebody has the word.
    Given {
        /// Who.
        persona: PersonaId,
    },
    /// A point is reached.
    Reached {
        /// Which, from 1.
        item: u16,
    },
    /// A vote by hands is recorded.
    Counted {
        /// On what.
        question: String,
        /// For it.
        yes: u16,
        /// Against it.
        no: u16,
        /// Neither.
        abstain: u16,
    },
    /// Somebody else says whether the counts are right.
    Witnessed {
        /// Of which vote, from 1.
        vote: u16,
        /// They are.
        right: bool,
    },
    /// It has ended.
    Closed,
    /// There are minutes, or others.
    Minuted {
        /// Their text.
        text: String,
        /// Which version.
        version: u32,
        /// Its hash.
        hash: [u8; 32],
    },
    /// Somebody adopts the minutes.
    Adopted {
        /// Enough have done so.
        done: bool,
    },
    /// Somebody says that the minutes are not right.
    Contested {
        /// Why.
        reason: String,
    },
    /// It is called off.
    Cancelled,
}

// What people plan, ask and write stays out of logs.
impl fmt::Debug for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meeting({}, {:?})", self.number, self.stage)
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Point(..)")
    }
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands(..)")
    }
}

impl fmt::Debug for MeetingStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingStep(..)")
    }
}

impl fmt::Debug for MeetingMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingMoved(..)")
    }
}

impl Meeting {
    /// Whether it is neither adopted nor cancelled nor lapsed.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(
            self.stage,
            MeetingStage::Called | MeetingStage::Held | MeetingStage::Closed
        )
    }

    /// Whether somebody is marked as being there.
    #[must_use]
    pub fn is_here(&self, persona: &PersonaId) -> bool {
        self.people
            .get(persona)
            .is_some_and(|attendance| attendance.left.is_none())
    }

    /// Whether nobody waits for it any more.
    pub(super) fn has_lapsed(&self, now: Minutes) -> bool {
        let over = |since: Minutes, days: u64| now.0 > since.0.saturating_add(days * DAY);
        match self.stage {
            MeetingStage::Called => over(self.at, UNOPENED),
            MeetingStage::Closed => self.closed.is_some_and(|closed| over(closed.at, UNADOPTED)),
            _ => false,
        }
    }
}

impl State {
    /// A meeting.
    #[must_use]
    pub fn meeting(&self, id: &IntentId) -> Option<&Meeting> {
        self.meetings.get(id)
    }

    /// Who is there, of those who are in the room.
    #[must_use]
    pub fn here(&self, meeting: &Meeting) -> Vec<PersonaId> {
        let here = meeting.people.keys().filter(|id| meeting.is_here(id));
        here.filter(|id| self.is_in(id)).copied().collect()
    }

    /// Who asks to speak, the first to have asked first.
    #[must_use]
    pub fn speakers(&self, meeting: &Meeting) -> Vec<PersonaId> {
        let asks = meeting.queue.iter().filter(|id| self.is_in(id));
        asks.copied().collect()
    }

    /// Whether somebody guides a meeting: who may facilitate; while nobody who may is there, whoever called it too.
    #[must_use]
    pub fn guides(&self, meeting: &Meeting, persona: &PersonaId) -> bool {
        if self.holds(persona, Power::Facilitate) {
            return true;
        }
        let guided = |id: &PersonaId| self.holds(id, Power::Facilitate);
        meeting.by == *persona && !self.here(meeting).iter().any(guided)
    }

    /// Whose adoption counts: who was there and is in the room, never the author of the minutes (law 13). Where there is
    /// nobody else, everybody else in the room, and one of them is enough.
    #[must_use]
    pub fn adopters(&self, meeting: &Meeting) -> (Vec<PersonaId>, usize) {
        let author = meeting.minutes.as_ref().map(|minutes| minutes.by);
        let other = |id: &&PersonaId| Some(**id) != author && self.is_in(id);
        let there: Vec<_> = meeting.people.keys().filter(other).copied().collect();
        if there.is_empty() {
            let others = self.present().map(|(id, _)| id).filter(other);
            return (others.copied().collect(), 1);
        }
        let enough = there.len() / 2 + 1;
        (there, enough)
    }

    fn is_in(&self, persona: &PersonaId) -> bool {
        self.person(persona).is_some_and(Person::is_present)
    }
}
