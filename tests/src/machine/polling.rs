//! What decisions cost: counting a poll of a thousand, and what five hundred of them leave in the state.

use std::hint::black_box;

use caucus_proto::id::{IntentId, Minutes, PersonaId};
use caucus_proto::org::{Act, Ballot, Deed, Input, Method, Step, Subject};

use super::cast::intent;
use super::cost::Body;
use crate::figures::{Figure, Target, vitals};

const PEOPLE: u32 = 1_000;
const POLLS: u32 = 500;
/// How often a poll is counted: clock ticks are 10 ms.
const COUNTED: u32 = 1_000;

/// Measures; `say` is told what is being done.
#[must_use]
pub fn cost(say: &dyn Fn(&str)) -> Vec<Figure> {
    say("five hundred polls of a thousand, memory first ...");
    let (before, _) = vitals::memory(std::process::id());
    let mut body = Body::of(PEOPLE);
    for _ in 0..POLLS {
        let proposal = body.polled();
        body.closes(proposal);
    }
    let (after, _) = vitals::memory(std::process::id());
    assert_eq!(body.state.proposals.len(), POLLS as usize);
    let snapshot = body.state.snapshot().expect("a snapshot").len();
    let how = format!(
        "{PEOPLE} people, {POLLS} polls in which everybody voted; resident memory of the process before and after"
    );
    let mut figures = vec![
        Figure::of(
            "state after the polls, in memory",
            after - before,
            "MiB",
            how.clone(),
        )
        .aim(Target::below(32.0)),
        Figure::of("its snapshot", snapshot as f64 / (1024.0 * 1024.0), "MiB", how),
    ];
    say("a poll of a thousand is counted ...");
    let proposal = body.polled();
    let close = body.closing(proposal);
    let act = Act::new(intent(u32::MAX), body.state.position, &close).expect("a small act");
    let next = body.state.position.next();
    let began = vitals::cpu(std::process::id());
    for _ in 0..COUNTED {
        black_box(body.state.judge(next, &body.people[1], &act)).expect("a close");
    }
    let took = (vitals::cpu(std::process::id()) - began).as_secs_f64() * 1e3 / f64::from(COUNTED);
    let how = format!("{COUNTED} times: the hash of all ballots, and the count; CPU of the process");
    figures.push(Figure::of("a poll of 1,000 voters counted", took, "ms", how).aim(Target::below(5.0)));
    figures
}

impl Body {
    /// Something is proposed, put to the vote, and everybody is for it or against it.
    fn polled(&mut self) -> IntentId {
        let (ana, people) = (self.people[0], self.people.clone());
        let propose = Deed::Propose {
            title: "A hall for the winter".to_owned(),
            text: "We rent the hall from November on, for a year.".to_owned(),
            subject: Box::new(Subject::Text),
        };
        self.does(&ana, &propose);
        let proposal = intent(self.intents);
        let open = Step::Open {
            version: 1,
            method: Method::Majority,
            options: Vec::new(),
            until: Minutes(self.state.now().0 + 30 * 24 * 60),
            seal: None,
        };
        self.steps(&ana, proposal, open);
        for (n, voter) in people.iter().enumerate() {
            let ballot = if n % 3 == 0 { Ballot::No } else { Ballot::Yes };
            self.steps(voter, proposal, Step::Vote { ballot });
        }
        proposal
    }

    fn steps(&mut self, author: &PersonaId, proposal: IntentId, step: Step) {
        let step = Box::new(step);
        self.does(author, &Deed::Step { proposal, step });
    }

    fn closing(&self, proposal: IntentId) -> Deed {
        let number = self.state.proposal(&proposal).expect("a proposal").number;
        let step = Box::new(Step::Close {
            ballots: self.state.ballots_hash(number),
            secret: None,
        });
        Deed::Step { proposal, step }
    }

    /// It is closed, the time to object passes, and everybody shows that they have it.
    fn closes(&mut self, proposal: IntentId) {
        let (ana, people) = (self.people[0], self.people.clone());
        let close = self.closing(proposal);
        self.does(&ana, &close);
        self.late += u64::from(self.state.charter().polls.grace) * 60 + 1;
        for _ in 0..2 {
            for person in &people {
                self.enters(person, false, &Input::Part);
            }
        }
        assert!(
            self.state
                .proposal(&proposal)
                .is_some_and(|proposal| proposal.decided().is_some())
        );
    }
}
