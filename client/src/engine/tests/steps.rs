//! Forged steps of decisions, offices and meetings, by every way in which a device takes acts in: each costs one entry that
//! changes nothing and says why, and what is allowed beside them counts.

use caucus_proto::id::{IntentId, Minutes, Position};
use caucus_proto::org::{
    Act, Ballot, Deed, Denied, MeetingStage, MeetingStep, Method, Office, Stage, Step, Subject,
};

use super::claims::{Forged, Path, agree, begin, by_one, end, forge};
use super::decisions::{passes, step, world};
use super::world::World;

/// The founder, caretaker until everything is set up.
const ANA: usize = 0;

/// A keyholder; calls the meetings and writes minutes.
const BEN: usize = 1;

const CEM: usize = 2;

const DIA: usize = 3;

const MAL: usize = 4;

/// What there is to be meddled with.
struct Plot {
    world: World,
    /// A poll that goes on.
    polled: IntentId,
    /// A poll whose end has come, and when that was.
    over: IntentId,
    until: Minutes,
    /// Decided, and what it means is said.
    decided: IntentId,
    /// A poll on whether mal is put out, and a proposal of the same.
    removal: IntentId,
    again: IntentId,
    /// Ben is to be recalled.
    recall: IntentId,
    /// A meeting with a vote by hands that ben recorded.
    held: IntentId,
    /// One that is over, with minutes by ben.
    closed: IntentId,
    /// Something that mal said.
    said: IntentId,
}

fn proposes(world: &mut World, n: usize, subject: Subject) -> IntentId {
    let proposal = Deed::Propose {
        title: "A hall".to_owned(),
        text: "We rent it.".to_owned(),
        subject: Box::new(subject),
    };
    let id = world.submit(n, &proposal).unwrap();
    world.settle();
    id
}

/// Ana puts it to a poll of so many minutes. When it ends.
fn opens(world: &mut World, proposal: IntentId, minutes: u64) -> Minutes {
    let until = Minutes(world.room(ANA).state().now().0 + minutes);
    step(world, ANA, proposal, open(until));
    world.settle();
    until
}

fn open(until: Minutes) -> Step {
    Step::Open {
        version: 1,
        method: Method::Majority,
        options: Vec::new(),
        until,
        seal: None,
    }
}

fn close(world: &mut World, proposal: IntentId) -> Step {
    let state = world.room(CEM).state();
    let number = state.proposal(&proposal).unwrap().number;
    Step::Close {
        ballots: state.ballots_hash(number),
        secret: None,
    }
}

fn yes() -> Step {
    Step::Vote { ballot: Ballot::Yes }
}

fn of(proposal: IntentId, step: Step) -> Deed {
    let step = Box::new(step);
    Deed::Step { proposal, step }
}

fn at(meeting: IntentId, step: MeetingStep) -> Deed {
    let step = Box::new(step);
    Deed::Meeting { meeting, step }
}

fn does(world: &mut World, n: usize, deed: &Deed) {
    world.submit(n, deed).unwrap();
    world.settle();
}

/// Ben calls a meeting, and these come.
fn meets(world: &mut World, who: &[usize]) -> IntentId {
    let call = Deed::CallMeeting {
        title: "The hall".to_owned(),
        at: world.room(BEN).state().now(),
        agenda: vec!["Who pays".to_owned()],
    };
    let meeting = world.submit(BEN, &call).unwrap();
    world.settle();
    does(world, BEN, &at(meeting, MeetingStep::Open));
    for n in who {
        does(world, *n, &at(meeting, MeetingStep::Here { here: true }));
    }
    meeting
}

