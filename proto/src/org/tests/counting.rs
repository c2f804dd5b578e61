//! Counting at every boundary, against arithmetic that is written otherwise: fractions multiplied out, and rules read from
//! their words. Instant run-offs against published ones, and against an interpreter that keeps piles of paper.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::polls;
use crate::org::ballot::{Ballot, Method};
use crate::org::count::{Count, Terms, Votes, count};
use crate::org::rules::{Base, PollRule, needed};
use crate::org::share::Share;

const fn share(part: u16, of: u16, more: bool) -> Share {
    Share { part, of, more }
}

/// Thresholds and quorums at the ends of what a charter may say, and between them.
const RULES: [(Share, Share); 6] = [
    (share(1, 2, false), share(0, 1, false)),
    (share(1, 2, true), share(1, 3, false)),
    (share(3, 5, true), share(1, 2, true)),
    (share(2, 3, false), share(1, 5, false)),
    (share(3, 4, false), share(2, 3, true)),
    (share(9, 10, false), share(9, 10, false)),
];

const BASES: [Base; 3] = [Base::Cast, Base::Present, Base::Electorate];

/// Whether `have` of `all` is the share, by fractions of one whole.
fn is_share(share: Share, have: u128, all: u128) -> bool {
    let (have, want) = (have * u128::from(share.of), all * u128::from(share.part));
    have > want || (have == want && !share.more)
}

/// The same of all who may vote: nobody waits for those who may be away, but for more than half always.
fn is_share_of_all(share: Share, have: u128, all: u128, absent: u128) -> bool {
    is_share(share, have, all) || (have + absent >= all && have + have > all)
}

fn tally(rule: &PollRule, absent: u16, voters: usize, votes: [usize; 3]) -> Count {
    let ballots = [Ballot::Yes, Ballot::No, Ballot::Abstain];
    let cast = ballots.iter().zip(votes);
    let cast = cast.flat_map(|(ballot, times)| std::iter::repeat_n(Some(ballot), times));
    let terms = Terms {
        method: Method::Majority,
        options: 0,
        rule,
        absent,
        voters: u32::try_from(voters).unwrap(),
    };
    count(terms, cast)
}

