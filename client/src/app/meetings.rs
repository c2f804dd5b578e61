//! Meetings as a person sees them: which there are, how each stands, and what it asks of them.

use caucus_proto::id::{IntentId, PersonaId};
use caucus_proto::org::{Hands, Meeting, MeetingStage, Minuted, State, minutes_hash};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, InboxItem};
use super::problem::{Code, Problem};
use super::{find, view};
use crate::calendar;
use crate::engine::{Engine, EngineError, Item, Room};

/// A meeting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MeetingView {
    /// Its number.
    pub number: u32,
    /// In a few words.
    pub title: String,
    /// Who called it.
    pub by: String,
    /// For when, in minutes since 1970-01-01T00:00Z, as are all times here.
    pub at: u64,
    /// How far it is.
    pub stage: MeetingWord,
    /// When it began.
    pub opened: Option<u64>,
    /// When it ended.
    pub closed: Option<u64>,
    /// How many came.
    pub attended: u32,
    /// Who is there, by name.
    pub here: Vec<String>,
    /// Who was there, and is not any more.
    pub left: Vec<String>,
    /// This person is there.
    pub me_here: bool,
    /// This person guides it.
    pub guide: bool,
    /// Who has the word.
    pub speaker: Option<String>,
    /// Who asks to speak, the first to have asked first.
    pub queue: Vec<String>,
    /// Which point it is at, from 1.
    pub item: Option<u16>,
    /// Its agenda.
    pub agenda: Vec<PointView>,
    /// Votes by hands, in order.
    pub hands: Vec<HandsView>,
    /// Its minutes, once somebody wrote them.
    pub minutes: Option<MinutesView>,
}

/// How far a meeting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingWord {
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

/// A point of an agenda.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PointView {
    /// In words.
    pub text: String,
    /// When it was reached first.
    pub reached: Option<u64>,
}

/// A vote by hands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandsView {
    /// Its number in the meeting.
    pub number: usize,
    /// On what.
    pub question: String,
    /// At which point, from 1.
    pub item: Option<u16>,
    /// For it.
    pub yes: u16,
    /// Against it.
    pub no: u16,
    /// Neither.
    pub abstain: u16,
    /// Who counted.
    pub by: String,
    /// Who confirms the counts.
    pub confirmed: Vec<String>,
    /// Who contests them.
    pub contested: Vec<String>,
}

/// Minutes of a meeting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MinutesView {
    /// Who wrote them.
    pub by: String,
    /// Which version.
    pub version: u32,
    /// When.
    pub written: u64,
    /// Who adopts them.
    pub adopted: Vec<String>,
    /// Who contests them.
    pub contested: Vec<String>,
    /// How many have to adopt them.
    pub needed: usize,
    /// It is for this person to adopt or contest them, and they have done neither.
    pub asks_me: bool,
    /// The text, where one meeting is asked for and this device has it.
    pub text: Option<String>,
}

/// The meetings of a body, the latest last; or one of them.
pub(super) fn show(engine: &Engine, body: &str, number: Option<u32>) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let meetings = match number {
        Some(_) => vec![one(&room, number, &[])?.1],
        None => {
            let mut all: Vec<_> = room.state().meetings.values().collect();
            all.sort_unstable_by_key(|meeting| meeting.number);
            all
        }
    };
    let views = meetings.into_iter().map(|meeting| {
        let mut view = meeting_view(&room, meeting);
        if number.is_some()
            && let Some(minutes) = &mut view.minutes
        {
            minutes.text = text(&room, meeting)?;
        }
        Ok(view)
    });
    Ok(Answer::Meetings {
        body: view::room_name(&room),
        meetings: views.collect::<Result<_, EngineError>>()?,
    })
}

/// The meeting that is meant: by its number; else the only one in the first of these stages that any is in.
pub(super) fn one<'a>(
    room: &'a Room,
    number: Option<u32>,
    stages: &[MeetingStage],
) -> Result<(IntentId, &'a Meeting), Problem> {
    let meetings = &room.state().meetings;
    if let Some(number) = number {
        let found = meetings.iter().find(|(_, meeting)| meeting.number == number);
        let found = found.map(|(id, meeting)| (*id, meeting));
        return Ok(found.ok_or_else(|| EngineError::NotFound {
            what: "meeting",
            name: number.to_string(),
        })?);
    }
    for stage in stages {
        let of = meetings.iter().filter(|(_, meeting)| meeting.stage == *stage);
        let mut of: Vec<_> = of.map(|(id, meeting)| (*id, meeting)).collect();
        of.sort_unstable_by_key(|(_, meeting)| meeting.number);
        match of.as_slice() {
            [] => {}
            [only] => return Ok(*only),
            several => {
                let numbers: Vec<_> = several
                    .iter()
                    .map(|(_, meeting)| meeting.number.to_string())
                    .collect();
                return Err(Problem::new(
                    Code::BadInput,
                    format!("that could be meeting {}", numbers.join(" or ")),
                    "say which with --meeting N",
                ));
            }
        }
    }
    Err(Problem::new(
        Code::NotFound,
        "there is no meeting now of which that could be meant",
        "`caucus meeting list` shows which there are; say which with --meeting N",
    ))
}

