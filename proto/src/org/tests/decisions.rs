//! Proposals, polls, finality and what follows, by the charter of these tests: one day at least, a third of all who may
//! vote; more than half of the votes for words, two thirds for people, three quarters of all for rules; an hour to object.

use super::belonging::{body, pass, pass_but};
use super::laws::{is_done, refused};
use super::world::{Same, World, charter, intent, persona};
use crate::id::{IntentId, Minutes};
use crate::org::act::Deed;
use crate::org::apply::{Input, Outcome};
use crate::org::ballot::{Ballot, Method, ballot_key};
use crate::org::charter::Charter;
use crate::org::count::Votes;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::Office;
use crate::org::person::Standing;
use crate::org::proposal::{Proposal, Stage, Step, Subject};
use crate::org::share::Share;

const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

/// Proposes something; its id.
pub(super) fn propose(world: &mut World, by: u32, subject: Subject) -> IntentId {
    let deed = Deed::Propose {
        title: "A hall for the winter".to_owned(),
        text: "We rent the hall from November on.".to_owned(),
        subject: Box::new(subject),
    };
    let outcome = world.does(by, &deed);
    assert!(is_done(&outcome), "{outcome:?}");
    intent(world.intents)
}

fn step(world: &mut World, by: u32, proposal: IntentId, step: Step) -> Outcome {
    let step = Box::new(step);
    world.does(by, &Deed::Step { proposal, step })
}

fn opening(world: &World, proposal: IntentId, method: Method) -> Step {
    Step::Open {
        version: world.state.proposal(&proposal).unwrap().version,
        method,
        options: Vec::new(),
        until: Minutes(world.state.now().0 + DAY),
        seal: None,
    }
}

pub(super) fn open(world: &mut World, by: u32, proposal: IntentId) {
    let opening = opening(world, proposal, Method::Majority);
    let outcome = step(world, by, proposal, opening);
    assert!(is_done(&outcome), "{outcome:?}");
}

pub(super) fn vote(world: &mut World, by: u32, proposal: IntentId, ballot: Ballot) -> Outcome {
    step(world, by, proposal, Step::Vote { ballot })
}

fn closing(world: &World, proposal: IntentId) -> Step {
    let number = world.state.proposal(&proposal).unwrap().number;
    Step::Close {
        ballots: world.state.ballots_hash(number),
        secret: None,
    }
}

pub(super) fn close(world: &mut World, by: u32, proposal: IntentId) -> Outcome {
    let closing = closing(world, proposal);
    step(world, by, proposal, closing)
}

/// An hour passes, and everybody but one shows what they have seen.
pub(super) fn show(world: &mut World, silent: Option<u32>) {
    let then = world.state.now().0 + HOUR;
    for _ in 0..2 {
        for seed in (0..12).filter(|seed| Some(*seed) != silent) {
            if world
                .state
                .person(&persona(seed))
                .is_some_and(|person| person.is_present())
            {
                world.claims_loose(seed, then);
            }
        }
    }
}

/// From the proposal to what follows: everybody of `yes` is for it, everybody else of `voters` against it.
pub(super) fn decide(world: &mut World, by: u32, subject: Subject, yes: &[u32], no: &[u32]) -> IntentId {
    let proposal = propose(world, by, subject);
    open(world, 0, proposal);
    for voter in yes {
        assert!(is_done(&vote(world, *voter, proposal, Ballot::Yes)));
    }
    for voter in no {
        assert!(is_done(&vote(world, *voter, proposal, Ballot::No)));
    }
    pass(world, 1);
    let outcome = close(world, by, proposal);
    assert!(is_done(&outcome), "{outcome:?}");
    show(world, None);
    proposal
}

fn of<'a>(world: &'a World, proposal: &IntentId) -> &'a Proposal {
    world.state.proposal(proposal).unwrap()
}

pub(super) fn carried(world: &World, proposal: &IntentId) -> Option<bool> {
    of(world, proposal).decided().map(|decided| decided.carried)
}

