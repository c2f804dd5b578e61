//! Successors of a room: made, shown, followed.

use super::answer::{Answer, SuccessorView, SuccessorWord};
use super::find;
use super::problem::{Code, Problem};
use crate::engine::{Agreement, Engine, EngineError, Proposal, Room};

/// Makes a successor.
pub(super) async fn make(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    engine.succeed(&live).await?;
    Ok(Answer::Done {})
}

/// Follows one, or none any more.
pub(super) fn follow(engine: &Engine, body: &str, name: Option<&str>) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    match engine.follow_successor(&live, name) {
        Err(EngineError::NotFound { what, name }) if what != "person" => Err(Problem::new(
            Code::NotFound,
            format!("{name} proposes no successor that this device has heard of"),
            "`caucus status` shows what was heard; ask them whether theirs is made",
        )),
        other => Ok(other.map(|()| Answer::Done {})?),
    }
}

/// The successors that others propose.
pub(super) fn views(room: &Room) -> Result<Vec<SuccessorView>, EngineError> {
    let view = |proposal: Proposal| {
        let (word, entries) = match proposal.agreement {
            Agreement::Matches => (SuccessorWord::Matches, 0),
            Agreement::Behind(entries) => (SuccessorWord::Behind, entries),
            Agreement::Beyond(entries) => (SuccessorWord::Beyond, entries),
            Agreement::Contradicts => (SuccessorWord::Contradicts, 0),
            Agreement::Unknown => (SuccessorWord::Unknown, 0),
        };
        SuccessorView {
            by: room.name_of(&proposal.by),
            position: proposal.position.0,
            word,
            entries,
            followed: proposal.followed,
        }
    };
    Ok(room.proposals()?.into_iter().map(view).collect())
}

/// What a person is told of a proposed successor.
pub(super) fn warning(body: &str, successor: &SuccessorView) -> String {
    let SuccessorView { by, position, .. } = successor;
    let compared = successor.compared();
    let next = if successor.followed {
        format!("you follow it and wait to be let in; `caucus successor {body} --stay` takes that back")
    } else {
        format!("`caucus successor {body} --follow {by}` goes there; nothing happens by itself")
    };
    format!("{by} proposes a successor that keeps the log up to entry {position}: {compared}. {next}")
}

impl SuccessorView {
    /// How it compares with one's own log, in words.
    #[must_use]
    pub fn compared(&self) -> String {
        match (self.word, self.entries) {
            (SuccessorWord::Matches, _) => "it matches your log".to_owned(),
            (SuccessorWord::Behind, 1) => {
                "it matches your log, but the last entry of yours is not in it".to_owned()
            }
            (SuccessorWord::Behind, entries) => {
                format!("it matches your log, but the last {entries} entries of yours are not in it")
            }
            (SuccessorWord::Beyond, entries) => {
                format!("it goes {entries} beyond what you have read, so this device cannot compare it")
            }
            (SuccessorWord::Contradicts, _) => {
                "it CONTRADICTS your log: who made it was shown, or tells, another history".to_owned()
            }
            (SuccessorWord::Unknown, _) => {
                "it ends before you came in, so this device cannot compare it".to_owned()
            }
        }
    }
}
