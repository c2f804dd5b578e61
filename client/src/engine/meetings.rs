//! What became of meetings, in words.

use caucus_proto::id::{IntentId, Minutes};
use caucus_proto::org::{MeetingMoved, State};

use super::record::Item;
use crate::calendar;

/// A meeting that somebody calls.
pub(super) fn called(state: &State, meeting: &IntentId, title: &str, at: Minutes) -> String {
    let number = state.meeting(meeting).map_or(0, |made| made.number);
    format!(
        "calls meeting {number} \"{title}\" for {} UTC",
        calendar::stamp(at.0)
    )
}

/// A step of a meeting.
pub(super) fn moved(state: &State, meeting: &IntentId, moved: &MeetingMoved) -> Item {
    let made = state.meeting(meeting);
    let number = made.map_or(0, |made| made.number);
    let title = made.map_or_else(
        || "a meeting".to_owned(),
        |made| format!("meeting {number} \"{}\"", made.title),
    );
    Item::Event(match moved {
        MeetingMoved::Planned { items } => format!("set the agenda of {title}: {}", items.join("; ")),
        MeetingMoved::Opened => format!("opened {title}"),
        MeetingMoved::Came => format!("is at {title}"),
        MeetingMoved::Left => format!("left {title}"),
        MeetingMoved::Asked => format!("asks to speak at {title}"),
        MeetingMoved::TookBack => format!("does not ask to speak any more, or has spoken, at {title}"),
        MeetingMoved::Given { persona } => {
            let name = state.person(persona).map(|person| person.name.as_str());
            format!("gives the word to {} at {title}", name.unwrap_or("somebody"))
        }
        MeetingMoved::Reached { item } => {
            let place = usize::from(*item).saturating_sub(1);
            let point = made.and_then(|made| made.agenda.get(place));
            let text = point.map_or("", |point| point.text.as_str());
            format!("{title} is at point {item}: {text}")
        }
        MeetingMoved::Counted {
            question,
            yes,
            no,
            abstain,
        } => {
            let vote = made.map_or(0, |made| made.hands.len());
            format!(
                "counted hands at {title}, vote {vote}: {question} {yes} for, {no} against, {abstain} abstained"
            )
        }
        MeetingMoved::Witnessed { vote, right: true } => {
            format!("confirms the count of vote {vote} at {title}")
        }
        MeetingMoved::Witnessed { vote, right: false } => {
            format!("contests the count of vote {vote} at {title}")
        }
        MeetingMoved::Closed => format!("closed {title}"),
        MeetingMoved::Minuted { text, version, .. } => {
            return Item::Minutes {
                meeting: number,
                version: *version,
                text: text.clone(),
            };
        }
        MeetingMoved::Adopted { done: false } => format!("adopts the minutes of {title}"),
        MeetingMoved::Adopted { done: true } => {
            format!("adopts the minutes of {title}: more than half have, they are adopted")
        }
        MeetingMoved::Contested { reason } => format!("contests the minutes of {title}: {reason}"),
        MeetingMoved::Cancelled => format!("called off {title}"),
    })
}