#[test]
fn a_proposal_is_discussed_amended_supported_and_taken_back_by_whoever_made_it() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    let say = |text: &str| Step::Discuss {
        text: text.to_owned(),
    };
    assert!(is_done(&step(&mut world, 2, proposal, say("How much is it?"))));
    let text = "We rent the hall from December on.".to_owned();
    assert!(is_done(&step(
        &mut world,
        2,
        proposal,
        Step::Amend { text: text.clone() }
    )));
    assert_eq!(of(&world, &proposal).amendments.len(), 1);
    for (who, taken, denied) in [
        (2, Step::Take { amendment: 1 }, Denied::NotYours),
        (1, Step::Take { amendment: 2 }, Denied::NoProposal),
        (2, Step::Withdraw, Denied::NotYours),
        (1, Step::Support, Denied::Repeated),
    ] {
        assert_eq!(step(&mut world, who, proposal, taken), refused(denied));
    }
    assert!(is_done(&step(&mut world, 3, proposal, Step::Support)));
    assert!(is_done(&step(
        &mut world,
        1,
        proposal,
        Step::Take { amendment: 1 }
    )));
    // Whoever supported the text before has not read this one.
    assert!(of(&world, &proposal).supporters.is_empty());
    assert_eq!(
        (of(&world, &proposal).text.as_str(), of(&world, &proposal).version),
        (text.as_str(), 2)
    );
    assert!(of(&world, &proposal).amendments.is_empty());
    // Whoever voted for the text before would find another one.
    let before = Step::Open {
        version: 1,
        method: Method::Majority,
        options: Vec::new(),
        until: Minutes(world.state.now().0 + DAY),
        seal: None,
    };
    assert_eq!(
        step(&mut world, 0, proposal, before),
        refused(Denied::OtherVersion)
    );
    assert!(is_done(&step(&mut world, 1, proposal, Step::Withdraw)));
    assert!(world.state.proposal(&proposal).is_none());
    assert_eq!(
        step(&mut world, 2, proposal, say("Why?")),
        refused(Denied::NoProposal)
    );
}

#[test]
fn a_poll_needs_the_power_or_the_support_of_others_but_never_of_the_last_who_could() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    let opening = opening(&world, proposal, Method::Majority);
    let short = |have| refused(Denied::Support { needed: 2, have });
    assert_eq!(step(&mut world, 1, proposal, opening.clone()), short(0));
    assert!(is_done(&step(&mut world, 2, proposal, Step::Support)));
    assert_eq!(step(&mut world, 1, proposal, opening.clone()), short(1));
    assert_eq!(step(&mut world, 2, proposal, opening.clone()), short(1));
    assert!(is_done(&step(&mut world, 3, proposal, Step::Support)));
    // Support does not carry over to who opens it for them.
    assert_eq!(
        step(&mut world, 2, proposal, opening.clone()),
        refused(Denied::Support { needed: 2, have: 2 })
    );
    assert!(is_done(&step(&mut world, 1, proposal, opening)));
    // Of two others one may be away: nobody waits for both.
    let mut few = body(3);
    let proposal = propose(&mut few, 1, Subject::Text);
    assert_eq!(few.state.support(of(&few, &proposal)), (0, 1));
}

#[test]
fn one_votes_until_the_end_and_the_latest_ballot_counts_and_nobody_closes_before() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    assert!(is_done(&vote(&mut world, 0, proposal, Ballot::No)));
    assert!(is_done(&vote(&mut world, 1, proposal, Ballot::Yes)));
    assert_eq!(
        vote(&mut world, 1, proposal, Ballot::Yes),
        refused(Denied::Repeated)
    );
    assert_eq!(
        vote(&mut world, 1, proposal, Ballot::Picks(vec![0])),
        refused(Denied::BadBallot)
    );
    assert_eq!(close(&mut world, 1, proposal), refused(Denied::NotOver));
    assert!(is_done(&vote(&mut world, 0, proposal, Ballot::Yes)));
    let stale = closing(&world, proposal);
    assert!(is_done(&vote(&mut world, 2, proposal, Ballot::Abstain)));
    // Whoever comes later did not hear what was said before: they are no voter.
    world.joins(9);
    assert_eq!(
        vote(&mut world, 9, proposal, Ballot::Yes),
        refused(Denied::NoVoter)
    );
    pass(&mut world, 1);
    assert_eq!(
        vote(&mut world, 3, proposal, Ballot::No),
        refused(Denied::PollOver)
    );
    assert_eq!(
        step(&mut world, 1, proposal, stale),
        refused(Denied::OtherBallots)
    );
    assert!(is_done(&close(&mut world, 9, proposal)));
    let count = &of(&world, &proposal).closed().unwrap().count;
    assert_eq!((count.voters, count.cast, count.abstained), (4, 3, 1));
    assert_eq!(count.votes, Votes::ForOrAgainst { yes: 2, no: 0 });
    assert!(count.quorum && count.passed);
    assert_eq!(close(&mut world, 1, proposal), refused(Denied::NoPoll));
}

