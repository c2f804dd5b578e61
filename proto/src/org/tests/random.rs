//! Random transitions by honest and dishonest members: after each, machine and model agree, two replicas have
//! one root, and what broke a rule changed nothing but position and clock.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::model::{Did, Model, Someone, Stand, Word};
use super::world::{FOUNDED, application, encoded, founded, intent, persona};
use crate::id::{ChannelId, Counter, IntentId, Minutes, Nonce, PersonaId, Position};
use crate::org::act::{Act, CommitOps, Deed, SeatAdded, SeatKept};
use crate::org::application::key_package_hash;
use crate::org::apply::{At, Input, Outcome};
use crate::org::denied::Denied;
use crate::org::judge::Effect;
use crate::org::notice::{Notice, NoticeKind, SignedNotice};
use crate::org::person::Standing;
use crate::org::power::Power;
use crate::org::sign::Signature;
use crate::org::state::State;

/// People who exist; the founder is number 0.
const PEOPLE: u32 = 10;

/// Names to choose from: fewer than people, and some differ in case alone.
const NAMES: [&str; 8] = ["ana", "Ben", "BEN", "Cem", "Dora", "Eva", "eVa", "Flo"];

/// Raw choices, read in the light of the state they meet.
#[derive(Clone, Debug)]
struct Roll {
    kind: u8,
    odd: u8,
    who: u8,
    whom: u8,
    n: u16,
    time: u8,
}

fn roll() -> impl Strategy<Value = Roll> {
    (
        0..100_u8,
        0..60_u8,
        any::<u8>(),
        any::<u8>(),
        any::<u16>(),
        any::<u8>(),
    )
        .prop_map(|(kind, odd, who, whom, n, time)| Roll {
            kind,
            odd,
            who,
            whom,
            n,
            time,
        })
}

/// What a step says and where it stands.
struct Step {
    at: At,
    author: Option<(PersonaId, u64)>,
    word: Word,
    bytes: Vec<u8>,
}

fn pick<T: Copy>(from: &[T], choice: u8) -> Option<T> {
    from.get(usize::from(choice) % from.len().max(1)).copied()
}

fn reason(n: u16) -> String {
    "r".repeat(if n.is_multiple_of(16) { 281 } else { 5 })
}

fn seed_of(id: &PersonaId) -> u32 {
    (0..PEOPLE).find(|seed| persona(*seed) == *id).unwrap()
}

impl Roll {
    fn odd_way(&self, way: u8) -> bool {
        self.odd == way
    }

    fn anybody(&self) -> PersonaId {
        persona(u32::from(self.whom) % PEOPLE)
    }

    /// Somebody in a fitting standing, or anybody.
    fn target(&self, model: &Model, fits: impl Fn(&Someone) -> bool) -> PersonaId {
        let fitting: Vec<_> = model.people.iter().filter(|p| fits(p)).map(|p| p.id).collect();
        match pick(&fitting, self.whom) {
            Some(id) if !self.odd_way(1) => id,
            _ => self.anybody(),
        }
    }

    fn author(&self, model: &Model) -> Option<(PersonaId, u64)> {
        let now = model.now;
        let hours = 60;
        let time = match self.time {
            0 => 0,
            1 => now.saturating_sub(5000),
            2 => u64::MAX,
            3 => now + 26 * hours + 1,
            4..=9 => now + 30 * 24 * hours,
            10..=20 => now + 26 * hours,
            more => now + u64::from(more) * 2,
        };
        let present: Vec<_> = model.present().iter().map(|p| p.id).collect();
        match self.odd {
            2 => None,
            3..=6 => Some((self.anybody(), time)),
            // The first two do most of what can be done at all.
            _ if self.who.is_multiple_of(2) => {
                Some((present[usize::from(self.who / 2) % present.len().min(2)], time))
            }
            _ => Some((pick(&present, self.who / 2)?, time)),
        }
    }

