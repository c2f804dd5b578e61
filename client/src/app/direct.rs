//! Talking alone: whom one asked, who asks, and the rooms that came of it.

use caucus_proto::org::Name;
use caucus_proto::org::application::LONGEST_WORD;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, InboxItem};
use super::app::PATIENCE;
use super::membership::done_or_queued;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{DirectRecord, Engine, EngineError, JoinStep, LiveRoom, Room, WhisperRecord};

/// A direct room, or somebody who would open one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DirectView {
    /// The number by which it is accepted or declined; of what waits for this person only.
    pub number: Option<u64>,
    /// `asks`: they ask; `asked`: this person did; `joining`; `open`; `over`: nobody came in time.
    pub stage: String,
    /// The room, as this device calls it; of who asks: who they are.
    pub with: String,
    /// In which body they ask.
    pub body: Option<String>,
    /// What they say with it.
    pub word: Option<String>,
    /// Until when one may come, in minutes since 1970-01-01T00:00Z.
    pub until: Option<u64>,
}

/// A name for a fresh persona, as given or one that says nothing. One's name in the room where one is asked would tie the
/// two together.
pub(super) fn fresh_name(given: Option<&str>, room: &Room) -> Result<Name, Problem> {
    let old = room.name_of(&room.me());
    let name = match given {
        Some(given) => Name::new(given).map_err(EngineError::from)?,
        None => Name::new(&Engine::neutral_name()?).map_err(EngineError::from)?,
    };
    if name.is_like(&old) {
        return Err(Problem::new(
            Code::BadInput,
            format!("\"{name}\" is your name in {}", view::room_name(room)),
            "choose another with --as, so that nothing ties the two together",
        ));
    }
    Ok(name)
}

/// What a new direct room is called here: as wanted, with a number where something is called so already.
pub(super) fn free_label(engine: &Engine, wanted: &str) -> Result<Name, EngineError> {
    // Room for the number.
    let mut end = wanted.len().min(56);
    while !wanted.is_char_boundary(end) {
        end -= 1;
    }
    let short = wanted.get(..end).unwrap_or_default().replace('/', " ");
    let mut taken: Vec<Name> = engine.rooms().iter().map(|live| live.room().called()).collect();
    let coming = engine.joins()?.into_iter().filter_map(|(_, join)| join.direct);
    taken.extend(coming.map(|direct| direct.record.label));
    let mut label = Name::new(&short)?;
    let mut number = 2;
    while taken.iter().any(|other| other.is_like(label.as_str())) {
        label = Name::new(&format!("{short} {number}"))?;
        number += 1;
    }
    Ok(label)
}

/// Asks somebody to talk alone.
pub(super) async fn ask(
    engine: &Engine,
    body: &str,
    name: &str,
    given: Option<&str>,
    word: &str,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    if word.len() > LONGEST_WORD {
        return Err(Problem::new(
            Code::BadInput,
            format!("a word with it has at most {LONGEST_WORD} bytes"),
            "say the rest once you talk",
        ));
    }
    let (to, label, fresh) = {
        let room = live.room();
        let (to, person) = room.named(name)?;
        if to == room.me() {
            return Err(Problem::new(
                Code::BadInput,
                "that is you",
                "name whom you would talk with",
            ));
        }
        let label = format!("{} of {}", person.name, room.called());
        (to, label, fresh_name(given, &room)?)
    };
    let label = free_label(engine, &label)?;
    let fate = engine.whisper(&live, &to, (label, fresh), word, PATIENCE).await?;
    done_or_queued(&live, fate)
}

fn asked_in(engine: &Engine, whisper: &WhisperRecord) -> Result<std::sync::Arc<LiveRoom>, EngineError> {
    engine.room(&whisper.room).ok_or_else(|| EngineError::NotFound {
        what: "room any more in which you were asked by",
        name: whisper.from.to_string(),
    })
}

