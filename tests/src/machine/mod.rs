//! The organization machine against an interpreter that is slow, obvious and shares nothing with it but the act types
//! (`docs/organization.md`): random acts by honest and dishonest people in random histories. After every entry the two are
//! compared, and what must always hold is looked at; replicas that go through snapshots, or are cut off and catch up in bursts with
//! some entries twice, must come to the same root at the same position.

mod alike;
mod between;
mod cast;
mod compare;
mod cost;
mod decisions;
mod heads;
mod holding;
mod interpreter;
mod mandates;
mod meetings;
mod mutants;
mod polling;
mod proposing;
mod remarks;
mod rooms;
mod rules;
mod tally;
mod walk;

pub use between::play_rooms;
pub use cost::cost;
pub use mutants::{MUTANTS, Mutant};
pub use polling::cost as polling;

use caucus_proto::id::{ChannelId, StateRoot};
use caucus_proto::org::{Effect, MeetingMoved, Moved, Outcome, Remark, State};

use self::cast::{FOUNDED, genesis_by, persona, public};
use self::compare::Difference;
use self::interpreter::{Model, Stand, Word};
use self::rules::Rules;
use self::walk::{Roll, Step};
use crate::net::Draw;

/// Entries of a history, at most.
const LONGEST: u64 = 400;

/// People who come in at the beginning of one, at most.
const MOST_AT_FIRST: u64 = 7;

/// What to play.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// So many entries.
    pub acts: u64,
    /// From this seed on; every history has one of its own, one more than the last.
    pub seed: u64,
    /// So many machines: the first takes every entry as it comes.
    pub replicas: usize,
}

/// What was seen.
#[derive(Clone, Default, Debug)]
pub struct Account {
    /// Entries played.
    pub acts: u64,
    /// Histories.
    pub histories: u64,
    /// Where something was not as it must be: the history's seed, the entry, what.
    pub differences: Vec<String>,
    /// How often each kind of thing happened, so that a walk that goes nowhere is seen.
    pub seen: std::collections::BTreeMap<&'static str, u64>,
}

impl Account {
    /// Takes another walk's account in.
    pub fn add(&mut self, other: Self) {
        self.acts += other.acts;
        self.histories += other.histories;
        self.differences.extend(other.differences);
        for (what, count) in other.seen {
            *self.seen.entry(what).or_default() += count;
        }
    }
}

/// Plays; every difference ends its history.
#[must_use]
pub fn play(plan: Plan) -> Account {
    let mut account = Account::default();
    let mut seed = plan.seed;
    while account.acts < plan.acts {
        history(seed, plan, &mut account);
        account.histories += 1;
        seed += 1;
    }
    account
}

fn history(seed: u64, plan: Plan, account: &mut Account) {
    let mut draw = Draw::of(seed);
    let length = draw.between(1, LONGEST).min(plan.acts - account.acts);
    let rules = Rules::founding(seed);
    let mut state = State::found(genesis_by(&rules), ChannelId([7; 32]));
    let mut model = Model::found(persona(0), public(0).0, "Ana", [4; 32], FOUNDED, rules);
    let mut others: Vec<_> = (1..plan.replicas)
        .map(|number| Replica::new(state.clone(), Draw::part(seed, number as u64)))
        .collect();
    let people = draw.below(MOST_AT_FIRST + 1) as u32;
    let mut first = walk::gathering(people).into_iter().filter(|_| people > 0);
    for fresh in 0..length {
        account.acts += 1;
        let step = (first.next()).unwrap_or_else(|| Roll::of(&mut draw).step(&model, &state, fresh as u32));
        let before = state.clone();
        let outcome = step.apply(&mut state);
        let did = model.step(
            step.at.position.0,
            (step.at.flagged, step.at.cut),
            step.at.seen.0,
            step.author,
            &step.word,
        );
        // What is remembered here is reckoned anew by the others.
        state.settle();
        let root = state.root();
        let last = fresh + 1 == length;
        let compared = agrees(&before, &state, &model, &step, &outcome, did).and_then(|()| {
            others
                .iter_mut()
                .try_for_each(|other| other.hear(&step, root, last))
        });
        if let Err(difference) = compared {
            account
                .differences
                .push(format!("seed {seed}, entry {fresh}: {difference}"));
            return;
        }
        account.see(&step.word, &outcome);
    }
    let joined = |stand: &Stand| matches!(stand, Stand::Present(1..));
    let gone = |stand: &Stand| matches!(stand, Stand::Gone(..));
    for (what, is) in [("joined", &joined as &dyn Fn(&Stand) -> bool), ("gone", &gone)] {
        let count = model.people.iter().filter(|person| is(&person.stand)).count();
        *account.seen.entry(what).or_default() += count as u64;
    }
}