/// What a meeting looks like.
pub(super) fn meeting_view(room: &Room, meeting: &Meeting) -> MeetingView {
    let state = room.state();
    let names = |ids: &[PersonaId]| -> Vec<String> { ids.iter().map(|id| room.name_of(id)).collect() };
    let here = state.here(meeting);
    let left: Vec<_> = meeting
        .people
        .keys()
        .filter(|id| !here.contains(id))
        .copied()
        .collect();
    let queue = state.speakers(meeting);
    let hands = |(place, hands): (usize, &Hands)| HandsView {
        number: place.saturating_add(1),
        question: hands.question.clone(),
        item: hands.item,
        yes: hands.yes,
        no: hands.no,
        abstain: hands.abstain,
        by: room.name_of(&hands.by),
        confirmed: names(&hands.right),
        contested: names(&hands.wrong),
    };
    let minutes = meeting.minutes.as_ref().map(|minutes| MinutesView {
        by: room.name_of(&minutes.by),
        version: minutes.version,
        written: minutes.written.at.0,
        adopted: names(&minutes.adopted),
        contested: names(&minutes.contested),
        needed: state.adopters(meeting).1,
        asks_me: asks_for_adoption(state, meeting, &room.me()),
        text: None,
    });
    MeetingView {
        number: meeting.number,
        title: meeting.title.clone(),
        by: room.name_of(&meeting.by),
        at: meeting.at.0,
        stage: match meeting.stage {
            MeetingStage::Called => MeetingWord::Called,
            MeetingStage::Held => MeetingWord::Held,
            MeetingStage::Closed => MeetingWord::Closed,
            MeetingStage::Adopted => MeetingWord::Adopted,
            MeetingStage::Cancelled => MeetingWord::Cancelled,
            MeetingStage::Lapsed => MeetingWord::Lapsed,
        },
        opened: meeting.opened.map(|opened| opened.at.0),
        closed: meeting.closed.map(|closed| closed.at.0),
        attended: meeting.attended,
        me_here: here.contains(&room.me()),
        guide: meeting.is_open() && state.guides(meeting, &room.me()),
        speaker: meeting.speaker.map(|speaker| room.name_of(&speaker)),
        here: names(&here),
        left: names(&left),
        queue: names(&queue),
        item: meeting.item,
        agenda: (meeting.agenda.iter())
            .map(|point| PointView {
                text: point.text.clone(),
                reached: point.reached.map(|reached| reached.0),
            })
            .collect(),
        hands: meeting.hands.iter().enumerate().map(hands).collect(),
        minutes,
    }
}

/// The minutes as this device has them in its log.
pub(super) fn text(room: &Room, meeting: &Meeting) -> Result<Option<String>, EngineError> {
    let Some(minutes) = &meeting.minutes else {
        return Ok(None);
    };
    // Whoever handed it over, the hash in the state says whether it is the text.
    let shown = room.shown_at(minutes.written.position)?;
    Ok(match shown.as_ref().map(|shown| shown.item()) {
        Some(Item::Minutes { text, .. }) if minutes_hash(text) == minutes.hash => Some(text.clone()),
        _ => None,
    })
}

fn asks_for_adoption(state: &State, meeting: &Meeting, me: &PersonaId) -> bool {
    let said = |minutes: &Minuted| minutes.adopted.contains(me) || minutes.contested.contains(me);
    meeting.stage == MeetingStage::Closed
        && meeting.minutes.as_ref().is_some_and(|minutes| !said(minutes))
        && state.adopters(meeting).0.contains(me)
}

/// What meetings ask of this person.
pub(super) fn waiting(room: &Room, body: &str) -> Vec<InboxItem> {
    let (state, me) = (room.state(), room.me());
    let mut open: Vec<_> = state
        .meetings
        .values()
        .filter(|meeting| meeting.is_open())
        .collect();
    open.sort_unstable_by_key(|meeting| meeting.number);
    let mut items = Vec::new();
    for meeting in open {
        let number = meeting.number;
        let mut put = |kind: &str, what: String, next: String, due: Option<u64>| {
            items.push(InboxItem {
                kind: kind.to_owned(),
                body: body.to_owned(),
                what,
                next,
                due,
            });
        };
        if meeting.stage == MeetingStage::Called {
            let date = calendar::stamp(meeting.at.0);
            put(
                "meeting",
                format!("Meeting {number} \"{}\" is called for {date} UTC", meeting.title),
                format!("caucus meeting show \"{body}\" {number}"),
                Some(meeting.at.0),
            );
        }
        let asking = state.speakers(meeting);
        if let Some(first) = asking.first()
            && state.guides(meeting, &me)
        {
            let names: Vec<_> = asking.iter().map(|id| room.name_of(id)).collect();
            let verb = if names.len() == 1 { "asks" } else { "ask" };
            put(
                "word",
                format!("{} {verb} to speak at meeting {number}", names.join(", ")),
                format!(
                    "caucus meeting give \"{body}\" \"{}\" --meeting {number}",
                    room.name_of(first)
                ),
                None,
            );
        }
        let write = |how| format!("caucus meeting minutes \"{body}\" --meeting {number} --{how} minutes.md");
        let guides = state.guides(meeting, &me);
        match &meeting.minutes {
            None if meeting.stage == MeetingStage::Closed && guides => put(
                "draft",
                format!("Write the minutes of meeting {number} \"{}\"", meeting.title),
                write("draft"),
                None,
            ),
            // Who guided then may not write another version any more.
            Some(minutes)
                if minutes.by == me && !minutes.contested.is_empty() && (guides || meeting.by == me) =>
            {
                let names: Vec<_> = minutes.contested.iter().map(|id| room.name_of(id)).collect();
                put(
                    "contested",
                    format!(
                        "Your minutes of meeting {number} \"{}\" are contested by {}: speak with them, and write another version",
                        meeting.title,
                        names.join(", ")
                    ),
                    write("file"),
                    None,
                );
            }
            _ => {}
        }
        if asks_for_adoption(state, meeting, &me) {
            put(
                "minutes",
                format!(
                    "Read the minutes of meeting {number} \"{}\" and adopt them",
                    meeting.title
                ),
                format!("caucus meeting adopt \"{body}\" --meeting {number}"),
                None,
            );
        }
    }
    items
}