#[test]
fn once_everybody_has_voted_nobody_waits_for_the_date() {
    let mut world = body(3);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert!(is_done(&close(&mut world, 2, proposal)));
}

#[test]
fn a_result_takes_effect_when_two_thirds_have_seen_it_and_the_hour_to_object_is_over() {
    let mut world = body(4);
    let remove = Subject::Remove { persona: persona(3) };
    let proposal = propose(&mut world, 1, remove);
    open(&mut world, 0, proposal);
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert_eq!(
        vote(&mut world, 3, proposal, Ballot::No),
        refused(Denied::NoVoter)
    );
    pass(&mut world, 1);
    assert!(is_done(&close(&mut world, 1, proposal)));
    let is_in = |world: &World| world.state.person(&persona(3)).unwrap().is_present();
    let now = world.state.now().0;
    // Two of four have seen it: not enough, however late it is.
    for seed in [0, 1, 0, 1] {
        world.claims_loose(seed, now + 2 * HOUR);
    }
    assert!(matches!(of(&world, &proposal).stage, Stage::Closed(_)) && is_in(&world));
    // What is said attests nothing.
    world.says(2);
    assert!(is_in(&world));
    world.claims_loose(2, now + 2 * HOUR);
    assert_eq!(carried(&world, &proposal), Some(true));
    assert!(matches!(
        world.state.person(&persona(3)).unwrap().standing,
        Standing::Going { .. }
    ));
}

#[test]
fn what_everybody_has_seen_waits_for_the_hour_to_object() {
    let mut world = body(3);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert!(is_done(&close(&mut world, 1, proposal)));
    let now = world.state.now().0;
    for minutes in [0, 0, HOUR - 1, HOUR - 1] {
        (0..3).for_each(|seed| world.claims_loose(seed, now + minutes));
    }
    assert!(matches!(of(&world, &proposal).stage, Stage::Closed(_)));
    (0..3).for_each(|seed| world.claims_loose(seed, now + HOUR));
    assert_eq!(carried(&world, &proposal), Some(true));
}

#[test]
fn words_take_effect_when_more_than_half_have_seen_them_where_the_charter_says_so() {
    for (light, expected) in [(true, Some(true)), (false, None)] {
        let mut world = body(5);
        world.state.genesis.charter.polls.light = light;
        let proposal = propose(&mut world, 1, Subject::Text);
        open(&mut world, 0, proposal);
        for voter in 0..5 {
            assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
        }
        // Everybody who was there when it opened is waited for now.
        show(&mut world, None);
        assert!(is_done(&close(&mut world, 1, proposal)));
        let now = world.state.now().0;
        for seed in [0, 1, 2, 0, 1, 2] {
            world.claims_loose(seed, now + 2 * HOUR);
        }
        assert_eq!(carried(&world, &proposal), expected, "{light}");
    }
}

#[test]
fn nobody_waits_for_ever_for_whom_nothing_is_heard_of() {
    let mut world = body(3);
    let proposal = propose(&mut world, 1, Subject::Remove { persona: persona(2) });
    open(&mut world, 0, proposal);
    show(&mut world, None);
    for voter in 0..2 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    pass_but(&mut world, 1, Some(2));
    assert!(is_done(&close(&mut world, 1, proposal)));
    pass_but(&mut world, 28, Some(2));
    assert_eq!(carried(&world, &proposal), None);
    for day in 1..=3 {
        let then = world.state.now().0 + DAY;
        for seed in [0, 1] {
            world.claims_loose(seed, then);
        }
        assert!(day < 3 || world.state.now().0 == then);
    }
    assert_eq!(carried(&world, &proposal), Some(true));
}

#[test]
fn whose_ballot_is_missing_says_so_and_the_poll_goes_on() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    assert!(is_done(&vote(&mut world, 0, proposal, Ballot::Yes)));
    assert!(is_done(&vote(&mut world, 1, proposal, Ballot::Yes)));
    pass(&mut world, 1);
    assert!(is_done(&close(&mut world, 1, proposal)));
    assert_eq!(
        step(&mut world, 0, proposal, Step::Missing),
        refused(Denied::NotMissing)
    );
    assert!(is_done(&step(&mut world, 2, proposal, Step::Missing)));
    assert!(of(&world, &proposal).poll().is_some());
    assert!(is_done(&vote(&mut world, 2, proposal, Ballot::No)));
    assert!(is_done(&vote(&mut world, 3, proposal, Ballot::No)));
    // The ballots from before still stand, now that everybody has seen them.
    assert_eq!(
        vote(&mut world, 0, proposal, Ballot::No),
        refused(Denied::BallotStands)
    );
    assert!(is_done(&close(&mut world, 3, proposal)));
    let votes = Votes::ForOrAgainst { yes: 2, no: 2 };
    let count = &of(&world, &proposal).closed().unwrap().count;
    assert_eq!((&count.votes, count.passed), (&votes, false));
    show(&mut world, None);
    assert_eq!(carried(&world, &proposal), Some(false));
    assert_eq!(
        step(&mut world, 3, proposal, Step::Missing),
        refused(Denied::NoPoll)
    );
}

