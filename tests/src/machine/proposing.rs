//! What people propose, vote and do with offices in a walk.

use caucus_proto::id::{IntentId, Minutes, PersonaId};
use caucus_proto::org::{Ballot, Deed, Method, Office, State, Step, Subject, Wording, ballot_key};

use super::cast::{charter_by, intent, persona};
use super::decisions::{Motion, Phase, Stride, Vote};
use super::interpreter::{DAY, Did, Model, Stand};
use super::walk::{Roll, wordings};
use crate::net::Draw;

/// Kinds of what is done here.
pub(super) const KINDS: u16 = 150;

/// Who does it, what they do, and how it is written.
pub(super) type Done = (Option<PersonaId>, Did, Deed);

pub(super) fn one<T: Clone>(draw: &mut Draw, of: &[T]) -> Option<T> {
    of.get(draw.below(of.len() as u64) as usize).cloned()
}

/// The secret of a poll's sealed ballots.
fn secret(motion: &IntentId) -> [u8; 32] {
    [motion.0[3] ^ 0x5a; 32]
}

impl Roll {
    pub(super) fn decision(&self, model: &Model, state: &State, kind: u16) -> Done {
        let draw = &mut self.more.clone();
        let all: Vec<Motion> = model.motions.clone();
        let of = |fits: &dyn Fn(&Motion) -> bool| -> Vec<Motion> {
            all.iter().filter(|motion| fits(motion)).cloned().collect()
        };
        let talk = of(&|motion| motion.phase == Phase::Talk);
        let vote = of(&|motion| matches!(motion.phase, Phase::Vote(_)));
        let shut = of(&|motion| matches!(motion.phase, Phase::Shut(_)));
        let done = of(&|motion| matches!(motion.phase, Phase::Done(_)));
        let best = match kind {
            0..=17 => return propose(draw, model),
            18..=59 => &talk,
            60..=124 => &vote,
            125..=129 => &shut,
            130..=136 => &done,
            137..=142 => return stand_aside(draw, model),
            _ => &all,
        };
        let from = if draw.percent(3) { &all } else { best };
        let Some(motion) = one(draw, from) else {
            return propose(draw, model);
        };
        let present: Vec<PersonaId> = model.present().iter().map(|p| p.id).collect();
        let mut who = one(draw, &present);
        let by = Some(motion.by).filter(|_| draw.percent(90));
        let mut stride = Stride {
            motion: motion.id,
            step: Step::Support,
            inside: None,
            exact: false,
            opens: false,
        };
        match kind {
            18..=27 => {}
            28..=31 => {
                let text = match draw.below(20) {
                    0 => String::new(),
                    1 => motion.text.clone(),
                    number => format!("otherwise {number}"),
                };
                stride.step = Step::Amend { text };
            }
            32..=34 => {
                let amendment = one(draw, &motion.others).map_or(7, |(number, ..)| number);
                (who, stride.step) = (by.or(who), Step::Take { amendment });
            }
            35 => (who, stride.step) = (by.or(who), Step::Withdraw),
            36..=59 => {
                let holders: Vec<_> = present
                    .iter()
                    .filter(|id| model.may(id, "poll"))
                    .copied()
                    .collect();
                let wanted = model.is_wanted(&motion) && draw.percent(50);
                who = if wanted { by } else { one(draw, &holders) }.or(who);
                stride.step = opening(draw, model, &motion);
            }
            60..=104 => {
                let silent: Vec<_> = (motion.roll.iter())
                    .filter(|voice| voice.said.is_none() && present.contains(&voice.who))
                    .map(|voice| voice.who)
                    .collect();
                who = one(draw, &silent).filter(|_| draw.percent(90)).or(who);
                if let (Phase::Vote(vote), Some(who)) = (&motion.phase, &who) {
                    let ballot = ballot(draw, vote);
                    (stride.step, stride.inside) = cast(draw, &motion, vote, who, ballot);
                } else {
                    let ballot = Ballot::Yes;
                    stride.step = Step::Vote { ballot };
                }
            }
            105..=124 => {
                stride.exact = !draw.percent(5);
                let mut ballots = state.ballots_hash(motion.number);
                if !stride.exact {
                    ballots[0] ^= 1;
                }
                let sealed = matches!(&motion.phase, Phase::Vote(vote) if vote.seal.is_some());
                stride.opens = !draw.percent(20);
                let told = if sealed { draw.percent(60) } else { draw.percent(3) };
                let mut secret = secret(&motion.id);
                if !stride.opens {
                    secret[7] ^= 1;
                }
                let secret = told.then_some(secret);
                stride.step = Step::Close { ballots, secret };
            }
            125..=129 => {
                let silent: Vec<_> = (motion.roll.iter())
                    .filter(|voice| voice.said.is_none())
                    .map(|voice| voice.who)
                    .collect();
                who = one(draw, &silent).filter(|_| draw.percent(90)).or(who);
                stride.step = Step::Missing;
            }
            130..=133 => {
                let text = if draw.percent(10) { " " } else { "We do it." }.to_owned();
                let review = date(draw, model);
                (who, stride.step) = (by.or(who), Step::State { text, review });
            }
            134..=136 => {
                let again = date(draw, model);
                (who, stride.step) = (by.or(who), Step::Review { again });
            }
            _ => {
                let text = if draw.percent(10) { "" } else { "How much is it?" }.to_owned();
                stride.step = Step::Discuss { text };
            }
        }
        let deed = Deed::Step {
            proposal: motion.id,
            step: Box::new(stride.step.clone()),
        };
        (who, Did::Step(Box::new(stride)), deed)
    }
}