fn agrees(
    before: &State,
    after: &State,
    model: &Model,
    step: &Step,
    outcome: &Outcome,
    did: bool,
) -> Result<(), Difference> {
    if did != matches!(outcome, Outcome::Done(_)) {
        return Err(format!("the interpreter says {did} and the machine {outcome:?}"));
    }
    compare::is_same(before, after, model)?;
    alike::nobody_decides_on_themselves(before, after)?;
    compare::nobody_is_locked_out(after)?;
    compare::no_liar_moves_the_clock(before, after)?;
    compare::everybody_has_one_place(after)?;
    compare::nobody_has_the_key_of_another(after)?;
    if (before == after) != (before.root() == after.root()) {
        return Err("a root does not tell two states apart".to_owned());
    }
    match outcome {
        Outcome::Done(_) => Ok(()),
        Outcome::NoOp(_) => compare::is_untouched(before, after, step),
        Outcome::UpgradeNeeded { .. } if before == after => Ok(()),
        Outcome::UpgradeNeeded { .. } => Err("what an older program cannot know changed it".to_owned()),
    }
}

/// A machine that does not hear everything as it comes.
struct Replica {
    state: State,
    draw: Draw,
    /// What it has not heard yet, with the root after each.
    missed: Vec<(Step, StateRoot)>,
    /// What it heard last, to be heard again.
    heard: Vec<Step>,
}

