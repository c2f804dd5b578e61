//! What was said before somebody came into a room, as one who was there hands it to them, where the charter wants that.
//!
//! It is that person's word and nothing more: it enters no state, no head and no proof. Whoever gets it keeps it apart
//! from what their own device took in, and shows whose word it is.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec;
use crate::id::{ChannelId, Minutes, PersonaId, Position, RoomId};
use crate::label::{Label, hash};
use crate::org::act::LONGEST_TEXT;
use crate::org::attachment::{Attachment, LARGEST_FILE};
use crate::org::between::Entry;
use crate::org::mandate::DAY;
use crate::org::meeting::LONGEST_MINUTES;
use crate::org::name::Name;
use crate::org::sign::Signature;
use crate::org::state::State;

/// Messages that are handed over at most, the newest.
pub const MOST_TOLD: usize = 2_000;

/// Announcements that are handed over at most, the newest.
pub const MOST_HEARD: usize = 500;

/// Bytes that are handed over at most.
pub const LARGEST_HISTORY: usize = 4 * 1024 * 1024;

/// Why it is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BadHistory {
    /// Not what it should be at all.
    #[error("it is malformed or too large")]
    Malformed,
    /// The charter does not want it.
    #[error("the charter hands over nothing of the kind")]
    Unwanted,
    /// Of another room, or of another moment.
    #[error("it is not of this room before one came")]
    Elsewhere,
    /// By nobody who is in the room, or not signed by them.
    #[error("nobody in the room has signed it")]
    NotSigned,
    /// Out of order, twice at one place, or where one was already there.
    #[error("its places are not those before one came, in order")]
    Order,
    /// Nobody could have said it.
    #[error("nobody could have said what is in it")]
    Words,
}

/// What somebody said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Words {
    /// In the room.
    Said(String),
    /// With a file.
    Attached {
        /// What; may be empty.
        text: String,
        /// The file.
        file: Box<Attachment>,
    },
    /// About a proposal.
    Discussed {
        /// Its number.
        proposal: u32,
        /// What.
        text: String,
    },
    /// As the minutes of a meeting.
    Minutes {
        /// Its number.
        meeting: u32,
        /// Which version.
        version: u32,
        /// Their text.
        text: String,
    },
}

/// Words with their place, as whoever hands them over has them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Where they stand in the room's log.
    pub position: Position,
    /// Who said them.
    pub author: PersonaId,
    /// Their name then.
    pub name: Name,
    /// By their clock.
    pub time: Minutes,
    /// What.
    pub words: Words,
}

/// What another body published, as whoever hands it over has it. What one's own body did stands in the state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// Over which link.
    pub link: u32,
    /// What was published.
    pub entry: Entry,
}

/// What is handed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct History {
    /// Of which room.
    pub room: RoomId,
    /// On which channel.
    pub channel: ChannelId,
    /// Position of the commit by which those came for whom it is.
    pub before: Position,
    /// Who hands it over.
    pub by: PersonaId,
    /// What was said, in order.
    pub told: Vec<Told>,
    /// What was announced, by link and number.
    pub heard: Vec<Heard>,
}

/// What is handed over, signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedHistory {
    /// What.
    pub history: History,
    /// By the persona key of who hands it over, over [`SignedHistory::digest`].
    pub signature: Signature,
}

// Nobody's words stand in a log of the program.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(..)")
    }
}

impl Words {
    fn judge(&self) -> Result<(), BadHistory> {
        let (text, least, most) = match self {
            Self::Said(text) | Self::Discussed { text, .. } => (text, 1, LONGEST_TEXT),
            Self::Attached { text, .. } => (text, 0, LONGEST_TEXT),
            Self::Minutes { text, .. } => (text, 0, LONGEST_MINUTES),
        };
        let large = matches!(self, Self::Attached { file, .. } if file.size > LARGEST_FILE);
        if large || !(least..=most).contains(&text.len()) {
            return Err(BadHistory::Words);
        }
        Ok(())
    }
}

impl State {
    /// From when on what was said is handed over; none where the charter hands over nothing.
    #[must_use]
    pub fn told_since(&self) -> Option<Minutes> {
        let days = u64::from(self.charter().history.days);
        // Where words vanish, nobody is handed what would vanish from everybody else.
        (days > 0 && self.vanishing.hours == 0)
            .then(|| Minutes(self.now().0.saturating_sub(days.saturating_mul(DAY))))
    }
}

impl SignedHistory {
    /// What is signed.
    ///
    /// # Errors
    /// `BadHistory::Malformed` if it is too large.
    pub fn digest(history: &History) -> Result<[u8; 32], BadHistory> {
        let bytes = codec::encode(history, LARGEST_HISTORY).map_err(|_| BadHistory::Malformed)?;
        Ok(hash(Label::History, &[&bytes]))
    }

    /// From bytes.
    ///
    /// # Errors
    /// `BadHistory::Malformed`.
    pub fn read(bytes: &[u8]) -> Result<Self, BadHistory> {
        codec::decode(bytes, LARGEST_HISTORY).map_err(|_| BadHistory::Malformed)
    }

    /// Whether it may be kept by somebody who came into this room by the commit at `came`. The same is asked before it is
    /// handed over. That the words are right, nothing shows.
    ///
    /// # Errors
    /// `BadHistory`.
    pub fn judge(&self, state: &State, came: Position) -> Result<(), BadHistory> {
        let History {
            room,
            channel,
            before,
            by,
            told,
            heard,
        } = &self.history;
        if *room != state.room() || *channel != state.channel || *before != came {
            return Err(BadHistory::Elsewhere);
        }
        let rule = &state.charter().history;
        if (rule.days == 0 && !told.is_empty()) || (!rule.announcements && !heard.is_empty()) {
            return Err(BadHistory::Unwanted);
        }
        if told.len() > MOST_TOLD || heard.len() > MOST_HEARD {
            return Err(BadHistory::Malformed);
        }
        let person = state.person(by).filter(|person| person.is_present());
        let key = person.ok_or(BadHistory::NotSigned)?.key;
        key.verify(&Self::digest(&self.history)?, &self.signature)
            .map_err(|_| BadHistory::NotSigned)?;
        let place = |heard: &Heard| (heard.link, heard.entry.number);
        let in_order = told.is_sorted_by(|a, b| a.position < b.position)
            && heard.is_sorted_by(|a, b| place(a) < place(b));
        if !in_order || told.last().is_some_and(|last| last.position >= came) {
            return Err(BadHistory::Order);
        }
        told.iter().try_for_each(|told| told.words.judge())?;
        heard.iter().try_for_each(|heard| heard.judge(state))
    }
}

impl Heard {
    /// Whether it is something that the body at the other end of a link may say.
    fn judge(&self, state: &State) -> Result<(), BadHistory> {
        let link = state.between.links.get(&self.link);
        let peer = link.and_then(|link| link.peer.as_ref());
        let body = peer.map(|peer| peer.card.body);
        if body != Some(self.entry.body) || self.entry.number == 0 {
            return Err(BadHistory::Elsewhere);
        }
        self.entry.item.judge().map_err(|_| BadHistory::Words)
    }
}
