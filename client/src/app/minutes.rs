//! Drafts of minutes: what the log came to while a meeting was held, as Markdown. Nothing is sent by it: a person reads it,
//! changes it, and submits what they mean.

use core::fmt::Write;
use std::ops::RangeInclusive;

use caucus_proto::id::{Minutes, PersonaId, Position};
use caucus_proto::org::{Hands, Meeting, MeetingStage, Proposal};

use super::answer::Answer;
use super::problem::Problem;
use super::{find, meetings, view};
use crate::calendar;
use crate::engine::{Engine, Room, counted};

/// Drafts the minutes of a meeting that is held or closed.
pub(super) fn draft(engine: &Engine, body: &str, number: Option<u32>) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let (_, meeting) = meetings::one(&room, number, &[MeetingStage::Closed, MeetingStage::Held])?;
    Ok(Answer::DraftMinutes {
        body: view::room_name(&room),
        number: meeting.number,
        text: written(&room, meeting),
    })
}

/// What others wrote, in one line, so that it is no heading and no other paragraph.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn stamp(at: Minutes) -> String {
    calendar::stamp(at.0)
}

/// The hour and minute of a time.
fn clock(at: Minutes) -> String {
    format!("{:02}:{:02}", at.0 % (24 * 60) / 60, at.0 % 60)
}

fn written(room: &Room, meeting: &Meeting) -> String {
    let mut text = format!("# {}\n\n", line(&meeting.title));
    let body = view::room_name(room);
    let number = meeting.number;
    let called = format!(
        "called by {} for {} UTC",
        room.name_of(&meeting.by),
        stamp(meeting.at)
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "Meeting {number} of {body}, {called}.");
    if let Some(opened) = meeting.opened {
        let until = meeting.closed.map_or_else(
            || "and not closed yet".to_owned(),
            |closed| format!("closed {}", stamp(closed.at)),
        );
        let _ = writeln!(text, "Opened {}, {until} (UTC, as witnessed).", stamp(opened.at));
    }
    people(&mut text, room, meeting);
    agenda(&mut text, room, meeting);
    if let Some(opened) = meeting.opened {
        let last = meeting
            .closed
            .map_or(Position(u64::MAX), |closed| closed.position);
        meanwhile(&mut text, room, &(opened.position..=last));
    }
    text
}

fn people(text: &mut String, room: &Room, meeting: &Meeting) {
    let mut people: Vec<_> = meeting.people.iter().collect();
    people.sort_by_key(|(id, attendance)| (attendance.came, room.name_of(id)));
    let _ = writeln!(text, "\n## Who was there\n");
    for (id, attendance) in people {
        let left = attendance
            .left
            .map_or_else(String::new, |left| format!(", left {}", clock(left)));
        let _ = writeln!(
            text,
            "- {} from {}{left}",
            room.name_of(id),
            clock(attendance.came)
        );
    }
}

fn agenda(text: &mut String, room: &Room, meeting: &Meeting) {
    let _ = writeln!(text, "\n## Agenda");
    point(text, room, meeting, None);
    for (number, item) in (1_u16..).zip(&meeting.agenda) {
        let reached = item.reached.map_or_else(|| "not reached".to_owned(), clock);
        let _ = writeln!(text, "\n### {number}. {} ({reached})", line(&item.text));
        point(text, room, meeting, Some(number));
    }
}

/// Who spoke at a point, and what was voted on by hands.
fn point(text: &mut String, room: &Room, meeting: &Meeting, item: Option<u16>) {
    let spoke = meeting.turns.iter().filter(|turn| turn.item == item);
    let spoke: Vec<_> = spoke.map(|turn| room.name_of(&turn.to)).collect();
    let hands: Vec<_> = (1..)
        .zip(&meeting.hands)
        .filter(|(_, hands)| hands.item == item)
        .collect();
    if item.is_none() && !(spoke.is_empty() && hands.is_empty()) {
        let _ = writeln!(text, "\n### Before the first point");
    }
    if !spoke.is_empty() {
        let _ = writeln!(text, "\nSpoke: {}.", spoke.join(", "));
    }
    for (number, hands) in hands {
        vote(text, room, number, hands);
    }
}

fn vote(text: &mut String, room: &Room, number: u32, hands: &Hands) {
    let names = |ids: &[PersonaId]| -> String {
        let names: Vec<_> = ids.iter().map(|id| room.name_of(id)).collect();
        if names.is_empty() {
            "nobody".to_owned()
        } else {
            names.join(", ")
        }
    };
    let _ = writeln!(
        text,
        "\nVote {number} by hands: {}\n{} for, {} against, {} abstained, as {} counted; confirmed by {}, contested by {}.",
        line(&hands.question),
        hands.yes,
        hands.no,
        hands.abstain,
        room.name_of(&hands.by),
        names(&hands.right),
        names(&hands.wrong),
    );
}

/// What became final and what was proposed while the meeting was held.
fn meanwhile(text: &mut String, room: &Room, span: &RangeInclusive<Position>) {
    let mut proposals: Vec<_> = room.state().proposals.values().collect();
    proposals.sort_unstable_by_key(|proposal| proposal.number);
    let name = |proposal: &Proposal| format!("{} \"{}\"", proposal.number, line(&proposal.title));
    let mut decisions = String::new();
    for proposal in &proposals {
        let Some(decided) = proposal
            .decided()
            .filter(|decided| span.contains(&decided.position))
        else {
            continue;
        };
        let count = &decided.closed.count;
        let what = match (count.passed, decided.carried) {
            (true, true) => "decided",
            (true, false) => "decided, and could not be done any more",
            (false, _) => "not decided",
        };
        let _ = writeln!(decisions, "- {}: {what}; {}", name(proposal), counted(count));
        if let Some(outcome) = &decided.outcome {
            let _ = writeln!(decisions, "  {}", line(&outcome.text));
        }
    }
    let made = proposals
        .iter()
        .filter(|proposal| span.contains(&proposal.position));
    let made: String = made
        .map(|proposal| format!("- {} by {}\n", name(proposal), room.name_of(&proposal.by)))
        .collect();
    for (title, list) in [
        ("Decisions that became final", decisions),
        ("Proposals made", made),
    ] {
        if !list.is_empty() {
            let _ = write!(text, "\n## {title}\n\n{list}");
        }
    }
}
