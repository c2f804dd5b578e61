//! How people come closer and what sets them back: vouches, promotion, demotion, review, offices.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Deed, Office, Person, Sphere, Standing, State};

use super::answer::Answer;
use super::app::PATIENCE;
use super::find;
use super::membership::done_or_queued;
use super::problem::{Code, Problem};
use crate::engine::{Engine, EngineError};

/// Vouches for somebody's next step.
pub(super) async fn vouch(engine: &Engine, body: &str, name: &str) -> Result<Answer, Problem> {
    about(engine, body, name, |state, persona, person| {
        let sphere = match person.standing {
            Standing::Applied { .. } => Some(state.charter().admission.sphere),
            _ => state.charter().next_sphere(person.sphere),
        };
        let sphere = sphere.ok_or_else(|| no_step(person, "there is no further stage here"))?;
        Ok(Deed::Vouch { persona, sphere })
    })
    .await
}

/// Promotes somebody by one stage.
pub(super) async fn promote(engine: &Engine, body: &str, name: &str) -> Result<Answer, Problem> {
    about(engine, body, name, |state, persona, person| {
        let sphere = state.charter().next_sphere(person.sphere);
        let sphere = sphere.ok_or_else(|| no_step(person, "there is no further stage here"))?;
        Ok(Deed::Promote { persona, sphere })
    })
    .await
}

/// Sets somebody back by one stage.
pub(super) async fn demote(engine: &Engine, body: &str, name: &str, reason: &str) -> Result<Answer, Problem> {
    about(engine, body, name, |state, persona, person| {
        let before = |sphere: &&Sphere| **sphere < person.sphere;
        let sphere = state.charter().spheres.iter().rev().find(before);
        let sphere = *sphere.ok_or_else(|| no_step(person, "there is no stage before theirs here"))?;
        Ok(Deed::Demote {
            persona,
            sphere,
            reason: reason.to_owned(),
        })
    })
    .await
}

/// Begins a review.
pub(super) async fn suspend(
    engine: &Engine,
    body: &str,
    name: &str,
    reason: &str,
) -> Result<Answer, Problem> {
    about(engine, body, name, |_, persona, _| {
        Ok(Deed::Suspend {
            persona,
            reason: reason.to_owned(),
        })
    })
    .await
}

/// Ends a review.
pub(super) async fn lift(engine: &Engine, body: &str, name: &str) -> Result<Answer, Problem> {
    about(engine, body, name, |_, persona, _| Ok(Deed::Lift { persona })).await
}

/// Hands an office on.
pub(super) async fn hand_over(
    engine: &Engine,
    body: &str,
    office: &str,
    name: Option<&str>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let deed = {
        let room = live.room();
        let state = room.state();
        let which = office_named(state, office)?;
        let holder = match name {
            Some(name) => room.named(name)?.0,
            None => {
                let me = room.me();
                let mine = state.mandates(which).any(|mandate| mandate.holder == me);
                let lapsed = state
                    .mandates(which)
                    .find(|mandate| mandate.has_lapsed(state.now()));
                match lapsed {
                    Some(mandate) if !mine => mandate.holder,
                    _ => me,
                }
            }
        };
        Deed::HandOver {
            office: which,
            holder,
        }
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

/// The office that the body calls so.
pub(super) fn office_named(state: &State, office: &str) -> Result<Office, EngineError> {
    let named = state.charter().named_office(office);
    named.ok_or_else(|| EngineError::NotFound {
        what: "office",
        name: office.to_owned(),
    })
}

/// Does something about somebody.
async fn about(
    engine: &Engine,
    body: &str,
    name: &str,
    deed: impl FnOnce(&State, PersonaId, &Person) -> Result<Deed, Problem>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let deed = {
        let room = live.room();
        let (persona, person) = room.named(name)?;
        deed(room.state(), persona, person)?
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

fn no_step(person: &Person, why: &str) -> Problem {
    Problem::new(
        Code::BadInput,
        format!("{} cannot go there: {why}", person.name),
        "see `caucus charter show` for the stages of this body",
    )
}
