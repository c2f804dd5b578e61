//! Counting: what ballots come to, as pure arithmetic (law 7).
//!
//! **Ties.** Where options are level at the edge of those chosen, the one that is listed first goes first; candidates are
//! listed in the order in which the office would go round. In an instant run-off, of those with the fewest votes the one
//! goes out who had fewest in the latest earlier round in which they differ, and else the one that is listed last.

use serde::{Deserialize, Serialize};

use crate::org::ballot::{Ballot, Method};
use crate::org::rules::{Base, PollRule, needed};

/// The votes of a poll.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Votes {
    /// For and against; in a consent those who block are against.
    ForOrAgainst {
        /// For.
        yes: u32,
        /// Against.
        no: u32,
    },
    /// Votes, or sums of scores, by option.
    Each(Vec<u32>),
    /// Of an instant run-off: votes by option in every round; none where an option is out.
    Rounds(Vec<Vec<Option<u32>>>),
}

/// What a poll came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Count {
    /// All who may vote, as they are counted.
    pub voters: u32,
    /// Ballots.
    pub cast: u32,
    /// Of them abstentions.
    pub abstained: u32,
    /// Of them such that say nothing that was asked: sealed ones that did not open, or held no ballot.
    pub spoiled: u32,
    /// The votes.
    pub votes: Votes,
    /// As many ballots as the quorum asks for.
    pub quorum: bool,
    /// It is decided: the threshold is met, or options are chosen.
    pub passed: bool,
    /// The options that are chosen, the first of them first.
    #[serde(with = "serde_bytes")]
    pub chosen: Vec<u8>,
}

/// What a count is made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms<'a> {
    /// How it is decided.
    pub method: Method,
    /// How many options there are.
    pub options: usize,
    /// The charter's rule.
    pub rule: &'a PollRule,
    /// How many the charter lets be away.
    pub absent: u16,
    /// All who may vote.
    pub voters: u32,
}

/// Counts. A ballot that does not fit is spoiled; so is `None`.
#[must_use]
pub fn count<'a>(terms: Terms<'_>, ballots: impl IntoIterator<Item = Option<&'a Ballot>>) -> Count {
    let Terms {
        method,
        options,
        rule,
        absent,
        voters,
    } = terms;
    let (mut cast, mut abstained, mut spoiled) = (0_u32, 0_u32, 0_u32);
    let mut said = Vec::new();
    for ballot in ballots {
        cast = cast.saturating_add(1);
        match ballot {
            Some(Ballot::Abstain) => abstained = abstained.saturating_add(1),
            Some(ballot) if ballot.fits(method, options) => said.push(ballot),
            _ => spoiled = spoiled.saturating_add(1),
        }
    }
    let (votes, chosen) = votes(method, options, &said);
    // Whoever voted is not away.
    let away = absent.min(u16::try_from(voters.saturating_sub(cast)).unwrap_or(u16::MAX));
    let quorum = cast >= needed(rule.quorum, voters, away);
    let decided = match &votes {
        Votes::ForOrAgainst { yes, no } => {
            let blocked = method == Method::Consent && *no > 0;
            let enough = match rule.base {
                Base::Cast => rule.threshold.is_met(*yes, yes.saturating_add(*no)),
                Base::Present => rule.threshold.is_met(*yes, cast),
                Base::Electorate => *yes >= needed(rule.threshold, voters, away),
            };
            *yes > 0 && enough && !blocked
        }
        Votes::Each(_) | Votes::Rounds(_) => !chosen.is_empty(),
    };
    Count {
        voters,
        cast,
        abstained,
        spoiled,
        votes,
        quorum,
        passed: quorum && decided,
        chosen,
    }
}