fn date(draw: &mut Draw, model: &Model) -> Option<Minutes> {
    let date = model.now + draw.below(20 * DAY);
    let past = draw.percent(10);
    draw.percent(70)
        .then(|| Minutes(if past { model.now } else { date + 1 }))
}

fn stand_aside(draw: &mut Draw, model: &Model) -> Done {
    let posts: Vec<Office> = model.rules.posts.iter().map(|post| post.office).collect();
    let office = if draw.percent(5) {
        Office::Link
    } else {
        *draw.one(&posts)
    };
    let present: Vec<PersonaId> = model.present().iter().map(|p| p.id).collect();
    let who = one(draw, &present);
    let stands = who.is_some_and(|id| model.find(&id).unwrap().aside.contains(&office));
    let aside = stands == draw.percent(10);
    (
        who,
        Did::StandAside { office, aside },
        Deed::StandAside { office, aside },
    )
}

fn propose(draw: &mut Draw, model: &Model) -> Done {
    let present: Vec<PersonaId> = model.present().iter().map(|p| p.id).collect();
    let good: Vec<_> = present
        .iter()
        .filter(|id| model.in_good_standing(id))
        .copied()
        .collect();
    let who = if draw.percent(95) {
        one(draw, &good)
    } else {
        one(draw, &present)
    };
    let (mut rules, mut paper) = (None, None);
    let subject = match draw.below(100) {
        0..=24 => Subject::Text,
        25..=34 => {
            let amended: Vec<_> = (model.motions.iter())
                .filter(|motion| !motion.others.is_empty())
                .cloned()
                .collect();
            let motion = one(draw, &amended).or_else(|| one(draw, &model.motions));
            let number = (motion.as_ref())
                .and_then(|motion| one(draw, &motion.others))
                .map_or(1, |(number, ..)| number);
            Subject::Amendment {
                proposal: motion.map_or(intent(0), |motion| motion.id),
                number,
            }
        }
        35..=46 => {
            let applied: Vec<_> = (model.people.iter())
                .filter(|p| matches!(p.stand, Stand::Applied(..)))
                .map(|p| p.id)
                .collect();
            let persona = one(draw, &applied).unwrap_or(persona(9));
            Subject::Admit { persona }
        }
        47..=57 => Subject::Remove {
            persona: one(draw, &present).unwrap_or(persona(9)),
        },
        58..=73 => {
            let elected: Vec<_> = (model.rules.posts.iter())
                .filter(|post| post.elected || draw.percent(5))
                .map(|post| post.office)
                .collect();
            let office = one(draw, &elected).unwrap_or(Office::Secretary);
            let mut candidates = model.willing(office);
            if !draw.percent(10) {
                candidates.retain(|id| !model.has_served_enough(office, id));
            }
            let most = draw.between(1, 4) as usize;
            while candidates.len() > most {
                candidates.remove(draw.below(candidates.len() as u64) as usize);
            }
            candidates.sort();
            match draw.below(30) {
                0 => candidates.reverse(),
                1 => candidates.push(persona(8)),
                _ => {}
            }
            Subject::Elect { office, candidates }
        }
        74..=81 => {
            let seat = one(draw, &model.seats);
            let other = one(draw, &present).unwrap_or(persona(9));
            Subject::Recall {
                office: seat.map_or(Office::Secretary, |seat| seat.office),
                holder: seat
                    .filter(|_| !draw.percent(10))
                    .map_or(other, |seat| seat.holder),
            }
        }
        82..=92 => {
            let other = model.rules.changed(draw);
            let charter = Box::new(charter_by(&other));
            rules = Some(other);
            Subject::Charter { charter }
        }
        _ => {
            let (number, sound) = (draw.below(60_000) as u32, !draw.percent(10));
            paper = Some((number, sound));
            let texts: Vec<Wording> = if sound { wordings(number) } else { vec![] };
            Subject::Principles {
                texts,
                substance: draw.percent(50),
            }
        }
    };
    let title = match draw.below(40) {
        0 => " ".to_owned(),
        1 => "t".repeat(121),
        _ => "A hall for the winter".to_owned(),
    };
    let text = match draw.below(60) {
        0..=2 => String::new(),
        3 => "t".repeat(16_385),
        number => format!("text {number}"),
    };
    let motion = Motion {
        id: intent(0),
        number: 0,
        by: persona(0),
        at: 0,
        position: 0,
        title: title.clone(),
        text: text.clone(),
        version: 1,
        subject: subject.clone(),
        rules,
        paper,
        backers: vec![],
        others: vec![],
        others_ever: 0,
        phase: Phase::Talk,
        roll: vec![],
    };
    let deed = Deed::Propose {
        title,
        text,
        subject: Box::new(subject),
    };
    (who, Did::Propose(Box::new(motion)), deed)
}

