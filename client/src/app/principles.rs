//! The charter and the points of unity: what a body lives by, and who has accepted it.

use std::collections::BTreeMap;

use caucus_proto::org::{Deed, Kind, NoticeKind, Person, Wording};
use data_encoding::HEXLOWER;

use super::answer::{AcceptanceView, Answer, PrinciplesView, TextView};
use super::app::PATIENCE;
use super::membership::{done_or_queued, tell_body};
use super::problem::{Code, Problem};
use super::{find, view};
use crate::charter;
use crate::engine::Engine;

/// The rules of a body.
pub(super) fn charter(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let rules = room.state().charter();
    Ok(Answer::Charter {
        body: room.called().to_string(),
        kind: match room.state().genesis.kind {
            Kind::Cell => "cell",
            Kind::Chapter => "chapter",
            Kind::Committee => "committee",
            Kind::Direct => "direct",
        }
        .to_owned(),
        toml: charter::written(rules),
        rules: charter::in_words(rules),
    })
}

/// The points of unity.
pub(super) fn show(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let state = room.state();
    let text = state.principles.as_ref();
    let mut accepted = Vec::new();
    let mut missing = Vec::new();
    for persona in state.in_order() {
        let Some(person) = state.person(&persona) else {
            continue;
        };
        match &person.accepted {
            Some(which) if state.has_accepted(person) => accepted.push(AcceptanceView {
                name: person.name.to_string(),
                version: which.version,
                language: which.language.clone(),
            }),
            _ => missing.push(person.name.to_string()),
        }
    }
    let texts = text.map(|text| &text.texts).into_iter().flatten();
    Ok(Answer::Principles(PrinciplesView {
        body: view::room_name(&room),
        word: state.charter().words.principles.to_string(),
        version: text.map_or(0, |text| text.version),
        texts: texts
            .map(|wording| TextView {
                language: wording.language.clone(),
                text: wording.text.clone(),
                hash: HEXLOWER.encode(&wording.hash()),
            })
            .collect(),
        accepted,
        missing,
        due: state
            .person(&room.me())
            .and_then(|person| state.acceptance_due(person))
            .map(|due| due.0),
    }))
}

/// Sets the points of unity.
pub(super) async fn set(
    engine: &Engine,
    body: &str,
    texts: BTreeMap<String, String>,
    substance: bool,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    // Sorted, as the machine wants them.
    let texts = texts
        .into_iter()
        .map(|(language, text)| Wording { language, text })
        .collect();
    let deed = Deed::Principles { texts, substance };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

/// Accepts the text that was read.
pub(super) async fn accept(
    engine: &Engine,
    body: &str,
    language: &str,
    hash: &str,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let hash = HEXLOWER
        .decode(hash.as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| {
            Problem::new(
                Code::BadInput,
                "that is no hash of a text",
                "give the hash that `principles` shows",
            )
        })?;
    let version = live
        .room()
        .state()
        .principles
        .as_ref()
        .map_or(0, |text| text.version);
    if live.room().state().annex.is_some() {
        let kind = NoticeKind::Accept {
            version,
            language: language.to_owned(),
            hash,
        };
        let counts = |me: &Person| me.accepted.as_ref().is_some_and(|known| known.hash == hash);
        return tell_body(engine, &live, &kind, counts).await;
    }
    let deed = Deed::Accept {
        version,
        language: language.to_owned(),
        hash,
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}
