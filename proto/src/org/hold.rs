//! What accepted steps of a meeting change, and what stays of it once it is over.

use std::collections::BTreeMap;

use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::org::meet::place;
use crate::org::meeting::{
    Attendance, Given, Hands, MOST_TURNS, Meeting, MeetingMoved, MeetingStage, Minuted, Moment, Point,
    REMEMBERED_MEETINGS,
};
use crate::org::state::State;

impl State {
    pub(super) fn call_meeting(
        &mut self,
        author: &PersonaId,
        id: IntentId,
        title: &str,
        at: Minutes,
        agenda: &[String],
    ) {
        let now = self.now();
        let point = |text: &String| Point {
            text: text.clone(),
            reached: None,
        };
        let meeting = Meeting {
            number: self.next_meeting,
            by: *author,
            called: now,
            title: title.to_owned(),
            at,
            agenda: agenda.iter().map(point).collect(),
            stage: MeetingStage::Called,
            opened: None,
            closed: None,
            people: BTreeMap::new(),
            attended: 0,
            queue: Vec::new(),
            speaker: None,
            item: None,
            turns: Vec::new(),
            hands: Vec::new(),
            minutes: None,
        };
        self.next_meeting = self.next_meeting.saturating_add(1);
        let lapsed = self.meetings.iter().filter(|(_, other)| other.has_lapsed(now));
        let lapsed: Vec<_> = lapsed.map(|(id, _)| *id).collect();
        for other in lapsed {
            self.end_meeting(&other, MeetingStage::Lapsed);
        }
        self.meetings.insert(id, meeting);
    }

    pub(super) fn meet(
        &mut self,
        (author, position): (&PersonaId, Position),
        id: &IntentId,
        moved: &MeetingMoved,
    ) {
        let at = self.now();
        let moment = Moment { at, position };
        let Some(meeting) = self.meetings.get_mut(id) else {
            return;
        };
        match moved {
            MeetingMoved::Planned { items } => {
                let before = core::mem::take(&mut meeting.agenda);
                let mut reached = before.into_iter().map(|point| point.reached);
                let point = |text: &String| Point {
                    text: text.clone(),
                    reached: reached.next().flatten(),
                };
                meeting.agenda = items.iter().map(point).collect();
            }
            MeetingMoved::Opened => {
                meeting.stage = MeetingStage::Held;
                meeting.opened = Some(moment);
                meeting.come(author, at);
            }
            MeetingMoved::Came => meeting.come(author, at),
            MeetingMoved::Left => {
                if let Some(attendance) = meeting.people.get_mut(author) {
                    attendance.left = Some(at);
                }
                meeting.queue.retain(|other| other != author);
                meeting.speaker = meeting.speaker.filter(|speaker| speaker != author);
            }
            MeetingMoved::Asked => meeting.queue.push(*author),
            MeetingMoved::TookBack => {
                let asked = meeting.queue.contains(author);
                meeting.queue.retain(|other| other != author);
                meeting.speaker = meeting.speaker.filter(|speaker| asked || speaker != author);
            }
            MeetingMoved::Given { persona } => {
                meeting.queue.retain(|other| other != persona);
                meeting.speaker = Some(*persona);
                let (to, item) = (*persona, meeting.item);
                if meeting.turns.len() < MOST_TURNS {
                    meeting.turns.push(Given { to, item, at });
                }
            }
            MeetingMoved::Reached { item } => {
                meeting.item = Some(*item);
                if let Some(point) = place(*item).and_then(|place| meeting.agenda.get_mut(place)) {
                    point.reached.get_or_insert(at);
                }
            }
            MeetingMoved::Counted {
                question,
                yes,
                no,
                abstain,
            } => meeting.hands.push(Hands {
                by: *author,
                at,
                item: meeting.item,
                question: question.clone(),
                yes: *yes,
                no: *no,
                abstain: *abstain,
                right: Vec::new(),
                wrong: Vec::new(),
            }),
            MeetingMoved::Witnessed { vote, right } => {
                if let Some(hands) = place(*vote).and_then(|place| meeting.hands.get_mut(place)) {
                    hands.right.retain(|other| other != author);
                    hands.wrong.retain(|other| other != author);
                    let said = if *right {
                        &mut hands.right
                    } else {
                        &mut hands.wrong
                    };
                    said.push(*author);
                }
            }
            MeetingMoved::Closed => {
                meeting.stage = MeetingStage::Closed;
                meeting.closed = Some(moment);
                meeting.queue.clear();
                meeting.speaker = None;
            }
            MeetingMoved::Minuted { text, version, hash } => {
                meeting.minutes = Some(Minuted {
                    by: *author,
                    version: *version,
                    hash: *hash,
                    length: u32::try_from(text.len()).unwrap_or(u32::MAX),
                    written: moment,
                    adopted: Vec::new(),
                    contested: Vec::new(),
                });
            }
            MeetingMoved::Adopted { done } => {
                if let Some(minutes) = &mut meeting.minutes {
                    minutes.contested.retain(|other| other != author);
                    if !minutes.adopted.contains(author) {
                        minutes.adopted.push(*author);
                    }
                }
                if *done {
                    self.end_meeting(id, MeetingStage::Adopted);
                }
            }
            MeetingMoved::Contested { .. } => {
                if let Some(minutes) = &mut meeting.minutes {
                    minutes.adopted.retain(|other| other != author);
                    minutes.contested.push(*author);
                }
            }
            MeetingMoved::Cancelled => self.end_meeting(id, MeetingStage::Cancelled),
        }
    }

    /// It is over: what stays of it is small, and the number of such records bounded.
    fn end_meeting(&mut self, id: &IntentId, stage: MeetingStage) {
        if let Some(meeting) = self.meetings.get_mut(id) {
            meeting.stage = stage;
            meeting.agenda.clear();
            meeting.people.clear();
            meeting.queue.clear();
            meeting.item = None;
            meeting.turns.clear();
            meeting.hands.clear();
            if let Some(minutes) = &mut meeting.minutes {
                minutes.adopted.clear();
                minutes.contested.clear();
            }
        }
        let over = self.meetings.iter().filter(|(_, meeting)| !meeting.is_open());
        let mut over: Vec<_> = over.map(|(id, meeting)| (meeting.number, *id)).collect();
        over.sort_unstable();
        let excess = over.len().saturating_sub(REMEMBERED_MEETINGS);
        for (_, first) in over.into_iter().take(excess) {
            self.meetings.remove(&first);
        }
    }
}

impl Meeting {
    fn come(&mut self, persona: &PersonaId, at: Minutes) {
        let attendance = self.people.entry(*persona);
        attendance.or_insert(Attendance { came: at, left: None }).left = None;
        self.attended = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
    }
}