    fn deed(&self, model: &Model) -> (Did, Vec<u8>) {
        let tickets: Vec<_> = model.tickets.iter().map(|t| t.id).collect();
        let ticket: IntentId = pick(&tickets, self.whom).unwrap_or_else(|| intent(u32::from(self.n)));
        let (did, deed) = match self.kind {
            0..=19 => {
                let len = [5, 0, 65_536, 65_537][usize::from(self.n.saturating_sub(65_500)).min(3)];
                (
                    Did::Say { len },
                    Deed::Say {
                        text: "s".repeat(len),
                    },
                )
            }
            20..=29 => {
                let (uses, drop) = (self.n % 4, ChannelId([self.whom; 32]));
                let expires = model.now.saturating_sub(200) + u64::from(self.n % 4096) * 16;
                let deed = Deed::Invite {
                    uses,
                    expires: Minutes(expires),
                    drop,
                };
                (Did::Invite { uses, expires, drop }, deed)
            }
            30..=31 => (Did::Revoke(ticket), Deed::Revoke { invite: ticket }),
            32..=46 => {
                let seed = u32::from(self.whom) % PEOPLE;
                let name = NAMES[usize::from(self.n) % NAMES.len()];
                let honest = self.n % 16 != 1;
                let mut application = application(seed, name, ticket);
                let key_package = application.key_package_hash();
                if !honest {
                    application.word.push('!');
                }
                let did = Did::Apply {
                    honest,
                    persona: persona(seed),
                    name: name.to_owned(),
                    invite: ticket,
                    key_package,
                };
                let application = encoded(&application);
                (did, Deed::Apply { application })
            }
            47..=58 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Applied(..)));
                (Did::Admit(persona), Deed::Admit { persona })
            }
            59..=60 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Applied(..)));
                let reason = reason(self.n);
                let did = Did::Decline {
                    persona,
                    reason: reason.len(),
                };
                (did, Deed::Decline { persona, reason })
            }
            61..=66 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Present(_)));
                let reason = reason(self.n);
                let did = Did::Remove {
                    persona,
                    reason: reason.len(),
                };
                (did, Deed::Remove { persona, reason })
            }
            67..=68 => (Did::Leave, Deed::Leave),
            69..=70 => {
                let key = [self.whom; 32];
                (Did::ControlKey(key), Deed::ControlKey { key })
            }
            71..=73 => {
                let persona = self.target(model, |p| p.wants.is_some());
                let wanted = model.find(&persona).and_then(|p| p.wants);
                let key_package = wanted.map_or([1; 32], |(_, key_package, _)| key_package);
                (
                    Did::Renew { persona, key_package },
                    Deed::Renew { persona, key_package },
                )
            }
            _ if self.n < 400 => {
                let feature = self.n % 4;
                (Did::RaiseFloor(feature), Deed::RaiseFloor { feature })
            }
            // A deed of a later program under a feature that ours knows.
            _ => return (Did::Unknown, vec![200, self.whom]),
        };
        (did, encoded(&deed))
    }

    fn leaf(&self) -> [u8; 32] {
        let [high, low] = self.n.to_be_bytes();
        let mut leaf = [0; 32];
        leaf[..2].copy_from_slice(&[high, low]);
        leaf
    }

    fn ops(&self, model: &Model) -> CommitOps {
        let mut ops = CommitOps {
            path: !self.n.is_multiple_of(8),
            ..CommitOps::default()
        };
        for person in &model.people {
            match person.stand {
                Stand::Admitted(key_package, _) if self.n % 32 < 24 => ops.adds.push(SeatAdded {
                    persona: person.id,
                    key_package,
                    leaf: self.leaf(),
                }),
                Stand::Going(_) if self.n % 32 > 8 => ops.removes.push(person.id),
                Stand::Present(_) if !self.n.is_multiple_of(4) => {
                    if let Some((_, key_package, _)) = person.wants {
                        ops.adds.push(SeatAdded {
                            persona: person.id,
                            key_package: if self.n % 32 == 1 { [9; 32] } else { key_package },
                            leaf: self.leaf(),
                        });
                    } else if let Some(leaf) = person.leaves.last().filter(|_| person.older > 0) {
                        ops.older.push(SeatKept {
                            persona: person.id,
                            leaf: if self.n % 32 == 1 { [9; 32] } else { *leaf },
                        });
                    }
                }
                _ => {}
            }
        }
        match self.odd {
            10 => ops.removes.push(self.anybody()),
            11 => ops.adds.push(SeatAdded {
                persona: self.anybody(),
                key_package: [1; 32],
                leaf: self.leaf(),
            }),
            12 => ops.adds.extend(ops.adds.clone()),
            13 => ops.removes.extend(ops.removes.clone()),
            _ => {}
        }
        ops
    }

    /// `fresh` is the number of the next new intent.
    fn step(&self, model: &Model, fresh: u32) -> Step {
        let position = match self.odd {
            20 => model.position,
            21 => model.position.saturating_sub(3),
            22 => model.position + 5,
            _ => model.position + 1,
        };
        let (word, bytes) = match self.kind {
            0..=75 => {
                let id = if self.odd_way(23) || self.odd_way(24) {
                    intent(u32::from(self.n) % fresh.max(1))
                } else {
                    intent(fresh)
                };
                let judged_at = match self.odd {
                    25 => position,
                    26 => 0,
                    _ => position.saturating_sub(1),
                };
                let feature = match self.odd {
                    27 => 0,
                    28 => 2,
                    _ => 1,
                };
                let (did, deed_bytes) = self.deed(model);
                let act = Act {
                    id,
                    judged_at: Position(judged_at),
                    feature,
                    deed: deed_bytes,
                };
                let word = Word::Act {
                    id,
                    judged_at,
                    feature,
                    deed: did,
                };
                (word, encoded(&act))
            }
            76 | 78..=92 => (Word::Commit(self.ops(model)), vec![]),
            93 => (Word::Notice, vec![]),
            77 => (Word::Answer, vec![]),
            94..=96 => {
                let who = self.target(model, |p| matches!(p.stand, Stand::Present(_)));
                let read = (model.position + 1).saturating_sub(u64::from(self.n % 16));
                let key_package = vec![self.whom % 4; 3];
                let word = Word::Renewal {
                    who,
                    read,
                    key_package: key_package_hash(&key_package),
                };
                (word, key_package)
            }
            97..=98 => (Word::Unreadable, vec![]),
            _ => (Word::Garbage, self.n.to_be_bytes().repeat(usize::from(self.whom))),
        };
        let flagged = matches!(word, Word::Commit(_) | Word::Answer) != self.odd_way(29);
        Step {
            at: At {
                position: Position(position),
                flagged,
                cut: flagged && self.n.is_multiple_of(3),
            },
            author: self.author(model),
            word,
            bytes,
        }
    }
}