impl Plot {
    fn lay(path: Path) -> Self {
        let mut names = vec!["ana", "ben", "cem", "dia", "mal"];
        if path == Path::Held {
            names.push("sly");
        }
        let mut world = world(&names);
        let w = &mut world;
        let said = w.intent();
        let text = "all is well".to_owned();
        w.room(MAL).submit(said, &Deed::Say { text }).unwrap();

        let decided = proposes(w, BEN, Subject::Text);
        opens(w, decided, 600);
        (0..names.len()).for_each(|n| step(w, n, decided, yes()));
        w.settle();
        let closing = close(w, decided);
        step(w, CEM, decided, closing);
        passes(w, 100, None);
        let state = |text: &str| Step::State {
            text: text.to_owned(),
            review: None,
        };
        does(w, BEN, &of(decided, state("the hall is ours")));

        let persona = w.people[MAL].id();
        let removal = proposes(w, BEN, Subject::Remove { persona });
        opens(w, removal, 60_000);
        let again = proposes(w, BEN, Subject::Remove { persona });
        let (office, holder) = (Office::Keyholder, w.people[BEN].id());
        let recall = proposes(w, CEM, Subject::Recall { office, holder });
        let polled = proposes(w, BEN, Subject::Text);
        opens(w, polled, 60_000);
        step(w, ANA, polled, yes());

        let held = meets(w, &[CEM]);
        let hands = MeetingStep::Hands {
            question: "Ben pays?".to_owned(),
            yes: 2,
            no: 0,
            abstain: 0,
        };
        does(w, BEN, &at(held, hands));
        let closed = meets(w, &[CEM, DIA]);
        does(w, BEN, &at(closed, MeetingStep::Close));
        let text = "Ben pays.".to_owned();
        does(w, BEN, &at(closed, MeetingStep::Minutes { text }));

        let over = proposes(w, CEM, Subject::Text);
        let until = opens(w, over, 30);
        let (office, holder) = (Office::Caretaker, w.people[ANA].id());
        does(w, ANA, &Deed::HandOver { office, holder });
        w.pass(40 * 60_000);
        for n in 0..names.len() {
            assert!(w.say(n, &format!("{n} waits")));
        }
        w.settle();
        assert!(w.room(ANA).state().now() >= until);
        Self {
            world,
            polled,
            over,
            until,
            decided,
            removal,
            again,
            recall,
            held,
            closed,
            said,
        }
    }

    /// What is forged as any act: by whom, and why it changes nothing.
    fn forged(&mut self) -> Vec<Forged> {
        let later = Minutes(self.until.0 + 60_000);
        let powerless = |power: &str| Denied::Powerless {
            power: power.to_owned(),
        };
        let state = || Step::State {
            text: "the hall is mine".to_owned(),
            review: None,
        };
        let picks = Step::Vote {
            ballot: Ballot::Picks(vec![0]),
        };
        let sealed = Step::Vote {
            ballot: Ballot::Sealed(vec![7; 99]),
        };
        let with = |step: Step, wrong: [u8; 32], secret: Option<[u8; 32]>| match step {
            Step::Close { ballots, .. } if secret.is_some() => Step::Close { ballots, secret },
            _ => Step::Close {
                ballots: wrong,
                secret,
            },
        };
        let early = close(&mut self.world, self.polled);
        let own = close(&mut self.world, self.removal);
        let late = close(&mut self.world, self.over);
        let (other, opened) = (
            with(late.clone(), [9; 32], None),
            with(late, [9; 32], Some([8; 32])),
        );
        let hand_over = |office, n: usize| Deed::HandOver {
            office,
            holder: self.world.people[n].id(),
        };
        let witness = || MeetingStep::Witness { vote: 1, right: true };
        vec![
            // Votes and closes.
            (MAL, of(self.removal, yes()), Denied::NoVoter),
            (MAL, of(self.removal, own), Denied::OwnCase),
            (MAL, of(self.again, open(later)), Denied::OwnCase),
            (MAL, of(self.over, yes()), Denied::PollOver),
            (CEM, of(self.decided, yes()), Denied::NoPoll),
            (CEM, of(self.polled, picks), Denied::BadBallot),
            (CEM, of(self.polled, sealed), Denied::BadBallot),
            (CEM, of(self.polled, early), Denied::NotOver),
            (CEM, of(self.over, other), Denied::OtherBallots),
            (CEM, of(self.over, opened), Denied::Malformed),
            (BEN, of(self.polled, open(later)), Denied::NotOpen),
            // What it means.
            (BEN, of(self.decided, state()), Denied::Repeated),
            (BEN, of(self.polled, state()), Denied::NotFinal),
            (MAL, of(self.decided, state()), powerless("poll")),
            // Offices.
            (BEN, of(self.recall, open(later)), Denied::OwnCase),
            (MAL, hand_over(Office::Keyholder, BEN), Denied::StillHeld),
            (MAL, hand_over(Office::Caretaker, ANA), Denied::NoMandate),
            (ANA, of(self.decided, state()), powerless("poll")),
            (ANA, Deed::RaiseFloor { feature: 2 }, powerless("floor")),
            // Meetings.
            (BEN, at(self.held, witness()), Denied::OwnCount),
            (MAL, at(self.held, witness()), Denied::NotAttending),
            (MAL, at(self.held, MeetingStep::Close), Denied::NotGuide),
            (
                CEM,
                at(self.closed, MeetingStep::Adopt { version: 2 }),
                Denied::OtherMinutes,
            ),
            (
                BEN,
                at(self.closed, MeetingStep::Adopt { version: 1 }),
                Denied::OwnMinutes,
            ),
            (
                MAL,
                at(self.closed, MeetingStep::Adopt { version: 1 }),
                Denied::NotAttending,
            ),
        ]
    }

