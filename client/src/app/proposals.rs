//! Proposals and polls: makes them, moves them on, shows them.

use caucus_proto::id::{IntentId, Minutes};
use caucus_proto::org::proposal::LONGEST_TITLE;
use caucus_proto::org::{Ballot, Base, Deed, Method, Poll, Proposal, Stage, State, Step, Subject, Wording};

use super::answer::Answer;
use super::app::PATIENCE;
use super::decision::{
    AmendmentView, BallotWord, MethodWord, OutcomeView, PollView, ProposalView, ResultView, StepWord,
    SubjectWord, WordView,
};
use super::directives::find_told;
use super::membership::{done_or_queued, waiting_because};
use super::problem::{Code, Problem};
use super::standing::office_named;
use super::{changes, find, view};
use crate::charter;
use crate::engine::{Engine, EngineError, Fate, Item, Line, Room, aim, counted};

/// Entries of the log that are looked through at once.
const SHOWN: usize = 500;

/// Proposes something.
pub(super) async fn propose(
    engine: &Engine,
    body: &str,
    title: &str,
    text: &str,
    subject: SubjectWord,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let subject = match subject {
        SubjectWord::Link { offer } => {
            let offer = Box::new(engine.read_offer(&offer).await?);
            // Who never linked with anybody has nothing yet to speak by.
            engine.open_bulletin(&live, PATIENCE).await?;
            Subject::Link { offer }
        }
        other => meant(&live.room(), other)?,
    };
    let deed = {
        let room = live.room();
        let title = if title.trim().is_empty() {
            shortened(&aim(room.state(), &subject))
        } else {
            title.to_owned()
        };
        Deed::Propose {
            title,
            text: text.to_owned(),
            subject: Box::new(subject),
        }
    };
    let (id, fate) = live.act_named(&deed, PATIENCE).await?;
    let room = live.room();
    match (fate, room.state().proposal(&id)) {
        (Fate::Landed(_), Some(proposal)) => Ok(Answer::Proposed {
            body: view::room_name(&room),
            number: proposal.number,
        }),
        _ => Ok(Answer::Queued {
            waiting: room.unsent(),
            why: waiting_because(&live),
        }),
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TITLE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// What somebody means, by names and numbers of their own.
fn meant(room: &Room, subject: SubjectWord) -> Result<Subject, Problem> {
    let state = room.state();
    let persona = |name: &str| room.named(name).map(|(persona, _)| persona);
    Ok(match subject {
        SubjectWord::Text {} => Subject::Text,
        SubjectWord::Amendment { proposal, amendment } => Subject::Amendment {
            proposal: *numbered(state, proposal)?.0,
            number: amendment,
        },
        SubjectWord::Admit { name } => Subject::Admit {
            persona: persona(&name)?,
        },
        SubjectWord::Remove { name } => Subject::Remove {
            persona: persona(&name)?,
        },
        SubjectWord::Elect { office, names } => {
            let mut candidates = names
                .iter()
                .map(|name| persona(name))
                .collect::<Result<Vec<_>, _>>()?;
            candidates.sort_unstable();
            Subject::Elect {
                office: office_named(state, &office)?,
                candidates,
            }
        }
        SubjectWord::Recall { office, name } => {
            let office = office_named(state, &office)?;
            let holder = match name {
                Some(name) => Some(persona(&name)?),
                None => state.mandates(office).next().map(|mandate| mandate.holder),
            };
            let holder = holder.ok_or_else(|| {
                Problem::new(
                    Code::BadInput,
                    "nobody holds that office",
                    "`caucus offices` shows who holds what",
                )
            })?;
            Subject::Recall { office, holder }
        }
        SubjectWord::Charter { toml } => {
            let charter = charter::read(&toml).map_err(|error| {
                Problem::new(
                    Code::BadInput,
                    format!("that is no charter: {error}"),
                    "`caucus charter check` says what is wrong in a file",
                )
            })?;
            Subject::Charter {
                charter: Box::new(charter),
            }
        }
        SubjectWord::Principles { texts, substance } => Subject::Principles {
            texts: texts
                .into_iter()
                .map(|(language, text)| Wording { language, text })
                .collect(),
            substance,
        },
        SubjectWord::Directive { from, number } => Subject::Directive {
            link: find_told(room, from.as_deref(), number)?,
            directive: number,
        },
        SubjectWord::Link { .. } => {
            return Err(Problem::new(
                Code::Internal,
                "an offer is read before it is proposed",
                "try again; if it stays so, report it",
            ));
        }
    })
}

fn numbered(state: &State, number: u32) -> Result<(&IntentId, &Proposal), EngineError> {
    state.numbered(number).ok_or_else(|| EngineError::NotFound {
        what: "proposal",
        name: number.to_string(),
    })
}

/// Does something with a proposal.
pub(super) async fn step(
    engine: &Engine,
    body: &str,
    number: u32,
    word: StepWord,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let deed = {
        let room = live.room();
        let (id, proposal) = numbered(room.state(), number)?;
        let step = Box::new(stepped(&room, id, proposal, word)?);
        Deed::Step { proposal: *id, step }
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

fn stepped(room: &Room, id: &IntentId, proposal: &Proposal, word: StepWord) -> Result<Step, Problem> {
    let later = |minutes: u64| Minutes(room.state().now().0.saturating_add(minutes));
    Ok(match word {
        StepWord::Discuss { text } => Step::Discuss { text },
        StepWord::Support {} => Step::Support,
        StepWord::Amend { text } => Step::Amend { text },
        StepWord::Take { amendment } => Step::Take { amendment },
        StepWord::Withdraw {} => Step::Withdraw,
        StepWord::Open {
            method,
            options,
            minutes,
            sealed,
            most,
            winners,
        } => Step::Open {
            version: proposal.version,
            method: way(method, most, winners),
            options,
            until: later(minutes),
            seal: if sealed { Some(room.ballot_key(id)?) } else { None },
        },
        StepWord::Vote { ballot } => {
            let poll = proposal.poll().ok_or_else(no_poll)?;
            let said = said(room, poll, ballot)?;
            if !said.fits(poll.method, poll.choices()) {
                return Err(Problem::new(
                    Code::BadInput,
                    format!("this poll is by {}: that is no ballot of it", poll.method.word()),
                    "`caucus proposal show` says how to vote",
                ));
            }
            Step::Vote {
                ballot: room.ballot(id, said)?,
            }
        }
        StepWord::Close {} => room.closing(id).ok_or_else(no_poll)?,
        StepWord::Missing {} => Step::Missing,
        StepWord::Outcome { text, review } => Step::State {
            text,
            review: review.map(later),
        },
        StepWord::Reviewed { again } => Step::Review {
            again: again.map(later),
        },
    })
}

fn no_poll() -> Problem {
    Problem::new(
        Code::BadInput,
        "there is no open poll on that proposal",
        "`caucus proposals` shows how far each is",
    )
}

fn way(method: MethodWord, most: Option<u8>, winners: Option<u8>) -> Method {
    let winners = winners.unwrap_or(1);
    match method {
        MethodWord::Majority => Method::Majority,
        MethodWord::Consent => Method::Consent,
        MethodWord::Ranked => Method::Ranked,
        MethodWord::Choice => Method::Choice {
            most: most.unwrap_or(winners),
            winners,
        },
        MethodWord::Score => Method::Score {
            top: most.unwrap_or(10),
            winners,
        },
    }
}

/// A ballot, from options by their words or numbers.
fn said(room: &Room, poll: &Poll, ballot: BallotWord) -> Result<Ballot, Problem> {
    let options = options(room, poll);
    let place = |word: &String| -> Result<u8, Problem> {
        let by_word = options
            .iter()
            .position(|option| option.eq_ignore_ascii_case(word.trim()));
        let by_number = word
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let place = by_word.or(by_number.filter(|place| *place < options.len()));
        place.and_then(|place| u8::try_from(place).ok()).ok_or_else(|| {
            Problem::new(
                Code::BadInput,
                format!("\"{word}\" is none of the options"),
                "`caucus proposal show` lists them with their numbers",
            )
        })
    };
    let places = |words: &[String]| words.iter().map(place).collect::<Result<Vec<_>, _>>();
    Ok(match ballot {
        BallotWord::Yes {} => Ballot::Yes,
        BallotWord::No {} => Ballot::No,
        BallotWord::Abstain {} => Ballot::Abstain,
        BallotWord::Block { reason } => Ballot::Block { reason },
        BallotWord::Pick { options } => {
            let mut picks = places(&options)?;
            picks.sort_unstable();
            Ballot::Picks(picks)
        }
        BallotWord::Rank { options } => Ballot::Ranks(places(&options)?),
        BallotWord::Score { scores } => {
            let mut all = vec![0; options.len()];
            for (option, score) in &scores {
                if let Some(of) = all.get_mut(usize::from(place(option)?)) {
                    *of = *score;
                }
            }
            Ballot::Scores(all)
        }
    })
}

/// What there is to choose from, in words.
fn options(room: &Room, poll: &Poll) -> Vec<String> {
    if poll.method.is_for_or_against() {
        Vec::new()
    } else if poll.candidates.is_empty() {
        poll.options.clone()
    } else {
        poll.candidates.iter().map(|id| room.name_of(id)).collect()
    }
}

/// Proposals, the newest first.
pub(super) fn list(engine: &Engine, body: Option<&str>) -> Result<Answer, Problem> {
    let mut proposals = Vec::new();
    for live in find::rooms(engine, body)? {
        let room = live.room();
        let mut of_room: Vec<_> = (room.state().proposals.values())
            .map(|proposal| shown(&room, proposal))
            .collect();
        of_room.sort_by_key(|proposal| core::cmp::Reverse(proposal.number));
        proposals.extend(of_room);
    }
    Ok(Answer::Proposals { proposals })
}

/// One, with what was said about it.
pub(super) fn show(engine: &Engine, body: &str, number: u32) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let (_, proposal) = numbered(room.state(), number)?;
    let mut words = Vec::new();
    let mut after = proposal.position;
    loop {
        let records = room.shown_after(after, SHOWN)?;
        let Some((last, _)) = records.last() else { break };
        after = *last;
        words.extend(records.iter().filter_map(|(_, shown)| match shown.item() {
            Item::Discussed { proposal, text } if *proposal == number => Some(WordView {
                author: shown.name().unwrap_or_default().to_owned(),
                time: shown.time(),
                text: text.clone(),
                handed_by: match shown {
                    Line::Own(_) => None,
                    Line::Handed(handed) => Some(room.name_of(&handed.by)),
                },
            }),
            _ => None,
        }));
    }
    Ok(Answer::Proposal {
        proposal: Box::new(shown(&room, proposal)),
        words,
    })
}

/// As it is shown.
pub(super) fn shown(room: &Room, proposal: &Proposal) -> ProposalView {
    let state = room.state();
    let (_, needed) = state.support(proposal);
    let (stage, outcome) = match &proposal.stage {
        Stage::Open => ("open", None),
        Stage::Polled(_) => ("polled", None),
        Stage::Closed(_) => ("closed", None),
        Stage::Decided(decided) => ("decided", decided.outcome.as_ref()),
    };
    ProposalView {
        body: view::room_name(room),
        number: proposal.number,
        title: proposal.title.clone(),
        text: proposal.text.clone(),
        version: proposal.version,
        by: room.name_of(&proposal.by),
        at: proposal.at.0,
        kind: proposal.subject.word().to_owned(),
        aim: aim(state, &proposal.subject),
        changes: match &proposal.subject {
            Subject::Charter { charter } if proposal.decided().is_none() => {
                let mut changes =
                    changes::between(&charter::in_words(state.charter()), &charter::in_words(charter));
                changes.extend(charter::shown_to_newcomers(state.charter(), charter));
                changes
            }
            _ => Vec::new(),
        },
        stage: stage.to_owned(),
        supporters: proposal.supporters.iter().map(|by| room.name_of(by)).collect(),
        support_needed: needed,
        amendments: (proposal.amendments.iter())
            .map(|amendment| AmendmentView {
                number: amendment.number,
                by: room.name_of(&amendment.by),
                text: amendment.text.clone(),
            })
            .collect(),
        poll: proposal.poll().map(|poll| polled(room, proposal.number, poll)),
        result: result(room, proposal),
        outcome: outcome.map(|outcome| OutcomeView {
            by: room.name_of(&outcome.by),
            text: outcome.text.clone(),
            review: outcome.review.map(|review| review.0),
        }),
    }
}

fn polled(room: &Room, number: u32, poll: &Poll) -> PollView {
    let (state, me) = (room.state(), room.me());
    let options = options(room, poll);
    let mine = state.voters.get(&(number, me));
    let words = |ballot: &Ballot| in_words(ballot, &options);
    let voted: Vec<_> = state
        .voters_of(number)
        .filter_map(|(persona, voter)| Some((room.name_of(persona), words(voter.ballot.as_ref()?))))
        .collect();
    let may_vote = mine.is_some() && room.may_act().is_ok() && state.now() < poll.until;
    PollView {
        method: poll.method.word().to_owned(),
        rule: rule(poll),
        until: poll.until.0,
        sealed: poll.seal.is_some(),
        voters: poll.voters,
        voted: u32::try_from(voted.len()).unwrap_or(u32::MAX),
        may_vote,
        mine: mine
            .and_then(|voter| voter.ballot.as_ref())
            .map(|ballot| match ballot {
                Ballot::Sealed(_) => "sealed".to_owned(),
                ballot => words(ballot),
            }),
        ballots: if poll.seal.is_some() { Vec::new() } else { voted },
        options,
    }
}

fn rule(poll: &Poll) -> String {
    let quorum = format!("{} of all must vote", poll.rule.quorum);
    let of = match poll.rule.base {
        Base::Cast => "of the votes for and against",
        Base::Present => "of all ballots",
        Base::Electorate => "of all who may vote",
    };
    match poll.method {
        Method::Majority => format!("{} {of}; {quorum}", poll.rule.threshold),
        Method::Consent => format!("nobody blocks it, and {} {of}; {quorum}", poll.rule.threshold),
        Method::Choice { most, winners } => {
            format!("pick up to {most}; the first {winners} by votes are chosen; {quorum}")
        }
        Method::Ranked => format!("rank as many as you like, the best first; instant run-off; {quorum}"),
        Method::Score { top, winners } => {
            format!("score each from 0 to {top}; the first {winners} by sums are chosen; {quorum}")
        }
    }
}

/// A ballot in words.
pub(super) fn in_words(ballot: &Ballot, options: &[String]) -> String {
    let option = |place: &u8| options.get(usize::from(*place)).map_or("?", String::as_str);
    match ballot {
        Ballot::Abstain => "abstains".to_owned(),
        Ballot::Yes => "for".to_owned(),
        Ballot::No => "against".to_owned(),
        Ballot::Block { reason } => format!("blocks: {reason}"),
        Ballot::Picks(picks) => picks.iter().map(option).collect::<Vec<_>>().join(", "),
        Ballot::Ranks(ranks) => ranks.iter().map(option).collect::<Vec<_>>().join(" > "),
        Ballot::Scores(scores) => (options.iter().zip(scores))
            .map(|(option, score)| format!("{option} {score}"))
            .collect::<Vec<_>>()
            .join(", "),
        Ballot::Sealed(_) => "sealed".to_owned(),
    }
}

fn result(room: &Room, proposal: &Proposal) -> Option<ResultView> {
    let closed = proposal.closed()?;
    let (state, poll) = (room.state(), &closed.poll);
    let options = options(room, poll);
    let chosen = |place: &u8| options.get(usize::from(*place)).cloned();
    let decided = proposal.decided();
    Some(ResultView {
        counts: counted(&closed.count),
        passed: closed.count.passed,
        chosen: closed.count.chosen.iter().filter_map(chosen).collect(),
        closed: closed.at.0,
        grace: poll.grace(closed.at).0,
        is_final: decided.is_some(),
        seen: (decided.is_none()).then(|| state.attested(closed.position, poll.kept.silent)),
        carried: decided.is_some_and(|decided| decided.carried),
    })
}
