//! Remarks: what people do with each other's messages. A device's log holds the messages, the machine does not: it judges
//! what a remark says by itself, and [`Remark::fits`] decides, before sending and at replay alike, whether it fits the
//! message that it names.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, PersonaId, Position};
use crate::org::act::LONGEST_TEXT;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::name::is_unsafe;
use crate::org::power::Power;
use crate::org::state::State;

/// Messages that may be pinned in a room at once.
pub const MOST_PINS: usize = 16;

/// Marks that one person may put on a message.
pub const MARKS_OF_ONE: usize = 4;

/// Marks that a message may bear, of everybody.
pub const MARKS_OF_ALL: usize = 1000;

/// Longest mark in bytes of UTF-8.
pub const LONGEST_MARK: usize = 32;

/// Most hours after which words may be said to vanish: a year.
pub const LONGEST_VANISHING: u32 = 366 * 24;

/// Joins two pictures to one.
const JOINER: char = '\u{200d}';

/// Says that a sign is to be shown as a picture; left out, so that a mark has one form.
const AS_PICTURE: char = '\u{fe0f}';

/// A message, by its place in the log and the id of its act. Where another act stands there, it names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MessageRef {
    /// Where it stands.
    pub position: Position,
    /// The act's id.
    pub id: IntentId,
}

/// What somebody marks a message with: an emoji, a word. What is decoded and is in another form is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark(String);

/// What somebody does with a message of the room, or with what all of them have in common.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remark {
    /// Answers a message.
    Reply {
        /// Which.
        to: MessageRef,
        /// With what.
        text: String,
    },
    /// Marks a message, or takes the mark away.
    React {
        /// Which.
        to: MessageRef,
        /// With what.
        mark: Mark,
        /// It is put there.
        on: bool,
    },
    /// Says a message of one's own in other words; those before are gone.
    Edit {
        /// Which.
        of: MessageRef,
        /// The words.
        text: String,
    },
    /// Deletes a message of one's own.
    Unsay {
        /// Which.
        of: MessageRef,
    },
    /// Pins a message for everybody, or takes the pin away.
    Pin {
        /// Which.
        to: MessageRef,
        /// It is pinned.
        on: bool,
    },
    /// Says after how many hours words vanish that are said from now on.
    Vanish {
        /// Hours; 0: they are kept as long as each device keeps them.
        hours: u32,
    },
}

/// After how many hours words of a room vanish, and which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Vanishing {
    /// Hours; 0: they do not.
    pub hours: u32,
    /// Those after this position.
    pub since: Position,
}

/// What stands of a message in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// What its author may still say in other words, or delete.
    Own,
    /// Words that belong to a decision: they stay as they were said.
    Decision,
    /// Its author deleted it.
    Deleted,
    /// No words: it happened, or was forgotten.
    None,
}

/// A message as a device's log has it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The act's id.
    pub id: IntentId,
    /// Who wrote it.
    pub author: PersonaId,
    /// What stands of it.
    pub words: Written,
    /// What it was marked with.
    pub marks: &'a Marks,
}

/// What a message was marked with, and by whom, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Marks(Vec<(PersonaId, Mark)>);

impl Mark {
    /// A mark, in the form that it has everywhere. None if it is empty, longer than [`LONGEST_MARK`], or has blanks or
    /// characters that move a cursor, hide, or turn the direction of writing.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().filter(|c| *c != AS_PICTURE).collect();
        if text.is_empty() || text.len() > LONGEST_MARK {
            return None;
        }
        let mut before = ' ';
        for c in text.chars() {
            let joins = c == JOINER && !before.is_ascii() && before != JOINER;
            if !joins && (is_unsafe(c) || is_blank(c)) {
                return None;
            }
            before = c;
        }
        (before != JOINER).then_some(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A table of our own, because members with programs of different age must judge a mark alike.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

impl TryFrom<String> for Mark {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).filter(|mark| mark.0 == text).ok_or("no mark")
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(..)")
    }
}

impl fmt::Debug for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply { .. } => "Reply(..)",
            Self::React { .. } => "React(..)",
            Self::Edit { .. } => "Edit(..)",
            Self::Unsay { .. } => "Unsay(..)",
            Self::Pin { .. } => "Pin(..)",
            Self::Vanish { .. } => "Vanish(..)",
        })
    }
}

impl Marks {
    /// Marks, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&PersonaId, &Mark)> {
        self.0.iter().map(|(by, mark)| (by, mark))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody put this mark there.
    #[must_use]
    pub fn has(&self, by: &PersonaId, mark: &Mark) -> bool {
        self.iter().any(|(other, there)| other == by && there == mark)
    }

    /// Puts a mark there or takes it away, once; whether it may be is for [`Remark::fits`] to say.
    pub fn set(&mut self, by: &PersonaId, mark: &Mark, on: bool) {
        if !on {
            self.0.retain(|(other, there)| other != by || there != mark);
        } else if !self.has(by, mark) {
            self.0.push((*by, mark.clone()));
        }
    }

