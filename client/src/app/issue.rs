//! What a body says to others: announcements, directives, and that one of them holds no more.

use caucus_proto::id::Minutes;
use caucus_proto::org::between::{Announcement, Field, FieldKind, Item, LinkStep, Order, Priority};
use caucus_proto::org::{Attachment, Deed};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::app::PATIENCE;
use super::attachments::wanted;
use super::feed::{ItemView, item_view};
use super::links::named;
use super::membership::waiting_because;
use super::problem::Problem;
use super::{find, view};
use crate::engine::{Engine, Fate, LiveRoom};

/// What a field of a report takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldWord {
    /// Words.
    Text {},
    /// A whole number.
    Number {},
    /// Yes or no.
    YesNo {},
    /// One of these.
    Choice {
        /// The choices.
        of: Vec<String>,
    },
}

/// A field of a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FormField {
    /// What is asked.
    pub label: String,
    /// What it takes.
    pub takes: FieldWord,
}

/// How urgent a directive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorityWord {
    /// As it comes.
    #[default]
    Normal,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

/// What is published or sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ItemWord {
    /// Tells something.
    Announcement {
        /// In a few words.
        title: String,
        /// In more.
        #[serde(default)]
        text: String,
        /// Tag of its language, such as `en`.
        #[serde(default)]
        language: String,
        /// When it is over, in minutes since 1970-01-01T00:00Z.
        #[serde(default)]
        expires: Option<u64>,
        /// Number of the announcement whose place it takes.
        #[serde(default)]
        replaces: Option<u32>,
        /// Numbers of files of the body's governing room that go with it.
        #[serde(default)]
        files: Vec<u64>,
    },
    /// Asks for something to be done.
    Directive {
        /// In a few words.
        title: String,
        /// What is to be done.
        #[serde(default)]
        text: String,
        /// By when, in minutes since 1970-01-01T00:00Z.
        #[serde(default)]
        due: Option<u64>,
        /// By when it is to be acknowledged, in minutes since 1970-01-01T00:00Z.
        #[serde(default)]
        acknowledge: Option<u64>,
        /// How urgent.
        #[serde(default)]
        priority: PriorityWord,
        /// What a report on it tells.
        #[serde(default)]
        form: Vec<FormField>,
        /// Number of the directive whose place it takes.
        #[serde(default)]
        replaces: Option<u32>,
    },
    /// Withdraws something.
    Withdrawal {
        /// Its number.
        of: u32,
        /// Why.
        #[serde(default)]
        reason: String,
    },
}

impl FormField {
    fn field(self) -> Field {
        Field {
            label: self.label,
            kind: match self.takes {
                FieldWord::Text {} => FieldKind::Text,
                FieldWord::Number {} => FieldKind::Number,
                FieldWord::YesNo {} => FieldKind::YesNo,
                FieldWord::Choice { of } => FieldKind::Choice(of),
            },
        }
    }

    pub(super) fn of(field: &Field) -> Self {
        Self {
            label: field.label.clone(),
            takes: match &field.kind {
                FieldKind::Text => FieldWord::Text {},
                FieldKind::Number => FieldWord::Number {},
                FieldKind::YesNo => FieldWord::YesNo {},
                FieldKind::Choice(of) => FieldWord::Choice { of: of.clone() },
            },
        }
    }
}

impl PriorityWord {
    pub(super) const fn of(priority: Priority) -> Self {
        match priority {
            Priority::Normal => Self::Normal,
            Priority::High => Self::High,
            Priority::Urgent => Self::Urgent,
        }
    }
}

impl ItemWord {
    /// The item; `file` finds the files that go with it.
    fn item<E>(self, file: impl Fn(u64) -> Result<Attachment, E>) -> Result<Item, E> {
        Ok(match self {
            Self::Announcement {
                title,
                text,
                language,
                expires,
                replaces,
                files,
            } => Item::Announcement(Box::new(Announcement {
                title,
                text,
                language,
                expires: expires.map(Minutes),
                files: files.into_iter().map(file).collect::<Result<_, _>>()?,
                replaces,
            })),
            Self::Directive {
                title,
                text,
                due,
                acknowledge,
                priority,
                form,
                replaces,
            } => Item::Order(Box::new(Order {
                title,
                text,
                due: due.map(Minutes),
                acknowledge: acknowledge.map(Minutes),
                priority: match priority {
                    PriorityWord::Normal => Priority::Normal,
                    PriorityWord::High => Priority::High,
                    PriorityWord::Urgent => Priority::Urgent,
                },
                form: form.into_iter().map(FormField::field).collect(),
                replaces,
            })),
            Self::Withdrawal { of, reason } => Item::Withdrawal {
                of,
                directive: false,
                reason,
            },
        })
    }
}

/// Publishes something, or sends it to some. What takes the place of something, or withdraws it, goes where that went.
pub(super) async fn issue(
    engine: &Engine,
    body: &str,
    item: ItemWord,
    to: Vec<String>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let mut item = item.item(|number| wanted(&live.room(), number))?;
    let to = {
        let room = live.room();
        let replaced = item
            .replaces()
            .and_then(|of| room.state().between.issued.get(&of));
        if let (Item::Withdrawal { directive, .. }, Some(issued)) = (&mut item, replaced) {
            *directive = issued.item.directs();
        }
        match replaced.filter(|_| to.is_empty()) {
            Some(issued) => issued.to.clone(),
            None => {
                let mut links = to
                    .iter()
                    .map(|name| named(&room, name))
                    .collect::<Result<Vec<_>, _>>()?;
                links.sort_unstable();
                links.dedup();
                links
            }
        }
    };
    // Who never linked with anybody has nowhere to publish yet.
    if to.is_empty() {
        engine.open_bulletin(&live, PATIENCE).await?;
    }
    let step = LinkStep::Issue {
        item: Box::new(item),
        to,
    };
    let fate = live
        .act(&Deed::Between { step: Box::new(step) }, PATIENCE)
        .await?;
    Ok(issued_answer(&live, &fate))
}

/// What was published, by its number, or that it waits.
pub(super) fn issued_answer(live: &LiveRoom, fate: &Fate) -> Answer {
    match fate {
        Fate::Landed(_) => {
            let room = live.room();
            let me = room.me();
            let mine = room
                .state()
                .between
                .issued
                .iter()
                .rev()
                .find(|(_, issued)| issued.by == me);
            Answer::Issued {
                body: view::room_name(&room),
                number: mine.map_or(0, |(number, _)| *number),
            }
        }
        Fate::Waits => Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(live),
        },
    }
}

/// What a body published and sent, the latest first.
pub(super) fn issued(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let state = room.state();
    let name = state.genesis.label.to_string();
    let mut items: Vec<ItemView> = Vec::new();
    for (number, issued) in state.between.issued.iter().rev() {
        let mut item = item_view(&issued.item, *number, issued.at.0, issued.gone);
        item.from.clone_from(&name);
        item.by = Some(room.name_of(&issued.by));
        item.to = (issued.to.iter())
            .map(|link| crate::engine::linked_name(state, *link))
            .collect();
        items.push(item);
    }
    Ok(Answer::Items {
        body: view::room_name(&room),
        items,
    })
}
