//! What a body says to others: announcements, directives, and that one of them is withdrawn.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::forward::Forwarded;
use crate::id::Minutes;
use crate::org::attachment::{Attachment, LARGEST_FILE};
use crate::org::denied::Denied;
use crate::org::proposal::{LONGEST_PROPOSAL, LONGEST_TITLE};

/// Fields of a report.
pub(super) const MOST_FIELDS: usize = 16;

/// Longest label of a field or of a choice, in bytes.
pub(super) const LONGEST_LABEL: usize = 80;

/// Choices of a field.
pub(super) const MOST_CHOICES: usize = 16;

/// Files of an announcement, or of a report.
const MOST_FILES: usize = 8;

/// Longest tag of a language, in bytes (RFC 5646, section 4.4.1).
pub(super) const LONGEST_LANGUAGE: usize = 35;

/// What a body tells others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// In a few words.
    pub title: String,
    /// In more.
    pub text: String,
    /// Tag of its language (RFC 5646); empty for none.
    pub language: String,
    /// When it is over.
    pub expires: Option<Minutes>,
    /// Files that go with it.
    pub files: Vec<Attachment>,
    /// Number of the item whose place it takes.
    pub replaces: Option<u32>,
}

/// How urgent a directive is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Priority {
    /// As it comes.
    #[default]
    Normal,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

/// What a field of a report takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FieldKind {
    /// Words.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    YesNo,
    /// One of these.
    Choice(Vec<String>),
}

/// A field of a report.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What is asked.
    pub label: String,
    /// What it takes.
    pub kind: FieldKind,
}

/// A directive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// In a few words.
    pub title: String,
    /// What is to be done.
    pub text: String,
    /// By when.
    pub due: Option<Minutes>,
    /// By when it is to be acknowledged.
    pub acknowledge: Option<Minutes>,
    /// How urgent it is.
    pub priority: Priority,
    /// What a report on it tells.
    pub form: Vec<Field>,
    /// Number of the directive whose place it takes.
    pub replaces: Option<u32>,
}

/// What a body says to others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// It tells something.
    Announcement(Box<Announcement>),
    /// It asks for something to be done.
    Order(Box<Order>),
    /// Something that it said holds no more.
    Withdrawal {
        /// The number of that.
        of: u32,
        /// It is a directive.
        directive: bool,
        /// Why; may be empty.
        reason: String,
    },
    /// It tells what another body told, with that body's signature.
    Forwarded(Box<Forwarded>),
}

fn fits(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.len() <= most
}

impl Announcement {
    fn judge(&self) -> Result<(), Denied> {
        if !fits(&self.title, LONGEST_TITLE)
            || self.text.len() > LONGEST_PROPOSAL
            || self.language.len() > LONGEST_LANGUAGE
        {
            return Err(Denied::Text);
        }
        judge_files(&self.files)
    }
}

/// Whether so many files may go with something, each of a size that there is.
pub(super) fn judge_files(files: &[Attachment]) -> Result<(), Denied> {
    if files.len() > MOST_FILES || files.iter().any(|file| file.size > LARGEST_FILE) {
        Err(Denied::File)
    } else {
        Ok(())
    }
}

impl Field {
    fn is_sound(&self) -> bool {
        let choices = match &self.kind {
            FieldKind::Choice(choices) => {
                (2..=MOST_CHOICES).contains(&choices.len())
                    && choices.iter().all(|choice| fits(choice, LONGEST_LABEL))
            }
            FieldKind::Text | FieldKind::Number | FieldKind::YesNo => true,
        };
        choices && fits(&self.label, LONGEST_LABEL)
    }
}

impl Order {
    fn judge(&self) -> Result<(), Denied> {
        if !fits(&self.title, LONGEST_TITLE) || self.text.len() > LONGEST_PROPOSAL {
            return Err(Denied::Text);
        }
        if self.form.len() > MOST_FIELDS || !self.form.iter().all(Field::is_sound) {
            return Err(Denied::Form);
        }
        let late = |acknowledge| self.due.is_some_and(|due| acknowledge > due);
        if self.acknowledge.is_some_and(late) {
            return Err(Denied::Dates);
        }
        Ok(())
    }
}

impl Item {
    /// The number of the item whose place it takes or which it withdraws.
    #[must_use]
    pub fn replaces(&self) -> Option<u32> {
        match self {
            Self::Announcement(said) => said.replaces,
            Self::Order(order) => order.replaces,
            Self::Withdrawal { of, .. } => Some(*of),
            // What that takes the place of has the origin's numbers.
            Self::Forwarded(_) => None,
        }
    }

    /// The directive, if it is one.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
            _ => None,
        }
    }

    /// Whether it speaks of what is to be done: such items stand in the log of who receives them.
    #[must_use]
    pub const fn directs(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Withdrawal { directive: true, .. })
    }

    /// Whether an item of this kind may take the other's place.
    #[must_use]
    pub const fn may_replace(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Withdrawal { directive, .. }, Self::Order(_)) => *directive,
            (Self::Withdrawal { directive, .. }, Self::Announcement(_) | Self::Forwarded(_)) => !*directive,
            (Self::Announcement(_), Self::Announcement(_)) | (Self::Order(_), Self::Order(_)) => true,
            _ => false,
        }
    }

    /// Whether it is bounded and says something.
    ///
    /// # Errors
    /// `Denied`.
    pub fn judge(&self) -> Result<(), Denied> {
        match self {
            Self::Announcement(said) => said.judge(),
            Self::Order(order) => order.judge(),
            Self::Withdrawal { reason, .. } if reason.len() > LONGEST_PROPOSAL => Err(Denied::Text),
            Self::Withdrawal { .. } => Ok(()),
            Self::Forwarded(forwarded) => forwarded.judge(),
        }
    }
}

// What bodies say to each other stays out of logs.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announcement(_) => "Announcement(..)",
            Self::Order(_) => "Order(..)",
            Self::Withdrawal { .. } => "Withdrawal(..)",
            Self::Forwarded(_) => "Forwarded(..)",
        })
    }
}