#[test]
fn after_the_hour_to_object_nobody_objects_and_nobody_objects_twice() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    pass(&mut world, 1);
    assert!(is_done(&close(&mut world, 1, proposal)));
    assert!(is_done(&step(&mut world, 2, proposal, Step::Missing)));
    let until = of(&world, &proposal).poll().unwrap().until;
    for seed in [0, 1, 3] {
        world.claims_loose(seed, until.0);
    }
    assert!(is_done(&close(&mut world, 1, proposal)));
    assert_eq!(
        step(&mut world, 2, proposal, Step::Missing),
        refused(Denied::NotMissing)
    );
    let after = of(&world, &proposal).closed().unwrap().at.0 + HOUR;
    for seed in [0, 1] {
        world.claims_loose(seed, after);
    }
    assert_eq!(
        step(&mut world, 3, proposal, Step::Missing),
        refused(Denied::GraceOver)
    );
}

#[test]
fn sealed_ballots_are_opened_by_the_teller_alone_and_a_copied_one_says_nothing() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    let secret = [7; 32];
    let key = ballot_key(&secret).unwrap();
    let sealed = |world: &World| Step::Open {
        version: 1,
        method: Method::Majority,
        options: Vec::new(),
        until: Minutes(world.state.now().0 + DAY),
        seal: Some(key),
    };
    assert!(is_done(&step(&mut world, 2, proposal, Step::Support)));
    assert!(is_done(&step(&mut world, 3, proposal, Step::Support)));
    let opening = sealed(&world);
    assert_eq!(
        step(&mut world, 1, proposal, opening.clone()),
        refused(Denied::Powerless {
            power: "tell".to_owned()
        })
    );
    assert!(is_done(&step(&mut world, 0, proposal, opening)));
    assert_eq!(
        vote(&mut world, 1, proposal, Ballot::Yes),
        refused(Denied::BadBallot)
    );
    let ballot = |voter: u32, ballot: Ballot| {
        ballot
            .seal(&key, &proposal, &persona(voter), &mut Same(9))
            .unwrap()
    };
    let of_one = ballot(1, Ballot::Yes);
    assert!(is_done(&vote(&mut world, 1, proposal, of_one.clone())));
    assert!(is_done(&vote(&mut world, 2, proposal, of_one)));
    assert!(is_done(&vote(&mut world, 0, proposal, ballot(0, Ballot::Yes))));
    assert!(is_done(&vote(
        &mut world,
        3,
        proposal,
        ballot(3, Ballot::Ranks(vec![0]))
    )));
    // Everybody has voted: a secret on its way opens nothing that could still change.
    assert_eq!(
        vote(&mut world, 0, proposal, ballot(0, Ballot::No)),
        refused(Denied::BallotStands)
    );
    pass(&mut world, 1);
    assert_eq!(close(&mut world, 1, proposal), refused(Denied::StillSealed));
    let ballots = world.state.ballots_hash(1);
    let with = |secret| Step::Close { ballots, secret };
    assert_eq!(
        step(&mut world, 1, proposal, with(Some([8; 32]))),
        refused(Denied::WrongSecret)
    );
    assert!(is_done(&step(&mut world, 0, proposal, with(Some(secret)))));
    let count = &of(&world, &proposal).closed().unwrap().count;
    assert_eq!((count.cast, count.spoiled), (4, 2));
    assert_eq!(count.votes, Votes::ForOrAgainst { yes: 2, no: 0 });
}

#[test]
fn ballots_that_no_teller_opens_are_no_poll_and_the_proposal_is_there_again() {
    let mut world = body(3);
    let proposal = propose(&mut world, 0, Subject::Text);
    let opening = Step::Open {
        version: 1,
        method: Method::Consent,
        options: Vec::new(),
        until: Minutes(world.state.now().0 + DAY),
        seal: Some(ballot_key(&[7; 32]).unwrap()),
    };
    assert!(is_done(&step(&mut world, 0, proposal, opening)));
    pass(&mut world, 1);
    assert_eq!(close(&mut world, 1, proposal), refused(Denied::StillSealed));
    let later = world.state.now().0 + HOUR;
    for seed in 0..3 {
        world.claims_loose(seed, later);
    }
    assert!(is_done(&close(&mut world, 1, proposal)));
    assert!(of(&world, &proposal).is_open());
    assert_eq!(world.state.voters.len(), 0);
    open(&mut world, 0, proposal);
}

