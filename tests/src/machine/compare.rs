//! What must hold after every entry: the machine is what the interpreter says, a refused entry has changed nothing that it
//! must not, and nobody is locked out.

use caucus_proto::id::{Minutes, PersonaId, Position};
use caucus_proto::org::{Act, At, Deed, Input, Office, Person, Power, Standing, State};

use super::cast::{encoded, intent};
use super::interpreter::{Model, Stand};
use super::walk::{SPHERES, Step, wordings};
use super::{alike, remarks};

/// From here on nobody in a walk has used an intent.
const UNUSED: u32 = 1 << 30;

/// What is not as it must be, in words.
pub(super) type Difference = String;

macro_rules! same {
    ($left:expr, $right:expr) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            let what = [stringify!($left), stringify!($right)].join(" is not ");
            return Err(format!("{what}: {left:?} and {right:?}"));
        }
    }};
}

pub(super) use same;

/// The machine's state is what the model says.
pub(super) fn is_same(before: &State, state: &State, model: &Model) -> Result<(), Difference> {
    same!(state.position.0, model.position);
    same!(state.floor, model.floor);
    same!(state.now().0, model.now);
    same!(state.clock.entries as usize, model.entries);
    same!(state.access.0, model.last_cut);
    same!(state.answered, model.answered);
    same!(state.people.len(), model.people.len());
    for person in &model.people {
        let ours = state.person(&person.id).unwrap();
        let stand = match &ours.standing {
            Standing::Applied { invite, key_package } => Stand::Applied(*invite, *key_package),
            Standing::Admitted { key_package, by } => Stand::Admitted(*key_package, *by),
            Standing::Present { since } => Stand::Present(since.0),
            Standing::Going { by } => Stand::Going(*by),
            Standing::Gone { by, uncut } => Stand::Gone(*by, *uncut),
            Standing::Awaited { .. } => unreachable!("nobody makes a successor here"),
            Standing::Outer { .. } => unreachable!("there is one room"),
        };
        same!(stand, person.stand);
        same!(
            (ours.name.as_str(), ours.number),
            (person.name.as_str(), person.number)
        );
        same!(ours.control, person.control);
        let wants = ours.wants.as_ref();
        let wants = wants.map(|wants| (wants.read.0, wants.key_package, wants.compared));
        same!(wants, person.wants);
        same!(ours.leaf, person.leaves.last().copied());
        same!(usize::from(ours.older), person.older);
        same!(ours.renewed.0, person.renewals.last().copied().unwrap_or(0));
        same!(SPHERES[usize::from(person.stage)], ours.sphere);
        same!(
            (ours.joined.0, ours.sphere_since.0),
            (person.joined, person.stage_since)
        );
        let words: Vec<_> = ours.vouches.iter().map(|vouch| (vouch.by, vouch.at.0)).collect();
        same!((&words, &ours.sponsors), (&person.words, &person.sponsors));
        let day = |at: &u64| at / (24 * 60);
        let last = person.whispers.last().map_or(0, day);
        let on_it = person.whispers.iter().filter(|at| day(at) == last).count();
        same!((ours.whispered.0, usize::from(ours.whispered.1)), (last, on_it));
        let lately = |at: &u64| *at > model.now.saturating_sub(30 * 24 * 60);
        let gave: Vec<_> = ours.vouched.iter().map(|at| at.0).filter(lately).collect();
        same!(
            gave,
            person
                .gave_word
                .iter()
                .copied()
                .filter(lately)
                .collect::<Vec<_>>()
        );
        same!(
            ours.suspended.map(|review| (review.by, review.until.0)),
            person.review
        );
        let accepted = ours.accepted.as_ref().map(|accepted| accepted.version);
        same!(accepted, person.accepted.map(|(version, _)| version));
        let former: Vec<_> = ours.former.iter().map(|key| key.0).collect();
        same!((ours.key.0, &former), (person.key, &person.former));
        let last = |positions: &Vec<u64>| positions.last().copied().unwrap_or(0);
        same!(
            (ours.rekeyed.0, ours.heard.0, ours.claimed.0, ours.lost),
            (
                last(&person.rekeyed),
                last(&person.heard),
                last(&person.claimed),
                person.lost
            )
        );
        same!(
            ours.claims.map(|claim| (claim.persona, claim.since.0)),
            person.claims
        );
        same!(ours.aside, person.aside);
        let head = person.heads.iter().copied().max().unwrap_or(0);
        same!(
            (ours.seen.0, ours.elector, ours.next_elector),
            (head, person.elector, person.next_elector)
        );
        let claim = person.times.last();
        same!(ours.latest.map(|t| t.0), claim.map(|c| c.0));
        same!(ours.active.map(|t| t.0), claim.map(|c| c.1));
        let remembered: Vec<_> = ours.intents.iter().map(|i| (i.id, i.position.0)).collect();
        let (_, recent) = person.done.split_at(person.done.len().saturating_sub(64));
        same!(remembered, recent);
    }
    same!(state.relocated.map(|at| at.0), model.relocated);
    same!(state.invites.len(), model.tickets.len());
    for ticket in &model.tickets {
        let ours = &state.invites[&ticket.id];
        same!(
            (
                ours.number,
                ours.by,
                ours.left,
                ours.expires.0,
                ours.drop,
                ours.access.0,
                ours.closed
            ),
            (
                ticket.number,
                ticket.by,
                ticket.left,
                ticket.expires,
                ticket.drop,
                ticket.access,
                ticket.closed
            )
        );
    }
    alike::offices(state, model)?;
    alike::charter(before, state, model)?;
    alike::decisions(before, state, model)?;
    alike::meetings(before, state, model)?;
    remarks::agree(state, model)?;
    let newest = state.principles.as_ref();
    same!(newest.map_or(0, |text| text.version as usize), model.texts.len());
    let texts = model.texts.last().map(|(number, ..)| wordings(*number));
    same!(newest.map(|text| text.texts.clone()), texts);
    for power in Power::ALL {
        let holders = state.holders(power);
        let expected = model
            .present()
            .iter()
            .map(|p| p.id)
            .filter(|id| model.may(id, power.word()))
            .collect::<Vec<_>>();
        same!((power, holders), (power, expected));
    }
    Ok(())
}

