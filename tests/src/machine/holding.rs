//! What people do about meetings in a walk.

use caucus_proto::id::{Minutes, PersonaId};
use caucus_proto::org::{Deed, MeetingStep};

use super::cast::{intent, persona};
use super::interpreter::{DAY, Did, Model};
use super::meetings::{Gathering, How};
use super::proposing::{Done, one};
use super::walk::Roll;
use crate::net::Draw;

/// Kinds of what is done here.
pub(super) const KINDS: u16 = 60;

impl Roll {
    pub(super) fn meeting(&self, model: &Model, kind: u16) -> Done {
        let draw = &mut self.more.clone();
        let of = |how: How| -> Vec<Gathering> {
            let those = model.gatherings.iter().filter(|g| g.how == how);
            those.cloned().collect()
        };
        let (called, held, closed) = (of(How::Called), of(How::Held), of(How::Closed));
        // What cannot be yet is brought about.
        let (kind, from) = match kind {
            0..=1 => return call(draw, model),
            46..=58 if !closed.is_empty() => (kind, closed),
            46 if !held.is_empty() => (42, held),
            13..=58 if !held.is_empty() => (13 + kind % 29, held),
            8..=58 => (8, called),
            _ => (kind, called),
        };
        let from = if draw.percent(4) {
            model.gatherings.clone()
        } else {
            from
        };
        let Some(gathering) = one(draw, &from) else {
            return call(draw, model);
        };
        let present: Vec<PersonaId> = model.present().iter().map(|p| p.id).collect();
        let leaders: Vec<_> = present
            .iter()
            .filter(|id| model.leads(&gathering, id))
            .copied()
            .collect();
        let (there, (adopters, _)) = (model.those_there(&gathering), model.who_adopts(&gathering));
        let from = match kind {
            2..=12 | 24..=34 | 42 | 46..=49 => &leaders,
            13..=18 => &present,
            50..=58 => &adopters,
            _ => &there,
        };
        let who = one(draw, from)
            .filter(|_| !draw.percent(8))
            .or_else(|| one(draw, &present));
        let step = step(draw, kind, &gathering, who);
        let deed = Deed::Meeting {
            meeting: gathering.id,
            step: Box::new(step.clone()),
        };
        (who, Did::Meet(gathering.id, Box::new(step)), deed)
    }
}

fn step(draw: &mut Draw, kind: u16, of: &Gathering, who: Option<PersonaId>) -> MeetingStep {
    let version = of.papers.len() as u32;
    let version = if draw.percent(95) { version } else { version + 1 };
    let who = who.unwrap_or(persona(9));
    match kind {
        2..=6 | 24..=25 => MeetingStep::Agenda {
            items: agenda(draw, Some(of)),
        },
        7 => MeetingStep::Cancel,
        8..=12 => MeetingStep::Open,
        13..=18 => MeetingStep::Here {
            here: of.is_there(&who) == draw.percent(10),
        },
        19..=23 => MeetingStep::Ask {
            ask: of.asked.contains(&who) == draw.percent(20),
        },
        26..=29 => MeetingStep::Give {
            persona: one(draw, &of.asked).unwrap_or(who),
        },
        30..=31 => MeetingStep::Item {
            item: draw.below(of.points.len() as u64 + 2) as u16,
        },
        32..=34 => MeetingStep::Hands {
            question: text(draw, 501, "Do we rent it?"),
            yes: draw.below(4) as u16,
            no: draw.below(3) as u16,
            abstain: draw.below(2) as u16,
        },
        35..=40 => MeetingStep::Witness {
            vote: draw.below(of.hands.len() as u64 + 2) as u16,
            right: draw.percent(70),
        },
        41..=42 => MeetingStep::Close,
        43..=45 => MeetingStep::Here {
            here: !draw.percent(30),
        },
        46..=49 => MeetingStep::Minutes {
            text: match draw.below(30) {
                0 => " ".to_owned(),
                1 => "m".repeat(16_385),
                number => format!("We met, and spoke {number} times."),
            },
        },
        50..=55 => MeetingStep::Adopt { version },
        _ => MeetingStep::Contest {
            version,
            reason: text(draw, 281, "I counted otherwise"),
        },
    }
}

fn text(draw: &mut Draw, most: usize, text: &str) -> String {
    match draw.below(40) {
        0 => String::new(),
        1 => "t".repeat(most),
        _ => text.to_owned(),
    }
}

/// What was reached stays, mostly.
fn agenda(draw: &mut Draw, of: Option<&Gathering>) -> Vec<String> {
    let points = of.into_iter().flat_map(|of| &of.points);
    let reached = points.filter(|(_, reached)| reached.is_some());
    let mut agenda: Vec<_> = reached.map(|(text, _)| text.clone()).collect();
    if draw.percent(5) {
        agenda.clear();
    }
    for _ in 0..draw.below(4) {
        agenda.push(format!("point {}", draw.below(9)));
    }
    match draw.below(40) {
        0 => agenda.push(" ".to_owned()),
        1 => agenda.push("p".repeat(201)),
        2 => agenda.resize(51, "point".to_owned()),
        _ => {}
    }
    agenda
}

fn call(draw: &mut Draw, model: &Model) -> Done {
    let present: Vec<PersonaId> = model.present().iter().map(|p| p.id).collect();
    let who = one(draw, &present);
    let at = match draw.below(20) {
        0 => model.now.saturating_sub(DAY + 1),
        1 => model.now + 3660 * DAY + 1,
        2 => model.now.saturating_sub(DAY),
        _ => model.now + draw.below(9 * DAY),
    };
    let (title, items) = (text(draw, 121, "The winter"), agenda(draw, None));
    let gathering = Gathering {
        id: intent(0),
        number: 0,
        by: persona(0),
        called: 0,
        title: title.clone(),
        at,
        points: items.iter().map(|text| (text.clone(), None)).collect(),
        how: How::Called,
        began: None,
        ended: None,
        came: vec![],
        asked: vec![],
        word: None,
        point: None,
        given: vec![],
        hands: vec![],
        papers: vec![],
    };
    let deed = Deed::CallMeeting {
        title,
        at: Minutes(at),
        agenda: items,
    };
    (who, Did::Call(Box::new(gathering)), deed)
}