fn opening(draw: &mut Draw, model: &Model, motion: &Motion) -> Step {
    let mut options = vec![];
    let count = match &motion.subject {
        Subject::Text if draw.percent(60) => draw.between(2, 4) as usize,
        Subject::Elect { candidates, .. } if candidates.len() > 1 => candidates.len(),
        _ => 0,
    };
    if motion.subject == Subject::Text {
        options = (0..count).map(|option| format!("option {option}")).collect();
    }
    let seats = match &motion.subject {
        Subject::Elect { office, .. } => model.rules.post(*office).map_or(1, |post| post.seats),
        _ => 3,
    };
    let winners = draw.between(1, seats.max(1) as u64) as u8;
    let most = draw.between(1, 3) as u8;
    let several = [
        Method::Choice { most, winners },
        Method::Ranked,
        Method::Score { top: 3, winners },
    ];
    let one = [Method::Majority, Method::Majority, Method::Consent];
    let mut method = if count == 0 {
        *draw.one(&one)
    } else {
        *draw.one(&several)
    };
    let (mut until, mut version) = (
        model.now + DAY * draw.between(1, 2) + draw.below(300),
        motion.version,
    );
    match draw.below(40) {
        0 => method = *draw.one(&several),
        1 => method = *draw.one(&one),
        2 => options.push("option 0".to_owned()),
        3 => options.push(" ".to_owned()),
        4 => until = model.now,
        5 => until = model.now + DAY - 1,
        6 => until = model.now + 366 * DAY,
        7 => version = version.saturating_sub(1),
        8 => until = model.now + 1,
        _ => {}
    }
    let seal = draw
        .percent(20)
        .then(|| ballot_key(&secret(&motion.id)).expect("a key"));
    Step::Open {
        version,
        method,
        options,
        until: Minutes(until),
        seal,
    }
}

fn ballot(draw: &mut Draw, vote: &Vote) -> Ballot {
    let choices = vote.choices() as u64;
    let mut order: Vec<u8> = vec![];
    for _ in 0..draw.between(1, choices.max(1)) {
        let option = draw.below(choices.max(1)) as u8;
        if !order.contains(&option) {
            order.push(option);
        }
    }
    if draw.percent(4) {
        let block = |reason: &str| Ballot::Block {
            reason: reason.to_owned(),
        };
        let odd = [
            Ballot::No,
            block(" "),
            Ballot::Picks(vec![]),
            Ballot::Ranks(vec![0, 0]),
            Ballot::Picks(vec![9]),
            Ballot::Scores(vec![9; 3]),
        ];
        return draw.one(&odd).clone();
    }
    if draw.percent(15) {
        return Ballot::Abstain;
    }
    match vote.method {
        Method::Majority if draw.percent(80) => Ballot::Yes,
        Method::Majority => Ballot::No,
        Method::Consent if draw.percent(90) => Ballot::Yes,
        Method::Consent => Ballot::Block {
            reason: "it harms us".to_owned(),
        },
        Method::Choice { most, .. } => {
            order.truncate(usize::from(most));
            order.sort_unstable();
            Ballot::Picks(order)
        }
        Method::Ranked => Ballot::Ranks(order),
        Method::Score { top, .. } => {
            let score = |_| draw.below(u64::from(top) + 1) as u8;
            Ballot::Scores((0..choices).map(score).collect())
        }
    }
}

/// A ballot as it is sent, and what it will say when it is opened.
fn cast(
    draw: &mut Draw,
    motion: &Motion,
    vote: &Vote,
    who: &PersonaId,
    ballot: Ballot,
) -> (Step, Option<Ballot>) {
    let Some(key) = vote.seal else {
        return (Step::Vote { ballot }, None);
    };
    let (mut voter, mut inside) = (*who, Some(ballot.clone()));
    match draw.below(30) {
        // Open where it should be sealed.
        0 => return (Step::Vote { ballot }, None),
        // Made for somebody else.
        1 => (voter, inside) = (persona(99), None),
        _ => {}
    }
    let sealed = ballot
        .seal(&key, &motion.id, &voter, &mut Seeded(draw.clone()))
        .expect("a small ballot");
    (Step::Vote { ballot: sealed }, inside)
}

/// Randomness from a seed.
struct Seeded(Draw);

impl rand_core::TryRng for Seeded {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0.number() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.number())
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill_with(|| self.0.number() as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Seeded {}
