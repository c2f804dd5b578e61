//! What became of proposals, in words.

use caucus_proto::id::{IntentId, PersonaId};
use caucus_proto::org::{Ballot, Count, Moved, State, Subject, Votes};

use super::between;

/// A step of a proposal; `subject` is its name from before the entry, where it is gone after it.
pub(super) fn moved(state: &State, proposal: &IntentId, moved: &Moved, subject: Option<&str>) -> String {
    let title = match state.proposal(proposal) {
        Some(made) => format!("{} \"{}\"", made.number, made.title),
        None => subject.unwrap_or("a proposal").to_owned(),
    };
    match moved {
        Moved::Discussed { .. } => format!("speaks about {title}"),
        Moved::Supported => format!("supports {title}"),
        Moved::Amended { .. } => {
            let number = state
                .proposal(proposal)
                .map_or(0, |made| made.next_amendment.saturating_sub(1));
            format!("would have another text for {title}: amendment {number}")
        }
        Moved::Changed { amendment: None, .. } => format!("changed the text of {title}"),
        Moved::Changed {
            amendment: Some(number),
            ..
        } => format!("{title} has another text, by amendment {number}"),
        Moved::Withdrawn => format!("took {title} back"),
        Moved::Opened(poll, voters) => format!(
            "put {title} to the vote of {}: {}{}",
            people(voters.len()),
            poll.method.word(),
            if poll.seal.is_some() {
                ", ballots sealed until it closes"
            } else {
                ""
            }
        ),
        Moved::Voted(Ballot::Sealed(_)) => format!("voted on {title}"),
        Moved::Voted(Ballot::Block { reason }) => format!("blocks {title}: {reason}"),
        Moved::Voted(Ballot::Abstain) => format!("abstains on {title}"),
        Moved::Voted(Ballot::Yes) => format!("votes for {title}"),
        Moved::Voted(Ballot::No) => format!("votes against {title}"),
        Moved::Voted(_) => format!("voted on {title}"),
        Moved::Closed(closed) => format!("closed the poll on {title}: {}", counted(&closed.count)),
        Moved::Void => format!("nobody opened the sealed ballots on {title} in time: no poll was held"),
        Moved::Reopened { .. } => format!("says that their ballot on {title} is missing: the poll goes on"),
        Moved::Stated { text, .. } => format!("on {title}: {text}"),
        Moved::Reviewed { .. } => format!("looked at {title} again"),
    }
}

/// A result that is final.
pub(super) fn decided(state: &State, proposal: &IntentId, carried: bool) -> String {
    let Some(made) = state.proposal(proposal) else {
        return "a decision is final".to_owned();
    };
    let passed = made.closed().is_some_and(|closed| closed.count.passed);
    let what = match (passed, carried) {
        (true, true) => "is decided",
        (true, false) => "was decided, and cannot be done any more",
        (false, _) => "is not decided",
    };
    format!("{} \"{}\" {what}", made.number, made.title)
}

/// What a poll came to: the counts first.
#[must_use]
pub fn counted(count: &Count) -> String {
    let votes = match &count.votes {
        Votes::ForOrAgainst { yes, no } => format!("{yes} for, {no} against"),
        Votes::Each(each) => list(each.iter().map(|votes| Some(*votes))),
        Votes::Rounds(rounds) => {
            let last = rounds.last().map(|round| list(round.iter().copied()));
            format!("{} in round {}", last.unwrap_or_default(), rounds.len())
        }
    };
    let spoiled = match count.spoiled {
        0 => String::new(),
        n => format!(", {n} spoiled"),
    };
    let quorum = if count.quorum { "" } else { "; too few voted" };
    format!(
        "{votes}, {} abstained{spoiled}; {} of {} voted{quorum}",
        count.abstained, count.cast, count.voters
    )
}

fn list(votes: impl Iterator<Item = Option<u32>>) -> String {
    let each: Vec<_> = votes
        .map(|votes| votes.map_or_else(|| "out".to_owned(), |votes| votes.to_string()))
        .collect();
    each.join(" / ")
}

fn people(count: usize) -> String {
    match count {
        1 => "one person".to_owned(),
        n => format!("{n} people"),
    }
}

/// What is carried out if a proposal is decided.
#[must_use]
pub fn aim(state: &State, subject: &Subject) -> String {
    let name = |persona: &PersonaId| {
        state
            .person(persona)
            .map_or("somebody", |person| person.name.as_str())
    };
    match subject {
        Subject::Text => "what its text says".to_owned(),
        Subject::Amendment { proposal, number } => {
            let of = state.proposal(proposal).map_or(0, |made| made.number);
            format!("amendment {number} of proposal {of}")
        }
        Subject::Admit { persona } => format!("admits {}", name(persona)),
        Subject::Remove { persona } => format!("removes {}", name(persona)),
        Subject::Elect { office, candidates } => {
            let names: Vec<_> = candidates.iter().map(name).collect();
            let word = state.charter().office_word(*office);
            format!("elects the {word}, out of {}", names.join(", "))
        }
        Subject::Recall { office, holder } => {
            format!(
                "recalls {} as {}",
                name(holder),
                state.charter().office_word(*office)
            )
        }
        Subject::Charter { .. } => "changes the charter".to_owned(),
        Subject::Principles { .. } => format!("changes the {}", state.charter().words.principles),
        Subject::Link { offer } => format!("links with {}", offer.offer.card.name),
        Subject::Directive { link, directive } => {
            let from = between::linked_name(state, *link);
            format!("adopts directive {directive} of {from}, or declines it")
        }
    }
}