impl Replica {
    fn new(state: State, draw: Draw) -> Self {
        Self {
            state,
            draw,
            missed: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn hear(&mut self, step: &Step, root: StateRoot, last: bool) -> Result<(), Difference> {
        self.missed.push((step.clone(), root));
        // Cut off for a while, or about to come back.
        if !last && self.draw.percent(85) {
            return Ok(());
        }
        if self.draw.percent(30) {
            let snapshot = self.state.snapshot().map_err(|error| error.to_string())?;
            self.state = State::from_snapshot(&snapshot).map_err(|error| error.to_string())?;
        }
        for (step, root) in std::mem::take(&mut self.missed) {
            step.apply(&mut self.state);
            if self.state.root() != root {
                return Err("a replica came to another root".to_owned());
            }
            self.heard.push(step);
        }
        // What stands already is heard again, and changes nothing.
        for step in self.heard.drain(..) {
            step.apply(&mut self.state);
        }
        if self.state.root() != root {
            return Err("an entry that was heard twice changed a replica".to_owned());
        }
        self.state.settle();
        Ok(())
    }
}

impl Account {
    fn see(&mut self, word: &Word, outcome: &Outcome) {
        let mut add = |what| *self.seen.entry(what).or_default() += 1;
        match outcome {
            Outcome::NoOp(_) => add("refused"),
            Outcome::UpgradeNeeded { .. } => add("upgrades"),
            Outcome::Done(effects) => {
                add(match word {
                    Word::Act { .. } => "acts",
                    Word::Commit(_) => "commits",
                    _ => "notices",
                });
                for effect in effects {
                    match effect {
                        Effect::RenewalAsked { .. } => add("asked to be renewed"),
                        Effect::RenewalAllowed { .. } => add("allowed to be renewed"),
                        Effect::Renewed { .. } => add("renewed"),
                        Effect::Vouched { .. } => add("vouched"),
                        Effect::Whispered { .. } => add("whispered"),
                        Effect::Promoted { .. } => add("promoted"),
                        Effect::Demoted { .. } => add("demoted"),
                        Effect::Suspended { .. } => add("suspended"),
                        Effect::Lifted { .. } => add("lifted"),
                        Effect::PrinciplesSet { .. } => add("texts"),
                        Effect::PrinciplesAccepted { .. } => add("accepted"),
                        Effect::HandedOver { .. } => add("handed over"),
                        Effect::Applied { claims: Some(_), .. } => add("claims"),
                        Effect::Recognized { .. } => add("recognized"),
                        Effect::Replaced { .. } => add("replaced"),
                        Effect::Objected { .. } => add("objected"),
                        Effect::Rekeyed { .. } => add("rekeyed"),
                        Effect::StoodAside { .. } => add("stood aside"),
                        Effect::Vacated { .. } => add("vacated"),
                        Effect::Recalled { .. } => add("recalled"),
                        Effect::Elected { .. } => add("elected"),
                        Effect::CharterChanged { .. } => add("charters changed"),
                        Effect::Proposed { .. } => add("proposed"),
                        Effect::Decided { carried: true, .. } => add("decided and carried out"),
                        Effect::Decided { carried: false, .. } => add("decided and not carried out"),
                        Effect::Moved { moved, .. } => add(step_word(moved)),
                        Effect::MeetingCalled { .. } => add("meetings called"),
                        Effect::Remarked { remark } => add(remark_word(remark)),
                        Effect::Met { moved, .. } => add(meeting_word(moved)),
                        _ => {}
                    }
                }
            }
        }
    }
}

const fn step_word(moved: &Moved) -> &'static str {
    match moved {
        Moved::Discussed { .. } => "discussed",
        Moved::Supported => "supported",
        Moved::Amended { .. } => "amendments",
        Moved::Changed { .. } => "amended",
        Moved::Withdrawn => "withdrawn",
        Moved::Opened(..) => "polls opened",
        Moved::Voted(_) => "ballots",
        Moved::Closed(_) => "polls closed",
        Moved::Void => "polls void",
        Moved::Reopened { .. } => "polls that go on",
        Moved::Stated { .. } => "outcomes",
        Moved::Reviewed { .. } => "outcomes reviewed",
    }
}

const fn remark_word(remark: &Remark) -> &'static str {
    match remark {
        Remark::Reply { .. } => "replies",
        Remark::React { .. } => "reactions",
        Remark::Edit { .. } => "edits",
        Remark::Unsay { .. } => "deletions",
        Remark::Pin { .. } => "pins",
        Remark::Vanish { .. } => "vanishings",
    }
}

const fn meeting_word(moved: &MeetingMoved) -> &'static str {
    match moved {
        MeetingMoved::Planned { .. } => "agendas",
        MeetingMoved::Opened => "meetings opened",
        MeetingMoved::Came => "came",
        MeetingMoved::Left => "left a meeting",
        MeetingMoved::Asked => "asked to speak",
        MeetingMoved::TookBack => "spoke or took it back",
        MeetingMoved::Given { .. } => "had the word",
        MeetingMoved::Reached { .. } => "points reached",
        MeetingMoved::Counted { .. } => "hands counted",
        MeetingMoved::Witnessed { .. } => "counts witnessed",
        MeetingMoved::Closed => "meetings closed",
        MeetingMoved::Minuted { .. } => "minutes",
        MeetingMoved::Adopted { done: false } => "minutes approved",
        MeetingMoved::Adopted { done: true } => "minutes adopted",
        MeetingMoved::Contested { .. } => "minutes contested",
        MeetingMoved::Cancelled => "meetings cancelled",
    }
}