/// A refused entry changes nothing but the position, the clock, and what it shows of its author: their clock, and
/// that they speak.
pub(super) fn is_untouched(before: &State, after: &State, step: &Step) -> Result<(), Difference> {
    let mut expected = before.clone();
    expected.position = after.position;
    expected.clock = after.clock;
    if let Some((author, _)) = step.author
        && let (Some(then), Some(now)) = (expected.people.get_mut(&author), after.person(&author))
    {
        then.latest = now.latest;
        then.active = now.active;
        then.spoke = now.spoke;
        then.heard = now.heard;
        then.wants.clone_from(&now.wants);
    }
    same!(expected, *after);
    Ok(())
}

/// The way out is never closed: somebody can do whatever a body needs, or anybody hands offices on until somebody can
/// (law 10).
pub(super) fn nobody_is_locked_out(state: &State) -> Result<(), Difference> {
    same!(state.present().count() >= 1, true);
    let missing = |state: &State| -> Vec<Power> {
        let vital = Power::ALL.into_iter().filter(Power::is_vital);
        vital.filter(|power| state.holders(*power).is_empty()).collect()
    };
    if missing(state).is_empty() || state.floor > 1 {
        return Ok(());
    }
    for anybody in state.present().map(|(id, _)| *id).take(2) {
        let mut later = state.clone();
        let lapsed = state
            .mandates
            .iter()
            .filter(|mandate| mandate.has_lapsed(state.now()));
        for (mandate, number) in lapsed.zip(0..) {
            let (office, holder) = (mandate.office, mandate.holder);
            let act = Act::new(
                intent(UNUSED + number),
                later.position,
                &Deed::HandOver { office, holder },
            )
            .expect("a small act");
            let at = At {
                position: later.position.next(),
                flagged: false,
                cut: false,
                seen: Position(0),
            };
            later.apply(at, Some((anybody, state.now())), &Input::Act(&encoded(&act)));
        }
        same!(missing(&later), Vec::<Power>::new());
    }
    Ok(())
}

/// In a room of three or more the clock goes nowhere on the word of one.
pub(super) fn no_liar_moves_the_clock(before: &State, after: &State) -> Result<(), Difference> {
    if after.now() > before.now() && after.present().count() >= 3 {
        let reached = |claim: Option<Minutes>| claim.is_some_and(|claim| claim >= after.now());
        // Whoever is removed by what is final now was heard before that.
        let heard = |id: &PersonaId| before.person(id).is_some_and(Person::is_present);
        let witnesses = (after.people.iter())
            .filter(|(id, person)| person.is_present() || (person.is_leaving() && heard(id)))
            .filter(|(_, person)| reached(person.latest))
            .count();
        same!(witnesses >= 2, true);
    }
    Ok(())
}

/// No key is two people's, and whose a key is can be told from the key alone.
pub(super) fn nobody_has_the_key_of_another(state: &State) -> Result<(), Difference> {
    let bearers = state.bearers();
    let mut seen = std::collections::BTreeSet::new();
    for (persona, person) in &state.people {
        for key in person.former.iter().chain([&person.key]) {
            let named = PersonaId::of(&key.0);
            same!(seen.insert(named), true);
            same!(bearers.get(&named).copied().unwrap_or(named), *persona);
        }
        same!(state.bearer(&person.key), Some(*persona));
    }
    Ok(())
}

/// Nobody has the place, the number or the name of another.
pub(super) fn everybody_has_one_place(state: &State) -> Result<(), Difference> {
    let mut numbers: Vec<_> = state.people.values().map(|person| person.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    same!(numbers.len(), state.people.len());
    let here: Vec<_> = state
        .people
        .values()
        .filter(|person| !matches!(person.standing, Standing::Gone { .. }))
        .collect();
    for (at, person) in here.iter().enumerate() {
        let alike = here
            .iter()
            .skip(at + 1)
            .find(|other| other.name.is_like(person.name.as_str()));
        same!(alike.map(|other| other.name.as_str()), None);
    }
    for office in Office::ALL {
        let mut holders: Vec<_> = state.mandates(office).map(|mandate| mandate.holder).collect();
        holders.sort_unstable();
        let held = holders.len();
        holders.dedup();
        same!(holders.len(), held);
        let seats = state.charter().office(office).map_or(0, |rule| rule.seats);
        same!(held <= usize::from(seats), true);
    }
    Ok(())
}