#[test]
fn who_is_out_and_did_not_vote_counts_no_more_and_a_ballot_that_was_cast_stands() {
    for (leavers, voters) in [(true, 4), (false, 5)] {
        let mut world = body(5);
        world.state.genesis.charter.polls.leavers = leavers;
        let proposal = propose(&mut world, 1, Subject::Text);
        open(&mut world, 0, proposal);
        assert!(is_done(&vote(&mut world, 4, proposal, Ballot::Yes)));
        for gone in [3, 4] {
            let remove = Deed::Remove {
                persona: persona(gone),
                reason: String::new(),
            };
            assert!(is_done(&world.does(0, &remove)));
        }
        assert!(is_done(&vote(&mut world, 1, proposal, Ballot::Yes)));
        pass(&mut world, 1);
        assert!(is_done(&close(&mut world, 1, proposal)));
        let count = &of(&world, &proposal).closed().unwrap().count;
        assert_eq!((count.voters, count.cast), (voters, 2));
    }
}

#[test]
fn who_is_suspended_meanwhile_votes_only_where_the_charter_lets_them() {
    for may in [false, true] {
        let mut world = body(4);
        world.state.genesis.charter.polls.suspended = may;
        let proposal = propose(&mut world, 1, Subject::Text);
        open(&mut world, 0, proposal);
        let suspend = Deed::Suspend {
            persona: persona(2),
            reason: String::new(),
        };
        assert!(is_done(&world.does(0, &suspend)));
        let outcome = vote(&mut world, 2, proposal, Ballot::Yes);
        assert_eq!(is_done(&outcome), may);
        // And they propose, support and amend nothing.
        let deed = Deed::Propose {
            title: "x".to_owned(),
            text: "y".to_owned(),
            subject: Box::new(Subject::Text),
        };
        assert_eq!(world.does(2, &deed), refused(Denied::NotInGoodStanding));
        assert_eq!(
            step(&mut world, 2, proposal, Step::Support),
            refused(Denied::NotOpen)
        );
    }
}

#[test]
fn a_block_stops_what_all_others_would_have_and_needs_a_reason() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Text);
    let opening = opening(&world, proposal, Method::Consent);
    assert!(is_done(&step(&mut world, 0, proposal, opening)));
    let block = |reason: &str| Ballot::Block {
        reason: reason.to_owned(),
    };
    assert_eq!(
        vote(&mut world, 3, proposal, block("")),
        refused(Denied::BadBallot)
    );
    assert_eq!(
        vote(&mut world, 3, proposal, Ballot::No),
        refused(Denied::BadBallot)
    );
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert!(is_done(&vote(
        &mut world,
        3,
        proposal,
        block("it puts the newest at risk")
    )));
    assert!(is_done(&close(&mut world, 1, proposal)));
    assert!(!of(&world, &proposal).closed().unwrap().count.passed);
}

#[test]
fn an_amendment_is_voted_on_before_what_it_amends() {
    let mut world = body(3);
    let proposal = propose(&mut world, 1, Subject::Text);
    let text = "Not at all.".to_owned();
    assert!(is_done(&step(
        &mut world,
        2,
        proposal,
        Step::Amend { text: text.clone() }
    )));
    let amendment = Subject::Amendment { proposal, number: 1 };
    let other = propose(&mut world, 2, amendment);
    open(&mut world, 0, other);
    let opening_of_all = opening(&world, proposal, Method::Majority);
    assert_eq!(
        step(&mut world, 0, proposal, opening_of_all),
        refused(Denied::AmendmentPolled)
    );
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, other, Ballot::Yes)));
    }
    assert!(is_done(&close(&mut world, 2, other)));
    show(&mut world, None);
    assert_eq!(carried(&world, &other), Some(true));
    assert_eq!(
        (of(&world, &proposal).text.as_str(), of(&world, &proposal).version),
        (text.as_str(), 2)
    );
    open(&mut world, 0, proposal);
}

