//! What a body does with a directive: received, acknowledged, adopted or declined, carried out, reported on. The same
//! function judges it where it is done and where it is told.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::item::{Field, FieldKind, Order, judge_files};
use crate::id::Minutes;
use crate::org::attachment::Attachment;
use crate::org::denied::Denied;

/// Longest reason or report in words, in bytes.
pub const LONGEST_ANSWER: usize = 4 * 1024;

/// Longest words in a field of a report, in bytes.
pub(super) const LONGEST_VALUE: usize = 512;

/// What a field of a report says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Words.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    YesNo(bool),
    /// The choice of this place, from 0.
    Choice(u8),
}

/// What is done with a directive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It stands in the body's log.
    Received,
    /// Somebody with a mandate has read it.
    Acknowledged,
    /// The body does it.
    Adopted,
    /// It does not.
    Declined {
        /// Why.
        reason: String,
    },
    /// It is done.
    CarriedOut,
    /// What came of it.
    Reported {
        /// By the fields of the form.
        values: Vec<Value>,
        /// In words; may be empty.
        text: String,
        /// Files that go with it.
        files: Vec<Attachment>,
    },
}

/// Whether a body does what a directive asks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It does.
    Adopted,
    /// It does not.
    Declined {
        /// Why.
        reason: String,
    },
}

/// How far a body is with a directive.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// It stands in the body's log.
    pub received: Option<Minutes>,
    /// Somebody with a mandate has read it.
    pub acknowledged: Option<Minutes>,
    /// Whether it is done.
    pub decided: Option<(Minutes, Decision)>,
    /// It is done.
    pub carried_out: Option<Minutes>,
    /// The last report.
    pub reported: Option<Report>,
}

/// What came of a directive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// When it was told.
    pub at: Minutes,
    /// By the fields of the form.
    pub values: Vec<Value>,
    /// In words.
    pub text: String,
    /// Files that go with it.
    pub files: Vec<Attachment>,
}

impl Field {
    /// Whether a value fits.
    #[must_use]
    pub fn takes(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (_, Value::Empty)
            | (FieldKind::Number, Value::Number(_))
            | (FieldKind::YesNo, Value::YesNo(_)) => true,
            (FieldKind::Text, Value::Text(text)) => text.len() <= LONGEST_VALUE,
            (FieldKind::Choice(choices), Value::Choice(place)) => usize::from(*place) < choices.len(),
            _ => false,
        }
    }
}

impl Progress {
    /// Takes the next answer to a directive.
    ///
    /// # Errors
    /// `Denied` where it does not follow from how far the body is.
    pub fn take(&mut self, order: &Order, answer: &Answer, at: Minutes) -> Result<(), Denied> {
        let (adopted, declined) = match &self.decided {
            Some((_, Decision::Adopted)) => (true, false),
            Some((_, Decision::Declined { .. })) => (false, true),
            None => (false, false),
        };
        match answer {
            Answer::Received if self.received.is_none() => {}
            Answer::Acknowledged if self.acknowledged.is_none() => self.acknowledged = Some(at),
            Answer::Adopted if !adopted => self.decided = Some((at, Decision::Adopted)),
            Answer::Declined { reason } if !(adopted || declined) => {
                if reason.trim().is_empty() || reason.len() > LONGEST_ANSWER {
                    return Err(Denied::Text);
                }
                let reason = reason.clone();
                self.decided = Some((at, Decision::Declined { reason }));
            }
            Answer::CarriedOut if adopted && self.carried_out.is_none() => self.carried_out = Some(at),
            Answer::Reported { values, text, files } if adopted => {
                let fits = values.len() == order.form.len()
                    && order
                        .form
                        .iter()
                        .zip(values)
                        .all(|(field, value)| field.takes(value));
                if !fits {
                    return Err(Denied::Form);
                }
                judge_files(files)?;
                let says = values.iter().any(|value| *value != Value::Empty) || !files.is_empty();
                if text.len() > LONGEST_ANSWER || !says && text.trim().is_empty() {
                    return Err(Denied::Text);
                }
                self.reported = Some(Report {
                    at,
                    values: values.clone(),
                    text: text.clone(),
                    files: files.clone(),
                });
            }
            _ => return Err(Denied::NotNext),
        }
        // Whoever decides has read it, and whoever has read it has it.
        self.received.get_or_insert(at);
        if self.decided.is_some() {
            self.acknowledged.get_or_insert(at);
        }
        Ok(())
    }

    /// The answers that say how far it is, in order.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let decided = self.decided.as_ref().map(|(_, decision)| match decision {
            Decision::Adopted => Answer::Adopted,
            Decision::Declined { reason } => Answer::Declined {
                reason: reason.clone(),
            },
        });
        let reported = self.reported.as_ref().map(|report| Answer::Reported {
            values: report.values.clone(),
            text: report.text.clone(),
            files: report.files.clone(),
        });
        [
            self.received.map(|_| Answer::Received),
            self.acknowledged.map(|_| Answer::Acknowledged),
            decided,
            self.carried_out.map(|_| Answer::CarriedOut),
            reported,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Answer {
    /// One word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Acknowledged => "acknowledged",
            Self::Adopted => "adopted",
            Self::Declined { .. } => "declined",
            Self::CarriedOut => "carried out",
            Self::Reported { .. } => "reported",
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adopted => "Adopted",
            Self::Declined { .. } => "Declined(..)",
        })
    }
}
