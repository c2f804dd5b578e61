//! Calls meetings and does things at them.

use caucus_proto::id::Minutes;
use caucus_proto::org::{Deed, MeetingStage, MeetingStep};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::app::PATIENCE;
use super::membership::done_or_queued;
use super::problem::Problem;
use super::{find, meetings, view};
use crate::engine::{Engine, Fate, Room};

/// What a person does with a meeting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MeetingAct {
    /// Sets the agenda.
    Agenda {
        /// Its points.
        items: Vec<String>,
    },
    /// Begins it.
    Open {},
    /// Says that they are there.
    Here {},
    /// Leaves.
    Leave {},
    /// Asks to speak.
    Ask {},
    /// Does not ask any more, or has spoken.
    Withdraw {},
    /// Gives the word.
    Give {
        /// To whom.
        name: String,
    },
    /// Goes to a point.
    Item {
        /// Which, from 1.
        number: u16,
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
    /// Confirms or contests the counts of a vote by hands.
    Witness {
        /// Which, from 1.
        vote: u16,
        /// They are right.
        right: bool,
    },
    /// Ends it.
    Close {},
    /// Writes its minutes.
    Minutes {
        /// Their text.
        text: String,
    },
    /// Adopts its minutes.
    Adopt {
        /// The version that was read.
        version: u32,
    },
    /// Contests its minutes.
    Contest {
        /// The version that was read.
        version: u32,
        /// Why.
        reason: String,
    },
    /// Calls it off.
    Cancel {},
}

impl MeetingAct {
    /// In which stages a meeting is of which it can be meant, the likeliest first.
    const fn stages(&self) -> &'static [MeetingStage] {
        use MeetingStage::{Called, Closed, Held};
        match self {
            Self::Agenda { .. } => &[Held, Called],
            Self::Open {} | Self::Cancel {} => &[Called],
            Self::Witness { .. } => &[Held, Closed],
            Self::Minutes { .. } | Self::Adopt { .. } | Self::Contest { .. } => &[Closed],
            _ => &[Held],
        }
    }

    fn step(self, room: &Room) -> Result<MeetingStep, Problem> {
        Ok(match self {
            Self::Agenda { items } => MeetingStep::Agenda { items },
            Self::Open {} => MeetingStep::Open,
            Self::Here {} => MeetingStep::Here { here: true },
            Self::Leave {} => MeetingStep::Here { here: false },
            Self::Ask {} => MeetingStep::Ask { ask: true },
            Self::Withdraw {} => MeetingStep::Ask { ask: false },
            Self::Give { name } => MeetingStep::Give {
                persona: room.named(&name)?.0,
            },
            Self::Item { number } => MeetingStep::Item { item: number },
            Self::Hands {
                question,
                yes,
                no,
                abstain,
            } => MeetingStep::Hands {
                question,
                yes,
                no,
                abstain,
            },
            Self::Witness { vote, right } => MeetingStep::Witness { vote, right },
            Self::Close {} => MeetingStep::Close,
            Self::Minutes { text } => MeetingStep::Minutes { text },
            Self::Adopt { version } => MeetingStep::Adopt { version },
            Self::Contest { version, reason } => MeetingStep::Contest { version, reason },
            Self::Cancel {} => MeetingStep::Cancel,
        })
    }
}

/// Calls a meeting.
pub(super) async fn call(
    engine: &Engine,
    body: &str,
    title: String,
    at: u64,
    agenda: Vec<String>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let at = Minutes(at);
    let deed = Deed::CallMeeting { title, at, agenda };
    let fate = live.act(&deed, PATIENCE).await?;
    if let Fate::Landed(_) = fate {
        let room = live.room();
        let mine = room.state().meetings.values().filter(|made| made.by == room.me());
        if let Some(made) = mine.max_by_key(|made| made.number) {
            return Ok(Answer::Meetings {
                body: view::room_name(&room),
                meetings: vec![meetings::meeting_view(&room, made)],
            });
        }
    }
    done_or_queued(&live, fate)
}

/// Does something at a meeting, or with it.
pub(super) async fn act(
    engine: &Engine,
    body: &str,
    number: Option<u32>,
    act: MeetingAct,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let deed = {
        let room = live.room();
        let (meeting, _) = meetings::one(&room, number, act.stages())?;
        let step = Box::new(act.step(&room)?);
        Deed::Meeting { meeting, step }
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}
