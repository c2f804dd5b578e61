//! Offices and powers: who holds what until when, who is next, and who may do what now and why.

use caucus_proto::org::{Deed, Filling, Power, State};

use super::answer::Answer;
use super::app::PATIENCE;
use super::decision::{HolderView, OfficeLine, PowerLine};
use super::membership::done_or_queued;
use super::problem::Problem;
use super::standing::office_named;
use super::{find, view};
use crate::engine::{Engine, Room};

/// Who is next is told for so many.
const NEXT: usize = 5;

/// The offices of a body.
pub(super) fn offices(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let state = room.state();
    let offices = state.charter().offices().map(|(office, rule)| {
        let mandates = state.mandates(office);
        let aside = state
            .present()
            .filter(|(_, person)| person.aside.contains(&office));
        OfficeLine {
            office: state.charter().office_word(office).to_owned(),
            filling: match rule.filling {
                Filling::Rotation => "rotation",
                Filling::Election => "election",
            }
            .to_owned(),
            seats: rule.seats,
            holders: mandates
                .map(|mandate| HolderView {
                    name: room.name_of(&mandate.holder),
                    since: mandate.start.0,
                    until: mandate.end.map(|end| end.0),
                    lapsed: mandate.has_lapsed(state.now()),
                })
                .collect(),
            next: match rule.filling {
                Filling::Rotation if state.goes_round(office) => {
                    (state.next_holders(office).iter().take(NEXT))
                        .map(|persona| room.name_of(persona))
                        .collect()
                }
                _ => Vec::new(),
            },
            aside: aside.map(|(_, person)| person.name.to_string()).collect(),
            powers: rule.powers.iter().map(|power| power.word().to_owned()).collect(),
        }
    });
    Ok(Answer::Offices {
        body: view::room_name(&room),
        offices: offices.collect(),
    })
}

/// Lets an office pass by, or no more.
pub(super) async fn stand_aside(
    engine: &Engine,
    body: &str,
    office: &str,
    aside: bool,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let office = office_named(live.room().state(), office)?;
    let deed = Deed::StandAside { office, aside };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

/// Who may do what now, and by what.
pub(super) fn powers(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let (state, me) = (room.state(), room.me());
    let line = |power: Power| PowerLine {
        power: power.word().to_owned(),
        what: what(state, power),
        holders: holders(&room, power),
        mine: state.holds(&me, power),
    };
    Ok(Answer::Powers {
        body: view::room_name(&room),
        powers: Power::ALL.into_iter().map(line).collect(),
    })
}

fn holders(room: &Room, power: Power) -> Vec<(String, String)> {
    let state = room.state();
    let mut holders = Vec::new();
    for persona in state.holders(power) {
        let by: Vec<_> = (state.charter().offices())
            .filter(|(office, rule)| {
                let now = state.now();
                let held = state
                    .mandates(*office)
                    .any(|held| held.holder == persona && !held.has_lapsed(now));
                rule.powers.contains(&power) && held
            })
            .map(|(office, _)| state.charter().office_word(office).to_owned())
            .collect();
        holders.push((room.name_of(&persona), by.join(", ")));
    }
    holders
}

/// What a power is for, in words.
fn what(state: &State, power: Power) -> String {
    match power {
        Power::Admit => "let people in, make and end invites".to_owned(),
        Power::Remove => "remove and suspend people".to_owned(),
        Power::Keys => "turn the room's keys".to_owned(),
        Power::Floor => "raise the feature floor".to_owned(),
        Power::Promote => "promote and demote".to_owned(),
        Power::Principles => format!("set the {}", state.charter().words.principles),
        Power::Poll => "put proposals to a vote, say what was decided".to_owned(),
        Power::Facilitate => "guide meetings".to_owned(),
        Power::Tell => "hold votes with sealed ballots, and open them".to_owned(),
        Power::Link => "link with other bodies, say who may publish".to_owned(),
        Power::Announce => "announce to other bodies".to_owned(),
        Power::Direct => "issue directives, and answer those of other bodies".to_owned(),
    }
}
