//! What the machine costs: entries applied, roots, memory and snapshots of bodies of different sizes.

use caucus_proto::id::{ChannelId, Minutes, PersonaId};
use caucus_proto::org::{Act, At, CommitOps, Deed, Input, Outcome, SeatAdded, State};

use super::cast::{FOUNDED, application, encoded, genesis, intent, persona};
use crate::figures::samples::median;
use crate::figures::{Figure, Target, vitals};

/// Acts that the largest body has in its memory.
const ACTS: u32 = 50_000;
/// Sizes of bodies.
const PEOPLE: [u32; 3] = [10, 100, 1_000];
/// Acts that are timed, for each size.
const TIMED: u32 = 400_000;
/// Turns that they are timed in, so that what else the machine does falls on all sizes.
const TURNS: u32 = 20;
/// People that one commit seats at most.
const BATCH: u32 = 50;

/// Measures; `say` is told what is being done.
#[must_use]
pub fn cost(say: &dyn Fn(&str)) -> Vec<Figure> {
    // First, while nothing that was used before is free to be used again.
    say("the memory of a body of 1,000 ...");
    let mut figures = size();
    say("bodies of 10, 100 and 1,000 by turns ...");
    let mut bodies = PEOPLE.map(Body::of);
    let (mut in_turn, mut by_few) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        in_turn.push(
            bodies
                .each_mut()
                .map(|body| body.talks(TIMED / TURNS, PEOPLE[2], false)),
        );
        by_few.push(
            bodies
                .each_mut()
                .map(|body| body.talks(TIMED / TURNS, PEOPLE[0], false)),
        );
    }
    for (n, body) in bodies.iter_mut().enumerate() {
        let people = PEOPLE[n];
        let how = |who| {
            format!(
                "{TIMED} messages in {TURNS} turns with the other sizes, {who}, medians; those with roots {ACTS}; CPU of the thread by \
                 entry"
            )
        };
        let middle = |turns: &[[f64; 3]], one: fn(&[f64; 3], usize) -> f64| {
            median(&turns.iter().map(|turn| one(turn, n)).collect::<Vec<_>>())
        };
        let bare = middle(&in_turn, |turn, n| turn[n]);
        let rooted = body.talks(ACTS, people, true);
        let figure = |what: &str, value, unit, who| {
            Figure::of(&format!("{what}, {people} people"), value, unit, how(who))
        };
        let (each, few) = ("everybody in turn", "ten of them in turn");
        let growth = |turn: &[f64; 3], n: usize| turn[n] / turn[0];
        figures.push(figure("an entry", bare, "us", each).aim(Target::below(5.0)));
        figures.push(figure("an entry and its root", rooted, "us", each).aim(Target::below(20.0)));
        // What an entry has to do with is whoever wrote it. How many others there are is to make no difference.
        figures.push(
            figure(
                "by ten of them, by that of 10 people",
                middle(&by_few, growth),
                "x",
                few,
            )
            .aim(Target::below(1.3)),
        );
        figures.push(figure(
            "by everybody, by that of 10 people",
            middle(&in_turn, growth),
            "x",
            each,
        ));
    }
    figures
}

fn size() -> Vec<Figure> {
    let (before, _) = vitals::memory(std::process::id());
    let mut body = Body::of(1_000);
    body.say(ACTS, 1_000, false);
    let (after, _) = vitals::memory(std::process::id());
    let snapshot = body.state.snapshot().expect("a snapshot").len();
    let how = format!("1,000 people, {ACTS} messages; resident memory of the process before and after");
    vec![
        Figure::of("state in memory", after - before, "MiB", how.clone()).aim(Target::below(32.0)),
        Figure::of("snapshot", snapshot as f64 / (1024.0 * 1024.0), "MiB", how).aim(Target::below(2.0)),
    ]
}

/// A body and the number of its next intent.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) state: State,
    pub(super) intents: u32,
    pub(super) people: Vec<PersonaId>,
    /// Minutes that have passed besides.
    pub(super) late: u64,
}

impl Body {
    pub(super) fn of(people: u32) -> Self {
        let mut body = Self {
            state: State::found(genesis(), ChannelId([7; 32])),
            intents: 0,
            people: (0..people).map(persona).collect(),
            late: 0,
        };
        let ana = persona(0);
        for seeds in (1..people).collect::<Vec<_>>().chunks(BATCH as usize) {
            let invite = Deed::Invite {
                uses: BATCH as u16,
                expires: Minutes(FOUNDED + 10_000),
                drop: ChannelId([11; 32]),
            };
            body.does(&ana, &invite);
            let invite = intent(body.intents);
            let mut ops = CommitOps::default();
            for seed in seeds {
                let application = application(*seed, &format!("Person {seed}"), invite, None);
                ops.adds.push(SeatAdded {
                    persona: application.persona(),
                    key_package: application.key_package_hash(),
                    leaf: [3; 32],
                    key: application.key,
                });
                let persona = application.persona();
                let application = encoded(&application);
                body.does(&ana, &Deed::Apply { application });
                body.does(&ana, &Deed::Admit { persona });
            }
            body.enters(&ana, true, &Input::Commit(&ops));
        }
        assert_eq!(body.state.present().count(), people as usize);
        body
    }

    pub(super) fn does(&mut self, author: &PersonaId, deed: &Deed) {
        self.intents += 1;
        let act = Act::new(intent(self.intents), self.state.position, deed).expect("a small act");
        self.enters(author, false, &Input::Act(&encoded(&act)));
    }

    pub(super) fn enters(&mut self, author: &PersonaId, flagged: bool, input: &Input<'_>) {
        let at = At {
            position: self.state.position.next(),
            flagged,
            cut: false,
            seen: self.state.position,
        };
        let time = Minutes(FOUNDED + u64::from(self.intents) / 20 + self.late);
        let outcome = self.state.apply(at, Some((*author, time)), input);
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// So many messages by the first so many people in turn; microseconds of each.
    fn talks(&mut self, messages: u32, speakers: u32, roots: bool) -> f64 {
        let before = vitals::cpu_of_thread();
        self.say(messages, speakers, roots);
        let took = vitals::cpu_of_thread() - before;
        took.as_secs_f64() * 1e6 / f64::from(messages)
    }

    fn say(&mut self, messages: u32, speakers: u32, roots: bool) {
        let speakers = self.people.len().min(speakers as usize);
        let deed = Deed::Say {
            text: "The meeting is on Thursday at eight".to_owned(),
        };
        for n in 0..messages {
            let author = self.people[n as usize % speakers];
            self.does(&author, &deed);
            if roots {
                self.state.settle();
                std::hint::black_box(self.state.root());
            }
        }
    }
}