    /// What is allowed, on everybody's word.
    fn goes_on(&mut self) {
        let w = &mut self.world;
        let closing = close(w, self.over);
        let right = MeetingStep::Witness { vote: 1, right: true };
        for (n, deed) in [
            (MAL, of(self.polled, yes())),
            (MAL, of(self.recall, Step::Support)),
            (CEM, of(self.over, closing)),
            (CEM, at(self.held, right)),
            (CEM, at(self.closed, MeetingStep::Adopt { version: 1 })),
            (DIA, at(self.closed, MeetingStep::Adopt { version: 1 })),
        ] {
            does(w, n, &deed);
        }
        let state = w.room(CEM).state();
        let proposal = |id: &IntentId| state.proposal(id).unwrap();
        let number = proposal(&self.polled).number;
        assert_eq!(
            state
                .voters_of(number)
                .filter(|(_, voter)| voter.ballot.is_some())
                .count(),
            2
        );
        assert_eq!(proposal(&self.recall).supporters.len(), 1);
        assert!(matches!(proposal(&self.over).stage, Stage::Closed(_)));
        let meeting = |id: &IntentId| state.meetings.get(id).unwrap();
        assert_eq!(meeting(&self.held).hands[0].right.len(), 1);
        assert_eq!(meeting(&self.closed).stage, MeetingStage::Adopted);
    }
}

fn play(path: Path) {
    let mut plot = Plot::lay(path);
    let forged = by_one(path, plot.forged());
    let facts = |world: &mut World| {
        let state = world.room(CEM).state();
        let decisions = (state.proposals.clone(), state.voters.clone());
        (decisions, state.meetings.clone(), state.mandates.clone())
    };
    let before = facts(&mut plot.world);
    let readers = begin(&mut plot.world, path, &forged);
    let mut stand = forge(&mut plot.world, path, &readers, &forged, World::forges);

    // An honest device says nothing twice, knows nothing of what is to come, and its clock is not set back.
    let now = plot.world.now;
    plot.world.now.minutes = Minutes(plot.until.0 - 20);
    let backdated = vec![(MAL, of(plot.over, yes()), Denied::PollOver)];
    stand.extend(forge(&mut plot.world, path, &readers, &backdated, World::forges));
    plot.world.now = now;
    let (said, polled) = (plot.said, plot.polled);
    let twice = vec![(MAL, of(polled, yes()), Denied::Repeated)];
    stand.extend(forge(
        &mut plot.world,
        path,
        &readers,
        &twice,
        |world, n, deed| world.forges_act(n, &Act::new(said, Position(1), deed).unwrap()),
    ));
    let ahead = vec![(MAL, of(polled, yes()), Denied::FromTheFuture)];
    stand.extend(forge(
        &mut plot.world,
        path,
        &readers,
        &ahead,
        |world, n, deed| {
            let id = world.intent();
            world.forges_act(n, &Act::new(id, Position(u64::MAX), deed).unwrap())
        },
    ));
    let all = [forged, backdated, twice, ahead].concat();
    let forged: Vec<_> = stand.into_iter().zip(all).collect();
    end(&mut plot.world, path, &readers, &forged);
    assert!(before == facts(&mut plot.world), "{path:?}");
    if path == Path::Entered {
        let eve = plot.world.apply("eve");
        plot.world.admit(eve);
    }
    plot.world.settle();
    agree(&mut plot.world, path);

    plot.goes_on();
    for n in ANA..=MAL {
        assert!(plot.world.say(n, &format!("{n} goes on")));
    }
    plot.world.settle_attested();
    agree(&mut plot.world, path);
}

#[test]
fn forged_steps_of_decisions_offices_and_meetings_are_refused_at_their_position_on_every_way_in() {
    for path in Path::ALL {
        play(path);
    }
}