fn numbered(engine: &Engine, number: u64) -> Result<WhisperRecord, EngineError> {
    let found = engine.whispers()?.into_iter().find(|(other, _)| *other == number);
    found
        .map(|(_, whisper)| whisper)
        .ok_or_else(|| EngineError::NotFound {
            what: "person who would talk with you alone",
            name: number.to_string(),
        })
}

/// Comes where one was asked to.
pub(super) fn accept(engine: &Engine, number: u64, given: Option<&str>) -> Result<Answer, Problem> {
    let whisper = numbered(engine, number)?;
    let live = asked_in(engine, &whisper)?;
    let (label, name) = {
        let room = live.room();
        (
            format!("{} of {}", whisper.from, room.called()),
            fresh_name(given, &room)?,
        )
    };
    let label = free_label(engine, &label)?;
    let body = label.to_string();
    let number = engine.accept_whisper(number, label, &name)?;
    Ok(Answer::Joining { number, body })
}

/// Does not come.
pub(super) fn decline(engine: &Engine, number: u64) -> Result<Answer, Problem> {
    engine.decline_whisper(number)?;
    Ok(Answer::Done {})
}

/// Whom one talks with alone, and who would.
pub(super) fn list(engine: &Engine) -> Result<Answer, Problem> {
    let mut direct = Vec::new();
    for (number, whisper) in engine.whispers()? {
        let body = asked_in(engine, &whisper).map(|live| live.room().called().to_string());
        direct.push(DirectView {
            number: Some(number),
            stage: "asks".to_owned(),
            with: whisper.from.to_string(),
            body: body.ok(),
            word: Some(whisper.invitation.word).filter(|word| !word.is_empty()),
            until: Some(whisper.invitation.until.0),
        });
    }
    for (_, join) in engine.joins()? {
        if let (Some(entering), JoinStep::New | JoinStep::Applied(_)) = (join.direct, join.stage) {
            direct.push(of(
                &entering.record.label,
                "joining",
                Some(entering.record.until.0),
            ));
        }
    }
    let now = engine.now().minutes;
    for live in engine.rooms() {
        let room = live.room();
        if let Some(record) = room.direct()? {
            let alone = room.state().present().count() < 2;
            let (stage, until) = match () {
                () if !alone => ("open", None),
                () if is_over(&room, now)? || room.may_act().is_err() => ("over", None),
                () => ("asked", Some(record.until.0)),
            };
            direct.push(of(&record.label, stage, until));
        }
    }
    Ok(Answer::Direct { direct })
}

fn of(label: &Name, stage: &str, until: Option<u64>) -> DirectView {
    DirectView {
        number: None,
        stage: stage.to_owned(),
        with: label.to_string(),
        body: None,
        word: None,
        until,
    }
}

/// Whether a direct room was founded for somebody who did not come in time.
pub(super) fn is_over(room: &Room, now: caucus_proto::id::Minutes) -> Result<bool, EngineError> {
    let founded = room.state().genesis.founder_id() == room.me();
    let late = |record: DirectRecord| record.until < now && !record.guests.iter().any(|guest| guest.came);
    Ok(founded && room.state().present().count() < 2 && room.direct()?.is_some_and(late))
}

/// Who would talk with this person alone, for the inbox.
pub(super) fn waiting(engine: &Engine) -> Result<Vec<InboxItem>, EngineError> {
    let item = |(number, whisper): (u64, WhisperRecord)| {
        let body = asked_in(engine, &whisper).ok()?.room().called().to_string();
        let word = match whisper.invitation.word.as_str() {
            "" => String::new(),
            word => format!(": \"{word}\""),
        };
        Some(InboxItem {
            kind: "talk".to_owned(),
            what: format!("{} (of {body}) would talk with you alone{word}", whisper.from),
            body,
            next: format!("caucus dm accept {number}"),
            due: Some(whisper.invitation.until.0),
        })
    };
    Ok(engine.whispers()?.into_iter().filter_map(item).collect())
}
