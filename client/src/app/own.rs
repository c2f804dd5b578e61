//! What a person sets for themselves in a room: that it is muted, a draft. Nothing of it leaves this device.

use caucus_proto::id::Minutes;
use caucus_proto::org::act::LONGEST_TEXT;

use super::answer::Answer;
use super::intent::DraftWord;
use super::problem::{Code, Problem};
use super::{find, talk, view};
use crate::engine::{Engine, Mute};

/// Mutes a room, or not any more.
pub(super) fn mute(engine: &Engine, room: &str, minutes: Option<u64>, off: bool) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let until = |minutes: u64| Mute::Until(Minutes(engine.now().minutes.0.saturating_add(minutes)));
    let mute = (!off).then(|| minutes.map_or(Mute::Always, until));
    live.room().mute(mute)?;
    Ok(Answer::Done {})
}

/// Shows a draft, after it was changed where that is asked for; or says it.
pub(super) async fn draft(
    engine: &Engine,
    room: &str,
    text: Option<String>,
    then: DraftWord,
) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    if let Some(text) = &text {
        if text.trim().is_empty() || text.len() > LONGEST_TEXT {
            return Err(Problem::new(
                Code::BadInput,
                format!("a draft has 1 to {LONGEST_TEXT} bytes"),
                "give another text, or drop the draft",
            ));
        }
        live.room().keep_draft(Some(text))?;
    }
    match then {
        DraftWord::Keep => {}
        DraftWord::Drop => live.room().keep_draft(None)?,
        DraftWord::Send => {
            let kept = live.room().draft()?;
            let Some(kept) = kept else {
                return Err(Problem::new(
                    Code::NotFound,
                    "there is no draft in that room",
                    "write one with `caucus draft ROOM TEXT`",
                ));
            };
            let answer = talk::say(engine, room, kept).await?;
            live.room().keep_draft(None)?;
            return Ok(answer);
        }
    }
    let room = live.room();
    Ok(Answer::Draft {
        room: view::room_name(&room),
        text: room.draft()?,
    })
}
