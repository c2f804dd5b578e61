//! Proposals, polls and what follows from them, in the interpreter.

use caucus_proto::id::{IntentId, PersonaId};
use caucus_proto::org::{Ballot, Method, Office, Step, Subject};

use super::interpreter::{DAY, Model, Stand};
use super::rules::{Rule, Rules};
use super::tally::{Came, method_fits, says_something, tally};

/// A proposal.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Motion {
    pub(super) id: IntentId,
    pub(super) number: u32,
    pub(super) by: PersonaId,
    pub(super) at: u64,
    pub(super) position: u64,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) version: u32,
    pub(super) subject: Subject,
    /// The charter that it would have.
    pub(super) rules: Option<Rules>,
    /// The number of the points of unity that it would have, and whether they are sound.
    pub(super) paper: Option<(u32, bool)>,
    pub(super) backers: Vec<PersonaId>,
    /// Number, whose, what.
    pub(super) others: Vec<(u32, PersonaId, String)>,
    pub(super) others_ever: u32,
    pub(super) phase: Phase,
    /// Who may vote, what they said and what that says, and whether they missed their ballot.
    pub(super) roll: Vec<Voice>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Voice {
    pub(super) who: PersonaId,
    pub(super) said: Option<(Ballot, Option<Ballot>)>,
    pub(super) missed: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Phase {
    Talk,
    Vote(Vote),
    Shut(Shut),
    Done(Done),
}

/// A poll, and the rules that it opened under.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Vote {
    pub(super) by: PersonaId,
    pub(super) opened: u64,
    pub(super) position: u64,
    pub(super) method: Method,
    pub(super) options: Vec<String>,
    pub(super) names: Vec<PersonaId>,
    pub(super) until: u64,
    pub(super) seal: Option<[u8; 32]>,
    pub(super) rule: Rule,
    pub(super) rules: Rules,
    pub(super) voters: usize,
    pub(super) reopened: u8,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shut {
    pub(super) vote: Vote,
    pub(super) by: PersonaId,
    pub(super) at: u64,
    pub(super) position: u64,
    pub(super) came: Came,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Done {
    pub(super) shut: Shut,
    pub(super) position: u64,
    pub(super) at: u64,
    pub(super) carried: bool,
    pub(super) outcome: Option<(PersonaId, String, Option<u64>)>,
}

/// A step as the one who takes it knows it: what a sealed ballot holds, whether a close lists what there is, and whether its
/// secret is the poll's.
#[derive(Clone, Debug)]
pub(super) struct Stride {
    pub(super) motion: IntentId,
    pub(super) step: Step,
    pub(super) inside: Option<Ballot>,
    pub(super) exact: bool,
    pub(super) opens: bool,
}

fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.len() <= most
}

impl Motion {
    /// Whom it is about.
    fn about(&self) -> Option<PersonaId> {
        match &self.subject {
            Subject::Remove { persona } => Some(*persona),
            Subject::Recall { holder, .. } => Some(*holder),
            _ => None,
        }
    }

    pub(super) fn is_undecided(&self) -> bool {
        !matches!(self.phase, Phase::Done(_))
    }

    fn is_light(&self) -> bool {
        matches!(self.subject, Subject::Text | Subject::Amendment { .. })
    }
}

impl Vote {
    pub(super) fn choices(&self) -> usize {
        match self.method {
            Method::Majority | Method::Consent => 0,
            _ => self.options.len().max(self.names.len()),
        }
    }
}

impl Shut {
    pub(super) fn grace_ends(&self) -> u64 {
        self.at + self.vote.rules.grace * 60
    }
}

impl Model {
    pub(super) fn motion(&self, id: &IntentId) -> Option<&Motion> {
        self.motions.iter().find(|motion| motion.id == *id)
    }

    fn motion_mut(&mut self, id: &IntentId) -> &mut Motion {
        self.motions.iter_mut().find(|motion| motion.id == *id).unwrap()
    }

    pub(super) fn proposes(&mut self, position: u64, author: &PersonaId, motion: Motion) -> bool {
        let undecided: Vec<_> = self.motions.iter().filter(|m| m.is_undecided()).collect();
        let ok = self.in_good_standing(author)
            && self.motion(&motion.id).is_none()
            && is_text(&motion.title, 120)
            && motion.text.len() <= 16_384
            && (motion.subject != Subject::Text || is_text(&motion.text, 16_384))
            && undecided.len() < 128
            && undecided.iter().filter(|m| m.by == *author).count() < 16
            && self.is_possible(&motion);
        if ok {
            self.motions_ever += 1;
            self.motions.push(Motion {
                number: self.motions_ever,
                by: *author,
                at: self.now,
                position,
                ..motion
            });
        }
        ok
    }

    /// Whether it could be done now.
    fn is_possible(&self, motion: &Motion) -> bool {
        match &motion.subject {
            Subject::Text => true,
            Subject::Amendment { proposal, number } => self.motion(proposal).is_some_and(|of| {
                of.phase == Phase::Talk
                    && !matches!(of.subject, Subject::Amendment { .. })
                    && of.others.iter().any(|(other, ..)| other == number)
            }),
            Subject::Admit { persona } => self.could_come_in(persona),
            Subject::Remove { persona } => *persona != motion.by && self.is_here(persona),
            Subject::Elect { office, candidates } => {
                let willing = self.willing(*office);
                let mut sorted = candidates.clone();
                sorted.sort();
                sorted.dedup();
                self.is_elected(*office)
                    && (1..=32).contains(&candidates.len())
                    && sorted == *candidates
                    && candidates
                        .iter()
                        .all(|id| willing.contains(id) && !self.has_served_enough(*office, id))
            }
            Subject::Recall { office, holder } => {
                self.held(*office).iter().any(|seat| seat.holder == *holder)
            }
            Subject::Charter { .. } => {
                let rules = motion.rules.as_ref().unwrap();
                rules.are_livable() && *rules != self.rules && rules.two_stages == self.rules.two_stages
            }
            Subject::Principles { .. } => motion.paper.unwrap().1,
            // The model has no other bodies.
            Subject::Link { .. } | Subject::Directive { .. } => false,
        }
    }

    fn could_come_in(&self, persona: &PersonaId) -> bool {
        let invited = |ticket: &IntentId| {
            let of = self.tickets.iter().find(|t| t.id == *ticket);
            of.is_some_and(|t| t.left > 0 && t.expires >= self.now)
        };
        self.find(persona).is_some_and(
            |p| matches!(&p.stand, Stand::Applied(ticket, _) if p.claims.is_none() && invited(ticket)),
        )
    }

    pub(super) fn is_here(&self, id: &PersonaId) -> bool {
        self.present().iter().any(|p| p.id == *id)
    }

    fn rule_of(&self, motion: &Motion) -> Rule {
        match &motion.subject {
            Subject::Text | Subject::Amendment { .. } => self.rules.words,
            Subject::Charter { .. } => self.rules.rules.at_least(&motion.rules.as_ref().unwrap().rules),
            Subject::Principles { .. } => self.rules.rules,
            _ => self.rules.people,
        }
    }

    /// Who would vote now: of the rule's stage, having accepted where it asks so, in good standing; failing them, in good
    /// standing; failing them, anybody; and whom it is about only if there is nobody else.
    fn electorate(&self, motion: &Motion) -> Vec<PersonaId> {
        let rule = self.rule_of(motion);
        let all: Vec<_> = self.present().iter().map(|p| p.id).collect();
        let others: Vec<_> = all
            .iter()
            .filter(|id| motion.about() != Some(**id))
            .copied()
            .collect();
        let mut good = others.clone();
        good.retain(|id| self.in_good_standing(id));
        let mut able = good.clone();
        able.retain(|id| {
            self.find(id).unwrap().stage >= rule.stage && (!rule.accepted || self.has_accepted(id))
        });
        let found = [able, good, others, all]
            .into_iter()
            .find(|voters| !voters.is_empty());
        found.unwrap_or_default()
    }

    /// Whether others want it enough: as many as the rules ask for, but never all who could.
    pub(super) fn is_wanted(&self, motion: &Motion) -> bool {
        let counts =
            |id: &PersonaId| *id != motion.by && motion.about() != Some(*id) && self.in_good_standing(id);
        let could = self.present().iter().filter(|p| counts(&p.id)).count();
        let have = motion.backers.iter().filter(|id| counts(id)).count();
        have >= self.rules.support || have + self.rules.absent >= could
    }

    pub(super) fn strides(&mut self, position: u64, author: &PersonaId, stride: &Stride) -> bool {
        let id = stride.motion;
        let Some(motion) = self.motion(&id).cloned() else {
            return false;
        };
        let (mine, talk) = (motion.by == *author, motion.phase == Phase::Talk);
        let good = self.in_good_standing(author);
        let later = |date: &Option<caucus_proto::id::Minutes>| date.is_none_or(|date| date.0 > self.now);
        let answers = mine || self.may(author, "poll");
        match &stride.step {
            Step::Discuss { text } => is_text(text, 65_536),
            Step::Support => {
                let ok = talk && good && !mine && !motion.backers.contains(author);
                if ok {
                    self.motion_mut(&id).backers.push(*author);
                }
                ok
            }
            Step::Amend { text } => {
                let ok = talk
                    && good
                    && is_text(text, 16_384)
                    && *text != motion.text
                    && !matches!(motion.subject, Subject::Amendment { .. })
                    && (mine || motion.others.len() < 8);
                if ok {
                    let motion = self.motion_mut(&id);
                    if mine {
                        motion.text.clone_from(text);
                        motion.version += 1;
                        motion.backers.clear();
                    } else {
                        motion.others_ever += 1;
                        motion.others.push((motion.others_ever, *author, text.clone()));
                    }
                }
                ok
            }
            Step::Take { amendment } => {
                let ok = talk && mine && motion.others.iter().any(|(number, ..)| number == amendment);
                if ok {
                    self.takes_over(&id, *amendment);
                }
                ok
            }
            Step::Withdraw => {
                let ok = talk && mine;
                if ok {
                    self.motions.retain(|motion| motion.id != id);
                }
                ok
            }
            Step::Open { .. } => self.opens(position, author, &motion, &stride.step),
            Step::Vote { ballot } => {
                let ok = self.may_cast(author, &motion, ballot);
                if ok {
                    let said = Some((ballot.clone(), stride.inside.clone()));
                    let roll = &mut self.motion_mut(&id).roll;
                    roll.iter_mut().find(|voice| voice.who == *author).unwrap().said = said;
                }
                ok
            }
            Step::Close { secret, .. } => self.closes(position, author, &motion, stride, secret.is_some()),
            Step::Missing => self.misses(author, &motion),
            Step::State { text, review } => {
                let Phase::Done(mut done) = motion.phase else {
                    return false;
                };
                let ok = answers && done.outcome.is_none() && is_text(text, 2_048) && later(review);
                if ok {
                    done.outcome = Some((*author, text.clone(), review.map(|date| date.0)));
                    self.motion_mut(&id).phase = Phase::Done(done);
                }
                ok
            }
            Step::Review { again } => {
                let Phase::Done(mut done) = motion.phase else {
                    return false;
                };
                let Some((_, _, review)) = &mut done.outcome else {
                    return false;
                };
                let ok = answers && review.is_some() && later(again);
                if ok {
                    *review = again.map(|date| date.0);
                    self.motion_mut(&id).phase = Phase::Done(done);
                }
                ok
            }
        }
    }

    fn takes_over(&mut self, id: &IntentId, amendment: u32) {
        let motion = self.motion_mut(id);
        let at = motion.others.iter().position(|(number, ..)| *number == amendment);
        let (_, _, text) = motion.others.remove(at.unwrap());
        motion.text = text;
        motion.version += 1;
        motion.backers.clear();
    }

    fn opens(&mut self, position: u64, author: &PersonaId, motion: &Motion, step: &Step) -> bool {
        let Step::Open {
            version,
            method,
            options,
            until,
            seal,
        } = step
        else {
            return false;
        };
        let running = self
            .motions
            .iter()
            .filter(|other| matches!(other.phase, Phase::Vote(_)))
            .count();
        let amended = self.motions.iter().any(|other| {
            matches!(other.phase, Phase::Vote(_) | Phase::Shut(_))
                && matches!(&other.subject, Subject::Amendment { proposal, .. } if *proposal == motion.id)
        });
        let rule = self.rule_of(motion);
        let long = until.0.saturating_sub(self.now);
        let names = match &motion.subject {
            Subject::Elect { office, candidates } => self.in_turn(*office, candidates),
            _ => vec![],
        };
        let ok = motion.phase == Phase::Talk
            && self.in_good_standing(author)
            && motion.version == *version
            && motion.about() != Some(*author)
            && self.is_possible(motion)
            && (self.may(author, "poll") || (motion.by == *author && self.is_wanted(motion)))
            && (seal.is_none() || self.may(author, "tell"))
            && running < 32
            && !amended
            && self.choices_fit(motion, *method, options)
            && long >= 1
            && (rule.days * DAY..=365 * DAY).contains(&long);
        if ok {
            let voters = self.electorate(motion);
            let mut rules = self.rules.clone();
            // Whoever would reckon with fewer who are away decides without them.
            if let Some(other) = &motion.rules {
                rules.absent = rules.absent.min(other.absent);
            }
            let vote = Vote {
                by: *author,
                opened: self.now,
                position,
                method: *method,
                options: options.clone(),
                names,
                until: until.0,
                seal: *seal,
                rule,
                rules,
                voters: voters.len(),
                reopened: 0,
            };
            let motion = self.motion_mut(&motion.id);
            motion.phase = Phase::Vote(vote);
            let voice = |who| Voice {
                who,
                said: None,
                missed: false,
            };
            motion.roll = voters.into_iter().map(voice).collect();
            self.sets_down_electors(position);
        }
        ok
    }

    fn choices_fit(&self, motion: &Motion, method: Method, options: &[String]) -> bool {
        let mut words = options.to_vec();
        words.sort();
        words.dedup();
        let two = matches!(method, Method::Majority | Method::Consent);
        let sound = words.len() == options.len() && options.iter().all(|option| is_text(option, 120));
        sound
            && match &motion.subject {
                Subject::Text => method_fits(method, options.len()),
                Subject::Elect { office, candidates } => {
                    let seats = self.rules.post(*office).map_or(0, |post| post.seats);
                    let winners = match method {
                        Method::Choice { winners, .. } | Method::Score { winners, .. } => winners,
                        _ => 1,
                    };
                    options.is_empty()
                        && if two {
                            candidates.len() == 1
                        } else {
                            method_fits(method, candidates.len()) && usize::from(winners) <= seats
                        }
                }
                _ => two && options.is_empty(),
            }
    }

    /// Candidates as the office would go round.
    fn in_turn(&self, office: Office, candidates: &[PersonaId]) -> Vec<PersonaId> {
        let last = self.last_place(office);
        let mut order: Vec<_> = self.present().iter().map(|p| p.id).collect();
        order.retain(|id| candidates.contains(id));
        let place = |id: &PersonaId| match self.find(id).unwrap().stand {
            Stand::Present(since) => Some((since, self.find(id).unwrap().number)),
            _ => None,
        };
        let (mut after, before): (Vec<_>, Vec<_>) = order.into_iter().partition(|id| place(id) > last);
        after.extend(before);
        after
    }

    fn may_cast(&self, author: &PersonaId, motion: &Motion, ballot: &Ballot) -> bool {
        let Phase::Vote(vote) = &motion.phase else {
            return false;
        };
        let Some(voice) = motion.roll.iter().find(|voice| voice.who == *author) else {
            return false;
        };
        let fits = match (vote.seal, ballot) {
            (Some(_), Ballot::Sealed(bytes)) => bytes.len() == 560,
            (Some(_), _) => false,
            (None, ballot) => says_something(ballot, vote.method, vote.choices()),
        };
        let suspended = self.find(author).unwrap().is_under_review(self.now);
        let all = motion.roll.iter().all(|voice| voice.said.is_some());
        let seen = vote.reopened > 0 || (all && vote.seal.is_some());
        fits && self.now < vote.until
            && (voice.said.is_none() || !seen)
            && (vote.rules.suspended || !suspended)
            && voice.said.as_ref().is_none_or(|(said, _)| said != ballot)
    }

    fn closes(
        &mut self,
        position: u64,
        author: &PersonaId,
        motion: &Motion,
        stride: &Stride,
        with_secret: bool,
    ) -> bool {
        let Phase::Vote(vote) = &motion.phase else {
            return false;
        };
        let over = self.now >= vote.until || motion.roll.iter().all(|voice| voice.said.is_some());
        if motion.about() == Some(*author) || !over || !stride.exact {
            return false;
        }
        if vote.seal.is_none() && with_secret || vote.seal.is_some() && with_secret && !stride.opens {
            return false;
        }
        if vote.seal.is_some() && !with_secret {
            let void = self.now >= vote.until + vote.rules.grace * 60;
            if void {
                let motion = self.motion_mut(&motion.id);
                (motion.phase, motion.roll) = (Phase::Talk, vec![]);
            }
            return void;
        }
        let counts = |voice: &&Voice| voice.said.is_some() || self.is_here(&voice.who) || !vote.rules.leavers;
        let voters = motion.roll.iter().filter(counts).count();
        let cast = motion.roll.iter().filter_map(|voice| voice.said.clone());
        let read: Vec<Option<Ballot>> = cast
            .map(|(outside, inside)| match vote.seal {
                Some(_) => inside,
                None => Some(outside),
            })
            .collect();
        let absent = vote.rules.absent;
        let shut = Shut {
            vote: vote.clone(),
            by: *author,
            at: self.now,
            position,
            came: tally(vote.method, vote.choices(), &vote.rule, absent, voters, &read),
        };
        self.motion_mut(&motion.id).phase = Phase::Shut(shut);
        self.waiting.push(motion.id);
        true
    }

    /// Whoever misses their ballot says so once, in time, and then the poll goes on.
    fn misses(&mut self, author: &PersonaId, motion: &Motion) -> bool {
        let Phase::Shut(shut) = &motion.phase else {
            return false;
        };
        let voice = motion.roll.iter().find(|voice| voice.who == *author);
        let ok = voice.is_some_and(|voice| voice.said.is_none() && !voice.missed)
            && self.now < shut.grace_ends()
            && shut.vote.reopened < 3;
        if ok {
            let mut vote = shut.vote.clone();
            vote.until = self.now + 60 * vote.rules.grace.max(1);
            vote.reopened += 1;
            let id = motion.id;
            self.waiting.retain(|other| *other != id);
            let motion = self.motion_mut(&id);
            motion.phase = Phase::Vote(vote);
            motion
                .roll
                .iter_mut()
                .find(|voice| voice.who == *author)
                .unwrap()
                .missed = true;
        }
        ok
    }

    /// What was decided is done, if it still can be. Whether it was.
    pub(super) fn carry_out(&mut self, position: u64, motion: &Motion, chosen: &[PersonaId]) -> bool {
        match &motion.subject {
            Subject::Text => {}
            Subject::Amendment { proposal, number } => {
                let there = self.motion(proposal).is_some_and(|of| {
                    of.phase == Phase::Talk && of.others.iter().any(|(other, ..)| other == number)
                });
                if !there {
                    return false;
                }
                self.takes_over(proposal, *number);
            }
            Subject::Admit { persona } => {
                let Some(Stand::Applied(ticket, key_package)) = self.find(persona).map(|p| p.stand.clone())
                else {
                    return false;
                };
                if !self.could_come_in(persona) {
                    return false;
                }
                self.tickets.iter_mut().find(|t| t.id == ticket).unwrap().left -= 1;
                let someone = self.find_mut(persona);
                someone.stand = Stand::Admitted(key_package, motion.by);
                (someone.sponsors, someone.words) = (vec![], vec![]);
            }
            Subject::Remove { persona } => {
                if !self.is_here(persona) || self.present().len() < 2 {
                    return false;
                }
                let someone = self.find_mut(persona);
                someone.stand = Stand::Going(Some(motion.by));
                (someone.elector, someone.next_elector) = (false, false);
                self.moved = true;
            }
            Subject::Elect { office, .. } => {
                let mut winners = chosen.to_vec();
                let willing = self.willing(*office);
                winners.retain(|id| willing.contains(id) && !self.has_served_enough(*office, id));
                // The charter may have become another since.
                if winners.is_empty() || !self.is_elected(*office) {
                    return false;
                }
                self.elect(position, *office, &winners);
                self.moved = true;
            }
            Subject::Recall { office, holder } => {
                if !self.held(*office).iter().any(|seat| seat.holder == *holder) {
                    return false;
                }
                self.empty(*office, holder);
                let aside = &mut self.find_mut(holder).aside;
                if !aside.contains(office) {
                    aside.push(*office);
                }
                self.moved = true;
            }
            Subject::Charter { .. } => {
                if !self.is_possible(motion) {
                    return false;
                }
                self.rules = motion.rules.clone().unwrap();
                self.charters += 1;
                self.charter_from = position;
                self.moved = true;
            }
            Subject::Principles { substance, .. } => {
                let (number, _) = motion.paper.unwrap();
                let asks = *substance || self.texts.is_empty();
                self.texts.push((number, asks, self.now));
            }
            Subject::Link { .. } | Subject::Directive { .. } => return false,
        }
        true
    }

    /// A closed poll is decided.
    pub(super) fn decide(&mut self, position: u64, id: &IntentId) {
        let motion = self.motion(id).cloned().unwrap();
        let Phase::Shut(shut) = motion.phase.clone() else {
            return;
        };
        let names = &shut.vote.names;
        let chosen: Vec<PersonaId> = if shut.vote.choices() == 0 {
            names.clone()
        } else {
            let of = |option: &u8| names.get(usize::from(*option)).copied();
            shut.came.chosen.iter().filter_map(of).collect()
        };
        let carried = shut.came.passed && self.carry_out(position, &motion, &chosen);
        let now = self.now;
        let motion = self.motion_mut(id);
        if !(carried && motion.subject == Subject::Text) {
            motion.text.clear();
        }
        if let Subject::Principles { texts, .. } = &mut motion.subject {
            texts.clear();
        }
        (motion.backers, motion.others, motion.roll) = (vec![], vec![], vec![]);
        motion.phase = Phase::Done(Done {
            shut,
            position,
            at: now,
            carried,
            outcome: None,
        });
    }

    pub(super) fn is_light(&self, motion: &Motion, vote: &Vote) -> bool {
        vote.rules.light && motion.is_light()
    }
}