impl Step {
    fn apply(&self, state: &mut State) -> Outcome {
        let notice;
        let input = match &self.word {
            Word::Garbage | Word::Act { .. } => Input::Act(&self.bytes),
            Word::Notice => Input::Part,
            Word::Renewal { who, read, .. } => {
                let kind = NoticeKind::Renewal {
                    read: Position(*read),
                    counter: Counter(0),
                    key_package: self.bytes.clone(),
                    reply: application(0, "x", intent(0)).reply,
                };
                notice = signed(*who, kind);
                Input::Notice(&notice)
            }
            Word::Answer => {
                let author = self.author.map_or(persona(0), |(author, _)| author);
                notice = signed(author, NoticeKind::Answer { wrong: Position(0) });
                Input::Notice(&notice)
            }
            Word::Unreadable => Input::Nothing(Denied::Unprocessable),
            Word::Commit(ops) => Input::Commit(ops),
        };
        let author = self.author.map(|(id, time)| (id, Minutes(time)));
        state.apply(self.at, author, &input)
    }
}

fn signed(author: PersonaId, kind: NoticeKind) -> SignedNotice {
    SignedNotice {
        author,
        notice: Notice {
            kind,
            nonce: Nonce([0; 16]),
        },
        signature: Signature::from([0; 64]),
    }
}

/// The machine's state is what the model says.
fn assert_same(state: &State, model: &Model) {
    assert_eq!(state.position.0, model.position);
    assert_eq!(state.floor, model.floor);
    assert_eq!(state.now().0, model.now);
    assert_eq!(state.clock.entries as usize, model.entries);
    assert_eq!(state.access.0, model.last_cut);
    assert_eq!(state.answered, model.answered);
    assert_eq!(state.people.len(), model.people.len());
    for person in &model.people {
        let ours = state.person(&person.id).unwrap();
        let stand = match &ours.standing {
            Standing::Applied { invite, key_package } => Stand::Applied(*invite, *key_package),
            Standing::Admitted { key_package, by } => Stand::Admitted(*key_package, *by),
            Standing::Present { since } => Stand::Present(since.0),
            Standing::Going { by } => Stand::Going(*by),
            Standing::Gone { by, uncut } => Stand::Gone(*by, *uncut),
            Standing::Awaited { .. } => unreachable!("nobody makes a successor here"),
        };
        assert_eq!(stand, person.stand);
        assert_eq!(
            (ours.name.as_str(), ours.number),
            (person.name.as_str(), person.number)
        );
        assert_eq!(ours.control, person.control);
        let wants = ours.wants.as_ref();
        let wants = wants.map(|wants| (wants.read.0, wants.key_package, wants.compared));
        assert_eq!(wants, person.wants);
        assert_eq!(ours.leaf, person.leaves.last().copied());
        assert_eq!(usize::from(ours.older), person.older);
        assert_eq!(ours.renewed.0, person.renewals.last().copied().unwrap_or(0));
        let claim = person.claims.last();
        assert_eq!(ours.latest.map(|t| t.0), claim.map(|c| c.0));
        assert_eq!(ours.active.map(|t| t.0), claim.map(|c| c.1));
        let remembered: Vec<_> = ours.intents.iter().map(|i| (i.id, i.position.0)).collect();
        let (_, recent) = person.done.split_at(person.done.len().saturating_sub(256));
        assert_eq!(remembered, recent);
    }
    assert_eq!(state.invites.len(), model.tickets.len());
    for ticket in &model.tickets {
        let ours = &state.invites[&ticket.id];
        assert_eq!(
            (
                ours.number,
                ours.by,
                ours.left,
                ours.expires.0,
                ours.drop,
                ours.access.0,
                ours.closed
            ),
            (
                ticket.number,
                ticket.by,
                ticket.left,
                ticket.expires,
                ticket.drop,
                ticket.access,
                ticket.closed
            )
        );
    }
    let present: Vec<_> = model.present().iter().map(|p| p.id).collect();
    assert_eq!(state.keyholders(), present[..present.len().min(2)]);
}