    fn is_full_for(&self, by: &PersonaId) -> bool {
        let own = self.0.iter().filter(|(other, _)| other == by).count();
        own >= MARKS_OF_ONE || self.0.len() >= MARKS_OF_ALL
    }
}

impl Remark {
    /// The message that it is about.
    #[must_use]
    pub const fn names(&self) -> Option<&MessageRef> {
        match self {
            Self::Reply { to, .. } | Self::React { to, .. } | Self::Pin { to, .. } => Some(to),
            Self::Edit { of, .. } | Self::Unsay { of } => Some(of),
            Self::Vanish { .. } => None,
        }
    }

    /// Whether it is what people say to each other, and no state of the room.
    #[must_use]
    pub const fn is_said(&self) -> bool {
        !matches!(self, Self::Pin { .. } | Self::Vanish { .. })
    }

    /// Whether it does something with the message that stands where it says, if there is one. What answers or pins a message
    /// that is not here says so, and that is all.
    ///
    /// # Errors
    /// `Denied::NoMessage`, `Denied::NotYourWords`, `Denied::TooManyMarks`.
    pub fn fits(&self, author: &PersonaId, message: Option<&Message<'_>>) -> Result<(), Denied> {
        let named = |of: &MessageRef| {
            let there = message.filter(|message| message.id == of.id);
            there.filter(|message| message.words != Written::None)
        };
        match self {
            Self::Reply { .. } | Self::Pin { .. } | Self::Vanish { .. } => Ok(()),
            Self::React { to, mark, on } => {
                let message = named(to).ok_or(Denied::NoMessage)?;
                if message.words == Written::Deleted {
                    return Err(Denied::NoMessage);
                }
                if *on && !message.marks.has(author, mark) && message.marks.is_full_for(author) {
                    return Err(Denied::TooManyMarks);
                }
                Ok(())
            }
            Self::Edit { of, .. } | Self::Unsay { of } => {
                let message = named(of).ok_or(Denied::NoMessage)?;
                if message.author != *author {
                    return Err(Denied::NotYourWords);
                }
                match (message.words, self) {
                    // Once more is no more.
                    (Written::Own, _) | (Written::Deleted, Self::Unsay { .. }) => Ok(()),
                    (Written::Decision, _) => Err(Denied::OfDecision),
                    _ => Err(Denied::NoMessage),
                }
            }
        }
    }
}

impl State {
    /// Whether a message is pinned.
    #[must_use]
    pub fn is_pinned(&self, message: &MessageRef) -> bool {
        self.pins.contains(message)
    }

    pub(super) fn judge_remark(&self, author: &PersonaId, remark: Box<Remark>) -> Result<Effect, Denied> {
        if remark.names().is_some_and(|named| named.position > self.position) {
            return Err(Denied::NoMessage);
        }
        match &*remark {
            Remark::Reply { text, .. } | Remark::Edit { text, .. }
                if text.is_empty() || text.len() > LONGEST_TEXT =>
            {
                return Err(Denied::Text);
            }
            Remark::Pin { to, on } if self.is_pinned(to) == *on => return Err(Denied::PinnedSo),
            Remark::Pin { on: true, .. } if self.pins.len() >= MOST_PINS => return Err(Denied::TooManyPins),
            Remark::Vanish { hours } => {
                self.with_power(author, Power::Facilitate)?;
                if *hours > LONGEST_VANISHING || *hours == self.vanishing.hours {
                    return Err(Denied::Vanishing);
                }
            }
            _ => {}
        }
        Ok(Effect::Remarked { remark })
    }

    pub(super) fn remark(&mut self, at: Position, remark: &Remark) {
        match remark {
            Remark::Pin { to, on: true } => self.pins.push(*to),
            Remark::Pin { to, on: false } => self.pins.retain(|pinned| pinned != to),
            Remark::Vanish { hours } => {
                self.vanishing = Vanishing {
                    hours: *hours,
                    since: at,
                };
            }
            Remark::Reply { .. } | Remark::React { .. } | Remark::Edit { .. } | Remark::Unsay { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_short_and_shows_what_it_is() {
        for good in ["👍", "+1", "да", "👩\u{200d}🚀", "❤", "👋🏽", "🇵🇾"] {
            assert_eq!(
                Mark::new(good).map(String::from).as_deref(),
                Some(good),
                "{good:?}"
            );
        }
        assert_eq!(Mark::new(" ❤\u{fe0f} "), Mark::new("❤"));
        let long = "a".repeat(LONGEST_MARK + 1);
        for bad in [
            "",
            " ",
            "\u{fe0f}",
            "a b",
            "a\u{a0}b",
            "a\nb",
            "\u{1b}[2J",
            "a\u{200d}b",
            "👩\u{200d}",
            "\u{200d}🚀",
            "👩\u{200d}\u{200d}🚀",
            "\u{202e}x",
            "\u{200b}",
            "\u{3164}",
            &long,
        ] {
            assert_eq!(Mark::new(bad), None, "{bad:?}");
        }
        for other in ["❤\u{fe0f}", " 👍", "👍 "] {
            assert!(
                Mark::try_from(other.to_owned()).is_err(),
                "{other:?} is not its form"
            );
        }
    }
}