#[test]
fn an_applicant_is_admitted_by_vote_and_nobody_twice() {
    let mut world = body(3);
    let invite = world.invites(0, 5);
    assert!(is_done(&world.applies(0, 7, "Gus", invite)));
    let admit = Subject::Admit { persona: persona(7) };
    let decided = decide(&mut world, 1, admit.clone(), &[0, 1, 2], &[]);
    assert_eq!(carried(&world, &decided), Some(true));
    assert!(matches!(
        world.state.person(&persona(7)).unwrap().standing,
        Standing::Admitted { .. }
    ));
    let deed = Deed::Propose {
        title: "again".to_owned(),
        text: String::new(),
        subject: Box::new(admit),
    };
    assert!(!is_done(&world.does(1, &deed)));
}

#[test]
fn what_cannot_be_done_any_more_is_decided_and_not_carried_out() {
    let mut world = body(4);
    let proposal = propose(&mut world, 1, Subject::Remove { persona: persona(3) });
    open(&mut world, 0, proposal);
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert!(is_done(&world.does(3, &Deed::Leave)));
    pass(&mut world, 1);
    assert!(is_done(&close(&mut world, 1, proposal)));
    show(&mut world, None);
    assert_eq!(carried(&world, &proposal), Some(false));
    assert!(of(&world, &proposal).closed().unwrap().count.passed);
}

#[test]
fn a_charter_changes_by_the_rules_in_force_and_a_poll_in_flight_keeps_its_own() {
    let mut world = body(5);
    let in_flight = propose(&mut world, 2, Subject::Text);
    open(&mut world, 0, in_flight);
    let mut other = charter();
    other.polls.ordinary.threshold = Share {
        part: 3,
        of: 4,
        more: false,
    };
    other.polls.grace = 48;
    let change = |charter: &Charter| Subject::Charter {
        charter: Box::new(charter.clone()),
    };
    // Three of five are not three quarters of all who may vote.
    let proposal = decide(&mut world, 1, change(&other), &[0, 1, 2], &[3]);
    assert_eq!(carried(&world, &proposal), Some(false));
    let proposal = decide(&mut world, 1, change(&other), &[0, 1, 2, 4], &[3]);
    assert_eq!(carried(&world, &proposal), Some(true));
    assert_eq!(
        (world.state.charter(), world.state.charter_version()),
        (&other, 1)
    );
    assert_ne!(&world.state.genesis.charter, &other);
    let poll = of(&world, &in_flight).poll().unwrap();
    assert_eq!((poll.rule.threshold, poll.kept.grace), (Share::HALF, 1));
    // It is in the snapshot, and under the root.
    let again = crate::org::State::from_snapshot(&world.state.snapshot().unwrap()).unwrap();
    assert_eq!((again.root(), again.charter()), (world.state.root(), &other));
}

#[test]
fn nobody_raises_a_threshold_that_they_do_not_reach() {
    let mut world = body(7);
    world.state.genesis.charter.polls.rules.threshold = Share {
        part: 1,
        of: 2,
        more: true,
    };
    let mut other = world.state.charter().clone();
    other.polls.rules.threshold = Share {
        part: 9,
        of: 10,
        more: false,
    };
    let change = Subject::Charter {
        charter: Box::new(other),
    };
    // Five of seven were enough for any other change.
    let proposal = decide(&mut world, 1, change.clone(), &[0, 1, 2, 3, 4], &[5, 6]);
    assert_eq!(carried(&world, &proposal), Some(false));
    // Nine tenths of seven are all of them, but for the one who may be away: not for one who is there and against it.
    let proposal = decide(&mut world, 1, change.clone(), &[0, 1, 2, 3, 4, 5], &[6]);
    assert_eq!(carried(&world, &proposal), Some(false));
    let proposal = decide(&mut world, 1, change, &[0, 1, 2, 3, 4, 5], &[]);
    assert_eq!(carried(&world, &proposal), Some(true));
}

#[test]
fn whoever_would_have_fewer_away_decides_without_them() {
    let world = body(3);
    let now = world.state.charter().absent;
    assert_eq!(world.state.reckoned_absent(&Subject::Text), now);
    for (absent, reckoned) in [(now - 1, now - 1), (now + 1, now)] {
        let mut other = world.state.charter().clone();
        other.absent = absent;
        let charter = Box::new(other);
        assert_eq!(
            world.state.reckoned_absent(&Subject::Charter { charter }),
            reckoned
        );
    }
}