/// A refused entry changes nothing but the position, the clock, and what it shows of its author: their clock, and
/// that they speak.
fn assert_untouched(before: &State, after: &State, step: &Step) {
    let mut expected = before.clone();
    expected.position = after.position;
    expected.clock = after.clock;
    if let Some((author, _)) = step.author
        && let (Some(then), Some(now)) = (expected.people.get_mut(&author), after.person(&author))
    {
        then.latest = now.latest;
        then.active = now.active;
        then.spoke = now.spoke;
        then.wants.clone_from(&now.wants);
    }
    assert_eq!(expected, *after);
}

/// The way out is never closed: somebody can admit, remove and cut (law 10, as far as it reaches here).
fn assert_no_lock_out(state: &State) {
    assert!(state.present().count() >= 1);
    for power in [Power::Admit, Power::Remove, Power::Keys, Power::Floor] {
        assert!(!state.holders(power).is_empty());
    }
    assert!(state.now().0 < u64::MAX);
}

#[derive(Default, Debug)]
struct Seen {
    done: [usize; 4],
    refused: usize,
    joined: usize,
    gone: usize,
    upgrades: usize,
    asked: usize,
    allowed: usize,
    renewed: usize,
}

fn play(rolls: &[Roll], seen: &mut Seen) {
    let mut state = founded();
    let mut replica = state.clone();
    let mut model = Model::found(persona(0), "Ana", [4; 32], FOUNDED);
    for (fresh, roll) in rolls.iter().enumerate() {
        let step = roll.step(&model, u32::try_from(fresh).unwrap());
        let before = state.clone();
        let outcome = step.apply(&mut state);
        let did = model.step(
            step.at.position.0,
            step.at.flagged,
            step.at.cut,
            step.author,
            &step.word,
        );
        assert_eq!(did, matches!(outcome, Outcome::Done(_)), "{roll:?}: {outcome:?}");
        assert_same(&state, &model);
        assert_no_lock_out(&state);

        let mut again = State::from_snapshot(&replica.snapshot().unwrap()).unwrap();
        assert_eq!(step.apply(&mut again), outcome);
        assert_eq!(again.root(), state.root());
        assert_eq!(before == state, before.root() == state.root());
        replica = again;

        match outcome {
            Outcome::Done(effects) => {
                for effect in &effects {
                    match effect {
                        Effect::RenewalAsked { .. } => seen.asked += 1,
                        Effect::RenewalAllowed { .. } => seen.allowed += 1,
                        Effect::Renewed { .. } => seen.renewed += 1,
                        _ => {}
                    }
                }
                let kind = match step.word {
                    Word::Act { .. } => 0,
                    Word::Commit(_) => 1,
                    _ => 2,
                };
                seen.done[kind] += 1;
            }
            Outcome::NoOp(_) => {
                seen.refused += 1;
                assert_untouched(&before, &state, &step);
            }
            Outcome::UpgradeNeeded { .. } => {
                seen.upgrades += 1;
                assert_eq!(before, state);
            }
        }
    }
    let count = |wanted: fn(&Stand) -> bool| model.people.iter().filter(|p| wanted(&p.stand)).count();
    seen.joined += count(|stand| matches!(stand, Stand::Present(1..)));
    seen.gone += count(|stand| matches!(stand, Stand::Gone(..)));
    assert!(model.people.iter().all(|p| seed_of(&p.id) < PEOPLE));
}

#[test]
fn after_every_step_of_anybody_the_machine_is_what_the_model_says() {
    let cases = if std::env::var_os("CAUCUS_LONG").is_some() {
        5_000
    } else {
        120
    };
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let seen = std::cell::RefCell::new(Seen::default());
    runner
        .run(&proptest::collection::vec(roll(), 1..400), |rolls| {
            play(&rolls, &mut seen.borrow_mut());
            Ok(())
        })
        .unwrap();
    // The walk must have been where things happen.
    let seen = seen.into_inner();
    assert!(seen.done[0] > 20 * seen.joined.min(50), "{seen:?}");
    assert!(seen.done[1] > 100 && seen.done[2] > 50, "{seen:?}");
    assert!(
        seen.asked > 50 && seen.allowed > 3 && seen.renewed > 10,
        "{seen:?}"
    );
    assert!(
        seen.joined > 50 && seen.gone > 50 && seen.refused > 1000 && seen.upgrades > 0,
        "{seen:?}"
    );
}