fn votes(method: Method, options: usize, said: &[&Ballot]) -> (Votes, Vec<u8>) {
    let mut each = vec![0_u32; options];
    let mut add = |option: usize, by: u8| {
        if let Some(sum) = each.get_mut(option) {
            *sum = sum.saturating_add(u32::from(by));
        }
    };
    match method {
        Method::Majority | Method::Consent => {
            let yes = said.iter().filter(|ballot| matches!(ballot, Ballot::Yes)).count();
            let (yes, no) = (narrow(yes), narrow(said.len().saturating_sub(yes)));
            return (Votes::ForOrAgainst { yes, no }, Vec::new());
        }
        Method::Ranked => {
            let ranks = said.iter().filter_map(|ballot| match ballot {
                Ballot::Ranks(ranks) => Some(ranks.as_slice()),
                _ => None,
            });
            let (rounds, winner) = run_off(options, &ranks.collect::<Vec<_>>());
            return (Votes::Rounds(rounds), winner.into_iter().collect());
        }
        Method::Choice { .. } | Method::Score { .. } => {
            for ballot in said {
                match ballot {
                    Ballot::Picks(picks) => picks.iter().for_each(|pick| add(usize::from(*pick), 1)),
                    Ballot::Scores(scores) => {
                        scores.iter().enumerate().for_each(|(place, by)| add(place, *by))
                    }
                    _ => {}
                }
            }
        }
    }
    let chosen = highest(&each, usize::from(method.winners()));
    (Votes::Each(each), chosen)
}

/// The options with the most votes, the most first, of those that have any.
fn highest(each: &[u32], winners: usize) -> Vec<u8> {
    let mut order: Vec<_> = (0..=u8::MAX).zip(each).filter(|(_, votes)| **votes > 0).collect();
    order.sort_by_key(|(option, votes)| (core::cmp::Reverse(**votes), *option));
    order
        .into_iter()
        .take(winners)
        .map(|(option, _)| option)
        .collect()
}

/// Instant run-off: in every round each ballot counts for the first of its options that is still in; once one has more
/// than half of what counts, it is chosen; else the weakest goes out.
fn run_off(options: usize, ballots: &[&[u8]]) -> (Vec<Vec<Option<u32>>>, Option<u8>) {
    let mut rounds: Vec<Vec<Option<u32>>> = Vec::new();
    let mut is_in = vec![true; options];
    loop {
        let mut votes: Vec<_> = is_in.iter().map(|is_in| is_in.then_some(0_u32)).collect();
        for ballot in ballots {
            let in_yet = |option: &&u8| is_in.get(usize::from(**option)) == Some(&true);
            let first = ballot.iter().find(in_yet);
            if let Some(Some(sum)) = first.and_then(|option| votes.get_mut(usize::from(*option))) {
                *sum = sum.saturating_add(1);
            }
        }
        let all = votes
            .iter()
            .flatten()
            .fold(0_u64, |sum, votes| sum + u64::from(*votes));
        let best = highest(
            &votes.iter().map(|votes| votes.unwrap_or(0)).collect::<Vec<_>>(),
            1,
        );
        let most = best
            .first()
            .and_then(|best| votes.get(usize::from(*best)).copied().flatten());
        let is_over = u64::from(most.unwrap_or(0)) * 2 > all || votes.iter().flatten().count() <= 1;
        rounds.push(votes);
        if is_over || best.is_empty() {
            return (rounds, best.first().copied());
        }
        match weakest(&rounds) {
            Some(out) => {
                if let Some(is_in) = is_in.get_mut(out) {
                    *is_in = false;
                }
            }
            None => return (rounds, None),
        }
    }
}

/// Who goes out after the last round.
fn weakest(rounds: &[Vec<Option<u32>>]) -> Option<usize> {
    let last = rounds.last()?;
    let mut weakest: Vec<_> = (0..last.len())
        .filter(|option| last.get(*option).copied().flatten().is_some())
        .collect();
    for round in rounds.iter().rev() {
        let votes = |option: &usize| round.get(*option).copied().flatten();
        let fewest = weakest.iter().filter_map(votes).min();
        weakest.retain(|option| votes(option) == fewest);
        if weakest.len() == 1 {
            break;
        }
    }
    weakest.last().copied()
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
