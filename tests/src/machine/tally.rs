//! Counting in the interpreter, as with paper.

use caucus_proto::org::{Ballot, Method};

use super::rules::{Rule, Whole};

/// Votes as they are told.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Told {
    Two(usize, usize),
    Each(Vec<usize>),
    Rounds(Vec<Vec<Option<usize>>>),
}

/// What a poll came to.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Came {
    pub(super) voters: usize,
    pub(super) cast: usize,
    pub(super) abstained: usize,
    pub(super) spoiled: usize,
    pub(super) told: Told,
    pub(super) quorum: bool,
    pub(super) passed: bool,
    pub(super) chosen: Vec<u8>,
}

/// Whether so many options can be decided so.
pub(super) fn method_fits(method: Method, options: usize) -> bool {
    let upto = |number: u8| (1..=options).contains(&usize::from(number));
    let several = (2..=32).contains(&options);
    match method {
        Method::Majority | Method::Consent => options == 0,
        Method::Ranked => several,
        Method::Choice { most, winners } => several && upto(most) && upto(winners),
        Method::Score { top, winners } => several && (1..=10).contains(&top) && upto(winners),
    }
}

/// Whether it says what is asked.
pub(super) fn says_something(ballot: &Ballot, method: Method, options: usize) -> bool {
    let once = |list: &[u8]| {
        let twice = list
            .iter()
            .any(|one| list.iter().filter(|other| *other == one).count() > 1);
        !list.is_empty() && !twice && list.iter().all(|one| usize::from(*one) < options)
    };
    match (method, ballot) {
        (_, Ballot::Abstain) => true,
        (Method::Majority, Ballot::Yes | Ballot::No) | (Method::Consent, Ballot::Yes) => true,
        (Method::Consent, Ballot::Block { reason }) => !reason.trim().is_empty() && reason.len() <= 480,
        (Method::Choice { most, .. }, Ballot::Picks(picks)) => {
            let mut sorted = picks.clone();
            sorted.sort_unstable();
            once(picks) && sorted == *picks && picks.len() <= usize::from(most)
        }
        (Method::Ranked, Ballot::Ranks(ranks)) => once(ranks),
        (Method::Score { top, .. }, Ballot::Scores(scores)) => {
            scores.len() == options && scores.iter().all(|score| *score <= top)
        }
        _ => false,
    }
}

/// Counts ballots; `None` is one that nobody could read.
pub(super) fn tally(
    method: Method,
    options: usize,
    rule: &Rule,
    absent: usize,
    voters: usize,
    ballots: &[Option<Ballot>],
) -> Came {
    let cast = ballots.len();
    let read: Vec<&Ballot> = ballots.iter().flatten().collect();
    let is_abstention = |ballot: &&&Ballot| matches!(ballot, Ballot::Abstain);
    let abstained = read.iter().filter(is_abstention).count();
    let said: Vec<&Ballot> = read
        .into_iter()
        .filter(|ballot| !matches!(ballot, Ballot::Abstain) && says_something(ballot, method, options))
        .collect();
    let yes = said.iter().filter(|ballot| matches!(ballot, Ballot::Yes)).count();
    let no = said.len() - yes;
    let (told, chosen) = match method {
        Method::Majority | Method::Consent => (Told::Two(yes, no), vec![]),
        Method::Ranked => with_piles(options, &said),
        Method::Choice { winners, .. } | Method::Score { winners, .. } => {
            let of = |option: u8| -> usize {
                let by = |ballot: &&Ballot| match ballot {
                    Ballot::Picks(picks) => usize::from(picks.contains(&option)),
                    Ballot::Scores(scores) => usize::from(scores[usize::from(option)]),
                    _ => 0,
                };
                said.iter().map(by).sum()
            };
            let each: Vec<usize> = (0..options as u8).map(of).collect();
            (Told::Each(each.clone()), best(&each, usize::from(winners)))
        }
    };
    let quorum = rule.quorum.is_met_by_all(cast, voters, absent);
    let silent = voters.saturating_sub(cast);
    let enough = match rule.whole {
        Whole::Votes => rule.threshold.is_met(yes, yes + no),
        Whole::Ballots => rule.threshold.is_met(yes, cast),
        Whole::Everybody => rule.threshold.is_met_by_all(yes, voters, absent.min(silent)),
    };
    let decided = match method {
        Method::Majority => enough && yes > 0,
        Method::Consent => enough && yes > 0 && no == 0,
        _ => !chosen.is_empty(),
    };
    Came {
        voters,
        cast,
        abstained,
        spoiled: cast - abstained - said.len(),
        told,
        quorum,
        passed: quorum && decided,
        chosen,
    }
}

/// One after the other: of those left, the first that has most, as long as it has any.
fn best(each: &[usize], winners: usize) -> Vec<u8> {
    let mut chosen: Vec<u8> = vec![];
    while chosen.len() < winners {
        let left = || (0..each.len() as u8).filter(|option| !chosen.contains(option));
        let most = left().map(|option| each[usize::from(option)]).max().unwrap_or(0);
        let next = left().find(|option| most > 0 && each[usize::from(*option)] == most);
        match next {
            Some(next) => chosen.push(next),
            None => break,
        }
    }
    chosen
}

/// An instant run-off: every paper lies on the pile of the first that it names and that is not out.
fn with_piles(options: usize, said: &[&Ballot]) -> (Told, Vec<u8>) {
    let mut papers: Vec<Vec<u8>> = vec![];
    for ballot in said {
        if let Ballot::Ranks(ranks) = ballot {
            papers.push(ranks.clone());
        }
    }
    let mut left: Vec<u8> = (0..options as u8).collect();
    let mut rounds: Vec<Vec<Option<usize>>> = vec![];
    loop {
        papers.retain(|paper| !paper.is_empty());
        let pile = |option: u8| {
            let count = papers.iter().filter(|paper| paper[0] == option).count();
            left.contains(&option).then_some(count)
        };
        let piles: Vec<Option<usize>> = (0..options as u8).map(pile).collect();
        let winner = left
            .iter()
            .find(|option| piles[usize::from(**option)].unwrap() * 2 > papers.len());
        rounds.push(piles.clone());
        if papers.is_empty() {
            return (Told::Rounds(rounds), vec![]);
        }
        if let Some(winner) = winner {
            return (Told::Rounds(rounds), vec![*winner]);
        }
        // The weakest by the last round, else by the one before, and so on; else the one listed last.
        let mut weakest = left.clone();
        for round in rounds.iter().rev() {
            let fewest = weakest
                .iter()
                .map(|option| round[usize::from(*option)])
                .min()
                .unwrap();
            weakest.retain(|option| round[usize::from(*option)] == fewest);
        }
        let out = *weakest.last().unwrap();
        left.retain(|option| *option != out);
        for paper in &mut papers {
            paper.retain(|option| *option != out);
        }
    }
}