#[test]
fn a_majority_is_exact_at_every_boundary_of_every_base() {
    let mut boundaries = 0;
    for voters in 0..=50 {
        for yes in 0..=voters {
            for no in 0..=voters - yes {
                for abstained in 0..=voters - yes - no {
                    let (case, cast) = (voters + yes + 2 * no + 3 * abstained, yes + no + abstained);
                    // All rules in small bodies; in larger ones each with one of the numbers that may be away.
                    let away: Vec<_> = if voters <= 12 {
                        (0..=5).collect()
                    } else {
                        vec![case % 6]
                    };
                    let rules = RULES.into_iter().zip(0_usize..);
                    for ((threshold, quorum), number) in rules {
                        if voters > 12 && !(case + number).is_multiple_of(2) {
                            continue;
                        }
                        for (base, absent) in BASES.iter().flat_map(|base| away.iter().map(|a| (*base, *a))) {
                            let rule = PollRule {
                                threshold,
                                base,
                                quorum,
                                ..polls().ordinary
                            };
                            let made = tally(
                                &rule,
                                u16::try_from(absent).unwrap(),
                                voters,
                                [yes, no, abstained],
                            );
                            let [for_it, votes, all, n, away] =
                                [yes, yes + no, cast, voters, absent].map(|count| count as u128);
                            let enough = match base {
                                Base::Cast => is_share(threshold, for_it, votes),
                                Base::Present => is_share(threshold, for_it, all),
                                Base::Electorate => is_share_of_all(threshold, for_it, n, away.min(n - all)),
                            };
                            let quorum = is_share_of_all(quorum, all, n, away);
                            let passed = quorum && enough && yes > 0;
                            assert_eq!(
                                (made.quorum, made.passed),
                                (quorum, passed),
                                "{yes} yes, {no} no, {abstained} abstained of {voters}, {absent} away, {rule:?}"
                            );
                            let said = [yes, no, abstained, cast].map(|count| u32::try_from(count).unwrap());
                            let [yes, no, abstained, cast] = said;
                            assert_eq!(made.votes, Votes::ForOrAgainst { yes, no });
                            assert_eq!((made.abstained, made.cast, made.spoiled), (abstained, cast, 0));
                            boundaries += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(boundaries > 2_000_000, "{boundaries}");
}

#[test]
fn whoever_votes_against_is_not_taken_for_somebody_who_is_away() {
    let rule = PollRule {
        threshold: share(6, 7, true),
        base: Base::Electorate,
        ..polls().rules
    };
    let of_seven = |votes| tally(&rule, 1, 7, votes).passed;
    assert!(of_seven([7, 0, 0]));
    assert!(of_seven([6, 0, 0]), "one may be away");
    assert!(!of_seven([6, 1, 0]), "nobody is away");
    assert!(!of_seven([6, 0, 1]), "nor is who abstains");
}

#[test]
fn a_share_of_all_never_waits_for_those_who_may_be_away_and_never_falls_to_half() {
    let shares = RULES
        .into_iter()
        .flat_map(|(threshold, quorum)| [threshold, quorum]);
    for share in shares {
        for voters in 0..=50_u32 {
            for absent in 0..=100_u16 {
                // The first of all counts that is enough, found by trying.
                let enough = |have: &u32| {
                    is_share_of_all(share, u128::from(*have), u128::from(voters), u128::from(absent))
                };
                let first = (0..).find(enough).unwrap();
                assert_eq!(
                    needed(share, voters, absent),
                    first,
                    "{share} of {voters}, {absent} away"
                );
            }
        }
    }
}

#[test]
fn one_block_is_enough_and_those_who_abstain_neither_consent_nor_block() {
    let rule = polls().ordinary;
    let block = Ballot::Block {
        reason: "it puts the newest at risk".to_owned(),
    };
    for (ballots, passed) in [
        (vec![&Ballot::Yes; 4], true),
        (vec![&Ballot::Yes, &Ballot::Yes, &Ballot::Yes, &block], false),
        (vec![&Ballot::Abstain, &Ballot::Abstain, &Ballot::Yes], true),
        // Nothing goes through that nobody is for.
        (vec![&Ballot::Abstain; 4], false),
    ] {
        let terms = Terms {
            method: Method::Consent,
            options: 0,
            rule: &rule,
            absent: 1,
            voters: 4,
        };
        assert_eq!(count(terms, ballots.into_iter().map(Some)).passed, passed);
    }
}

/// Ballots with how often each was cast.
fn chosen(method: Method, options: usize, ballots: &[(u32, Ballot)]) -> Count {
    let rule = polls().ordinary;
    let all = ballots.iter().map(|(times, _)| times).sum();
    let each = ballots
        .iter()
        .flat_map(|(times, ballot)| (0..*times).map(move |_| Some(ballot)));
    let terms = Terms {
        method,
        options,
        rule: &rule,
        absent: 0,
        voters: all,
    };
    count(terms, each)
}

fn ranked(options: usize, ballots: &[(u32, &[u8])]) -> (Vec<Vec<Option<u32>>>, Vec<u8>) {
    let ballots: Vec<_> = ballots
        .iter()
        .map(|(times, ranks)| (*times, Ballot::Ranks(ranks.to_vec())))
        .collect();
    let count = chosen(Method::Ranked, options, &ballots);
    let Votes::Rounds(rounds) = count.votes else {
        panic!()
    };
    assert_eq!(count.passed, !count.chosen.is_empty());
    (rounds, count.chosen)
}

#[test]
fn the_capital_of_tennessee_is_knoxville() {
    // Memphis, Nashville, Chattanooga, Knoxville: the example of textbooks on voting.
    let ballots: [(u32, &[u8]); 4] = [
        (42, &[0, 1, 2, 3]),
        (26, &[1, 2, 3, 0]),
        (15, &[2, 3, 1, 0]),
        (17, &[3, 2, 1, 0]),
    ];
    let rounds = vec![
        vec![Some(42), Some(26), Some(15), Some(17)],
        vec![Some(42), Some(26), None, Some(32)],
        vec![Some(42), None, None, Some(58)],
    ];
    assert_eq!(ranked(4, &ballots), (rounds, vec![3]));
}

#[test]
fn burlington_2009_comes_out_as_it_did() {
    // Kiss, Montroll, Wright: the ballots of the last three candidates, as in published analyses of the count. Those that
    // name only who is out count no more: Kiss wins by less than half of all.
    let ballots: [(u32, &[u8]); 9] = [
        (1332, &[1, 0, 2]),
        (767, &[1, 2, 0]),
        (455, &[1]),
        (2043, &[0, 1, 2]),
        (371, &[0, 2, 1]),
        (568, &[0]),
        (1513, &[2, 1, 0]),
        (495, &[2, 0, 1]),
        (1289, &[2]),
    ];
    let rounds = vec![
        vec![Some(2982), Some(2554), Some(3297)],
        vec![Some(4314), None, Some(4064)],
    ];
    assert_eq!(ranked(3, &ballots), (rounds, vec![0]));
}

#[test]
fn of_those_with_the_fewest_the_latest_round_in_which_they_differ_decides_who_goes() {
    // 3 goes first. Then 1 and 2 are level; in the round before, 2 had fewer.
    let ballots: [(u32, &[u8]); 4] = [(5, &[0]), (4, &[1, 0]), (3, &[2, 1]), (1, &[3, 2])];
    let (rounds, winner) = ranked(4, &ballots);
    assert_eq!(rounds[1], [Some(5), Some(4), Some(4), None]);
    assert_eq!((rounds[2][2], winner), (None, vec![1]));
    // The latest of two rounds, not the first: 1 had fewer at the beginning, 2 had fewer after that.
    let ballots: [(u32, &[u8]); 6] = [
        (9, &[0]),
        (4, &[1]),
        (5, &[2]),
        (1, &[3, 2]),
        (2, &[3]),
        (2, &[4, 1]),
    ];
    let (rounds, _) = ranked(5, &ballots);
    assert_eq!(rounds[0], [Some(9), Some(4), Some(5), Some(3), Some(2)]);
    assert_eq!(rounds[1], [Some(9), Some(6), Some(5), Some(3), None]);
    assert_eq!(rounds[2], [Some(9), Some(6), Some(6), None, None]);
    assert_eq!(rounds[3], [Some(9), Some(6), None, None, None]);
}

#[test]
fn where_no_round_tells_them_apart_the_one_who_is_listed_last_goes_and_the_first_stays() {
    assert_eq!(ranked(3, &[(2, &[0]), (2, &[1]), (2, &[2])]).1, [0]);
    let (rounds, winner) = ranked(3, &[(2, &[2, 1]), (2, &[1, 0]), (2, &[0, 2])]);
    assert_eq!(rounds[1], [Some(2), Some(4), None]);
    assert_eq!(winner, [1]);
    // Those who were named by nobody go first, the last of them first.
    let (rounds, winner) = ranked(4, &[(1, &[1]), (1, &[0])]);
    assert_eq!((rounds.len(), winner), (4, vec![0]));
    assert_eq!(rounds[1], [Some(1), Some(1), Some(0), None]);
    // Nobody ranked anything: nobody is chosen.
    assert_eq!(
        chosen(Method::Ranked, 3, &[(3, Ballot::Abstain)]).chosen,
        Vec::<u8>::new()
    );
    // Just half is not more than half.
    assert_eq!(ranked(3, &[(2, &[0]), (1, &[1]), (1, &[2, 1])]).0.len(), 3);
}

#[test]
fn where_options_are_level_at_the_edge_the_first_listed_are_chosen_and_none_that_nobody_wants() {
    let picks = |picks: &[u8]| Ballot::Picks(picks.to_vec());
    let choice = |winners| Method::Choice { most: 3, winners };
    let ballots = [(2, picks(&[1, 3])), (1, picks(&[0, 2])), (1, picks(&[2]))];
    // 3 and 1 and 2 have two each, 0 has one.
    for (winners, expected) in [
        (1, vec![1]),
        (2, vec![1, 2]),
        (3, vec![1, 2, 3]),
        (4, vec![1, 2, 3, 0]),
    ] {
        let count = chosen(choice(winners), 4, &ballots);
        assert_eq!(count.votes, Votes::Each(vec![1, 2, 2, 2]));
        assert_eq!(count.chosen, expected);
    }
    assert_eq!(chosen(choice(3), 4, &[(2, picks(&[2]))]).chosen, [2]);
    let scores = |scores: &[u8]| Ballot::Scores(scores.to_vec());
    let score = |winners| Method::Score { top: 10, winners };
    let ballots = [
        (3, scores(&[0, 10, 5])),
        (2, scores(&[10, 0, 5])),
        (1, scores(&[10, 0, 5])),
    ];
    assert_eq!(chosen(score(1), 3, &ballots).chosen, [0]);
    assert_eq!(chosen(score(2), 3, &ballots).chosen, [0, 1]);
    let none = chosen(score(2), 3, &[(4, scores(&[0, 0, 0]))]);
    assert_eq!((none.chosen.len(), none.passed), (0, false));
}

#[test]
fn a_ballot_that_says_nothing_that_was_asked_counts_for_the_quorum_and_for_nothing_else() {
    let rule = PollRule {
        base: Base::Present,
        ..polls().ordinary
    };
    let terms = Terms {
        method: Method::Majority,
        options: 0,
        rule: &rule,
        absent: 0,
        voters: 9,
    };
    let odd = Ballot::Picks(vec![0]);
    let made = count(terms, [Some(&Ballot::Yes), Some(&odd), None]);
    assert_eq!((made.cast, made.spoiled, made.quorum), (3, 2, true));
    assert!(!made.passed);
}

/// Who wins an instant run-off, and who went out in which order: with piles of paper.
fn with_piles(options: usize, ballots: &[Vec<u8>]) -> (Option<u8>, Vec<u8>) {
    let mut here: Vec<u8> = (0..u8::try_from(options).unwrap()).collect();
    let mut history: Vec<BTreeMap<u8, usize>> = Vec::new();
    let mut gone = Vec::new();
    let mut papers: Vec<Vec<u8>> = ballots.to_vec();
    loop {
        papers.retain(|paper| !paper.is_empty());
        let pile = |option: &u8| papers.iter().filter(|paper| paper[0] == *option).count();
        let piles: BTreeMap<u8, usize> = here.iter().map(|option| (*option, pile(option))).collect();
        if papers.is_empty() {
            return (None, gone);
        }
        if let Some((winner, _)) = piles.iter().find(|(_, pile)| **pile * 2 > papers.len()) {
            return (Some(*winner), gone);
        }
        history.push(piles);
        // Compared from now back to the beginning; who is listed later is weaker where nothing differs.
        let past = |option: &u8| -> Vec<usize> { history.iter().rev().map(|piles| piles[option]).collect() };
        let out = *here
            .iter()
            .min_by(|a, b| past(a).cmp(&past(b)).then(b.cmp(a)))
            .unwrap();
        here.retain(|option| *option != out);
        for paper in &mut papers {
            paper.retain(|option| *option != out);
        }
        gone.push(out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_instant_run_off_is_what_piles_of_paper_come_to(
        options in 2..=6_usize,
        drawn in proptest::collection::vec((proptest::sample::subsequence((0..6_u8).collect::<Vec<_>>(), 1..=6).prop_shuffle(), 1..=2_usize), 0..14),
    ) {
        let known = |ranks: &Vec<u8>| -> Vec<u8> {
            ranks.iter().copied().filter(|option| usize::from(*option) < options).collect()
        };
        let ballots: Vec<Vec<u8>> = drawn
            .iter()
            .flat_map(|(ranks, times)| std::iter::repeat_n(known(ranks), *times))
            .filter(|ranks| !ranks.is_empty())
            .collect();
        let cast: Vec<_> = ballots.iter().map(|ranks| (1, Ballot::Ranks(ranks.clone()))).collect();
        let made = chosen(Method::Ranked, options, &cast);
        let Votes::Rounds(rounds) = &made.votes else { panic!() };
        let out: Vec<u8> = rounds
            .windows(2)
            .map(|pair| (0..).zip(&pair[0]).find(|(option, votes)| votes.is_some() && pair[1][usize::from(*option)].is_none()).unwrap().0)
            .collect();
        let (winner, gone) = with_piles(options, &ballots);
        prop_assert_eq!(made.chosen.first().copied(), winner);
        prop_assert_eq!(out, gone);
    }
}