#[test]
fn a_charter_that_no_body_could_live_by_or_that_moves_people_is_not_proposed() {
    let mut world = body(3);
    let mut none = charter();
    none.keyholder.powers.clear();
    let mut moved = charter();
    moved.spheres = vec![crate::org::Sphere::Member];
    for (charter, is_bad) in [(none, true), (moved, true), (charter(), true)] {
        let deed = Deed::Propose {
            title: "x".to_owned(),
            text: String::new(),
            subject: Box::new(Subject::Charter {
                charter: Box::new(charter),
            }),
        };
        assert_eq!(!is_done(&world.does(1, &deed)), is_bad);
    }
}

#[test]
fn an_outcome_is_said_once_in_words_and_looked_at_again() {
    let mut world = body(3);
    let proposal = decide(&mut world, 1, Subject::Text, &[0, 1, 2], &[]);
    assert_eq!(carried(&world, &proposal), Some(true));
    assert_eq!(of(&world, &proposal).text, "We rent the hall from November on.");
    let review = Some(Minutes(world.state.now().0 + 30 * DAY));
    let say = |text: &str| Step::State {
        text: text.to_owned(),
        review,
    };
    assert!(matches!(
        step(&mut world, 2, proposal, say("We rent it.")),
        Outcome::NoOp(Denied::Powerless { .. })
    ));
    assert!(is_done(&step(&mut world, 1, proposal, say("We rent it."))));
    assert_eq!(
        step(&mut world, 0, proposal, say("We do not.")),
        refused(Denied::Repeated)
    );
    assert!(is_done(&step(
        &mut world,
        0,
        proposal,
        Step::Review { again: None }
    )));
    assert_eq!(
        step(&mut world, 0, proposal, Step::Review { again: None }),
        refused(Denied::NoReview)
    );
}

#[test]
fn who_is_not_in_good_standing_or_has_not_accepted_is_no_voter_where_the_charter_says_so() {
    let mut world = body(4);
    world.state.genesis.charter.polls.people.principles = true;
    let subject = Subject::Remove { persona: persona(3) };
    // While there are no points of unity everybody has accepted them.
    assert_eq!(world.state.electorate(&subject).len(), 3);
    let suspend = Deed::Suspend {
        persona: persona(1),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &suspend)));
    assert_eq!(world.state.electorate(&subject).len(), 2);
    let texts = vec![crate::org::Wording {
        language: "en".to_owned(),
        text: "We share.".to_owned(),
    }];
    assert!(is_done(&world.does(
        0,
        &Deed::Principles {
            texts,
            substance: true
        }
    )));
    // Nobody has accepted: then whoever is in good standing votes, rather than nobody.
    assert_eq!(world.state.electorate(&subject).len(), 2);
    assert_eq!(world.state.electorate(&Subject::Text).len(), 3);
}

