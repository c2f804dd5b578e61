//! Coming back after a loss, and another key: recognizing, replacing, changing one's own persona key.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Deed, Standing};

use super::answer::Answer;
use super::app::PATIENCE;
use super::problem::{Code, Problem};
use super::{find, membership};
use crate::engine::{Engine, Room};

/// Says that whoever asks is whom they claim to be.
pub(super) async fn recognize(engine: &Engine, number: u64) -> Result<Answer, Problem> {
    about(engine, number, |applicant, persona| Deed::Recognize {
        applicant,
        persona,
    })
    .await
}

/// Puts whoever asks in the place of whom they claim to be.
pub(super) async fn replace(engine: &Engine, number: u64) -> Result<Answer, Problem> {
    about(engine, number, |applicant, persona| Deed::Replace {
        persona,
        applicant,
    })
    .await
}

/// Changes one's own persona key in a body.
pub(super) async fn rekey(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let fate = live.rekey(PATIENCE).await?;
    membership::done_or_queued(&live, fate)
}

async fn about(
    engine: &Engine,
    number: u64,
    deed: impl Fn(PersonaId, PersonaId) -> Deed,
) -> Result<Answer, Problem> {
    let chosen = membership::chosen(engine, &[number], false)?;
    let Some((_, name, applicant, live)) = chosen.into_iter().next() else {
        return Ok(Answer::Done {});
    };
    let claimed = claimed(&live.room(), &applicant);
    let persona = claimed.ok_or_else(|| {
        Problem::new(
            Code::BadInput,
            format!("{name} asks to join and does not say that they are somebody who is in the body already"),
            "see `caucus requests`; whoever lost everything asks with `caucus join LINK --return-as NAME`",
        )
    })?;
    membership::done_or_queued(&live, live.act(&deed(applicant, persona), PATIENCE).await?)
}

/// Who an applicant claims to be.
pub(super) fn claimed(room: &Room, applicant: &PersonaId) -> Option<PersonaId> {
    let person = room.state().person(applicant)?;
    let applied = matches!(person.standing, Standing::Applied { .. });
    person.claims.filter(|_| applied).map(|claim| claim.persona)
}