#[test]
fn a_forged_or_future_head_attests_nothing() {
    let mut world = body(3);
    let proposal = propose(&mut world, 1, Subject::Text);
    open(&mut world, 0, proposal);
    for voter in 0..3 {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert!(is_done(&close(&mut world, 1, proposal)));
    let then = Minutes(world.state.now().0 + 2 * HOUR);
    for (seed, seen) in [(0, 0), (1, 10_000), (2, 1), (0, 0), (1, 10_000)] {
        let at = crate::org::At {
            seen: crate::id::Position(seen),
            ..world.at(false, false)
        };
        let outcome = world.state.apply(at, Some((persona(seed), then)), &Input::Part);
        assert_eq!(outcome, Outcome::Done(vec![]));
    }
    assert_eq!(carried(&world, &proposal), None);
    let done = show_effects(&mut world, then);
    assert!(matches!(done.as_slice(), [Effect::Decided { carried: true, .. }]));
}

#[test]
fn a_head_that_names_what_is_not_there_yet_or_nothing_since_the_last_newcomer_counts_for_nothing() {
    for newcomer in [false, true] {
        let mut world = body(3);
        let proposal = propose(&mut world, 1, Subject::Text);
        open(&mut world, 0, proposal);
        for voter in 0..3 {
            assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
        }
        assert!(is_done(&close(&mut world, 1, proposal)));
        let closed = world.position();
        if newcomer {
            world.joins(9);
        }
        let then = Minutes(world.state.now().0 + 2 * HOUR);
        let seen = if newcomer {
            closed
        } else {
            crate::id::Position(10_000)
        };
        for seed in [0, 1, 2, 0, 1, 2] {
            let at = crate::org::At {
                seen,
                ..world.at(false, false)
            };
            world.state.apply(at, Some((persona(seed), then)), &Input::Part);
        }
        assert_eq!(carried(&world, &proposal), None);
        show(&mut world, None);
        assert_eq!(carried(&world, &proposal), Some(true));
    }
}

fn show_effects(world: &mut World, then: Minutes) -> Vec<Effect> {
    let mut all = Vec::new();
    for seed in 0..3 {
        let at = world.at(false, false);
        if let Outcome::Done(effects) = world.state.apply(at, Some((persona(seed), then)), &Input::Part) {
            all.extend(effects);
        }
    }
    all
}

#[test]
fn elections_give_an_office_for_a_term_and_a_recall_takes_it() {
    let mut world = body(5);
    let mut rule = charter().caretaker;
    rule.filling = crate::org::Filling::Election;
    (rule.days, rule.terms) = (30, 2);
    let name = crate::org::Name::new("secretary").unwrap();
    let charter = &mut world.state.genesis.charter;
    charter.offices.insert(Office::Secretary, rule);
    charter.words.offices.insert(Office::Secretary, name);
    charter.check().unwrap();
    let mut candidates = vec![persona(2), persona(3)];
    candidates.sort_unstable();
    let elect = Subject::Elect {
        office: Office::Secretary,
        candidates,
    };
    let held_by = |world: &World| {
        let mandate = world.state.mandates(Office::Secretary).next();
        mandate.map(|mandate| mandate.holder)
    };
    for term in 1..=3 {
        let proposal = intent(world.intents + 1);
        let deed = Deed::Propose {
            title: "Who is secretary".to_owned(),
            text: String::new(),
            subject: Box::new(elect.clone()),
        };
        let outcome = world.does(1, &deed);
        if term == 3 {
            assert_eq!(outcome, refused(Denied::TermsOver { terms: 2 }));
            break;
        }
        assert!(is_done(&outcome), "{outcome:?}");
        let poll = opening(&world, proposal, Method::Choice { most: 1, winners: 1 });
        let opener = if term == 1 { 0 } else { 2 };
        let outcome = step(&mut world, opener, proposal, poll);
        assert!(is_done(&outcome), "{outcome:?}");
        let place = |world: &World, seed| {
            let poll = of(world, &proposal).poll().unwrap();
            let place = poll
                .candidates
                .iter()
                .position(|id| *id == persona(seed))
                .unwrap();
            Ballot::Picks(vec![place as u8])
        };
        // Ben came before Dia: level, the office goes to whose turn it would be.
        for (voter, whom) in [(0, 2), (1, 2), (2, 3), (3, 3), (4, 2)] {
            let ballot = place(&world, whom);
            assert!(is_done(&vote(&mut world, voter, proposal, ballot)));
        }
        assert!(is_done(&close(&mut world, 1, proposal)));
        show(&mut world, None);
        assert_eq!(held_by(&world), Some(persona(2)));
        assert!(world.state.mandates(Office::Caretaker).next().is_none());
        assert_eq!(
            world.state.mandates(Office::Secretary).next().unwrap().terms,
            term
        );
    }
    // A recall: not by the one who is recalled, and they do not vote on it.
    let recall = Subject::Recall {
        office: Office::Secretary,
        holder: persona(2),
    };
    let proposal = propose(&mut world, 1, recall);
    let poll = opening(&world, proposal, Method::Majority);
    assert_eq!(
        step(&mut world, 2, proposal, poll.clone()),
        refused(Denied::OwnCase)
    );
    for supporter in [0, 3, 4] {
        assert!(is_done(&step(&mut world, supporter, proposal, Step::Support)));
    }
    assert!(is_done(&step(&mut world, 1, proposal, poll)));
    assert_eq!(
        vote(&mut world, 2, proposal, Ballot::No),
        refused(Denied::NoVoter)
    );
    for voter in [0, 1, 3, 4] {
        assert!(is_done(&vote(&mut world, voter, proposal, Ballot::Yes)));
    }
    assert_eq!(close(&mut world, 2, proposal), refused(Denied::OwnCase));
    assert!(is_done(&close(&mut world, 1, proposal)));
    show(&mut world, None);
    assert_eq!(carried(&world, &proposal), Some(true));
    // Nobody is secretary: the caretaker's office is there again, with the next after whoever was.
    assert_eq!(held_by(&world), None);
    assert_eq!(
        world.state.mandates(Office::Caretaker).next().unwrap().holder,
        persona(3)
    );
    assert_eq!(
        world.does(
            2,
            &Deed::Remove {
                persona: persona(4),
                reason: String::new()
            }
        ),
        refused(Denied::Powerless {
            power: "remove".to_owned()
        })
    );
}
