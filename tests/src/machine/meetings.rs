//! Meetings, as the second machine knows them: everything that was ever said stays, and what stands is found in it.

use caucus_proto::id::{IntentId, PersonaId};
use caucus_proto::org::MeetingStep;

use super::interpreter::{DAY, Model};

/// How far a meeting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    Called,
    Held,
    Closed,
    Adopted,
    Cancelled,
    Lapsed,
}

/// Hands that were counted, and what others say of the count.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Raised {
    pub(super) by: PersonaId,
    pub(super) at: u64,
    pub(super) point: Option<u16>,
    pub(super) question: String,
    pub(super) counts: (u16, u16, u16),
    /// Who says that they are right, or that they are not; the last word of each counts.
    pub(super) said: Vec<(PersonaId, bool)>,
}

/// One version of the minutes, and what others say of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Paper {
    pub(super) by: PersonaId,
    pub(super) text: String,
    pub(super) written: (u64, u64),
    pub(super) said: Vec<(PersonaId, bool)>,
}

/// A meeting.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Gathering {
    pub(super) id: IntentId,
    pub(super) number: u32,
    pub(super) by: PersonaId,
    pub(super) called: u64,
    pub(super) title: String,
    pub(super) at: u64,
    /// Points, and when each was reached first.
    pub(super) points: Vec<(String, Option<u64>)>,
    pub(super) how: How,
    /// (time, position).
    pub(super) began: Option<(u64, u64)>,
    pub(super) ended: Option<(u64, u64)>,
    /// Everybody who was there: since when, and when they left last if they are not there.
    pub(super) came: Vec<(PersonaId, u64, Option<u64>)>,
    pub(super) asked: Vec<PersonaId>,
    pub(super) word: Option<PersonaId>,
    pub(super) point: Option<u16>,
    pub(super) given: Vec<(PersonaId, Option<u16>, u64)>,
    pub(super) hands: Vec<Raised>,
    pub(super) papers: Vec<Paper>,
}

/// The last word of each, in the order in which those were said, of those who say so.
pub(super) fn sayers(said: &[(PersonaId, bool)], so: bool) -> Vec<PersonaId> {
    let last = |at: usize, who: &PersonaId| said[at + 1..].iter().all(|(other, _)| other != who);
    said.iter()
        .enumerate()
        .filter(|(at, (who, says))| *says == so && last(*at, who))
        .map(|(_, (who, _))| *who)
        .collect()
}

fn says_something(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.len() <= most
}

fn is_agenda(points: &[String]) -> bool {
    points.len() <= 50 && points.iter().all(|point| says_something(point, 200))
}

impl Gathering {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.how, How::Called | How::Held | How::Closed)
    }

    pub(super) fn is_there(&self, who: &PersonaId) -> bool {
        self.came.iter().any(|(id, _, left)| id == who && left.is_none())
    }

    fn is_forgotten(&self, now: u64) -> bool {
        match (self.how, self.ended) {
            (How::Called, _) => now > self.at + 30 * DAY,
            (How::Closed, Some((ended, _))) => now > ended + 90 * DAY,
            _ => false,
        }
    }

    fn comes(&mut self, who: &PersonaId, now: u64) {
        match self.came.iter_mut().find(|(id, ..)| id == who) {
            Some((_, _, left)) => *left = None,
            None => self.came.push((*who, now, None)),
        }
    }
}

impl Model {
    pub(super) fn gathering(&self, id: &IntentId) -> Option<&Gathering> {
        self.gatherings.iter().find(|g| g.id == *id)
    }

    /// Who is there and in the room.
    pub(super) fn those_there(&self, of: &Gathering) -> Vec<PersonaId> {
        let there = of.came.iter().filter(|(_, _, left)| left.is_none());
        there.map(|(id, ..)| *id).filter(|id| self.is_here(id)).collect()
    }

    pub(super) fn leads(&self, of: &Gathering, who: &PersonaId) -> bool {
        let could = |id: &PersonaId| self.may(id, "facilitate");
        could(who) || (of.by == *who && !self.those_there(of).iter().any(could))
    }

    /// Whose yes to the minutes counts, and how many are needed.
    pub(super) fn who_adopts(&self, of: &Gathering) -> (Vec<PersonaId>, usize) {
        let author = of.papers.last().map(|paper| paper.by);
        let mut were: Vec<_> = of.came.iter().map(|(id, ..)| *id).collect();
        were.retain(|id| self.is_here(id) && Some(*id) != author);
        if !were.is_empty() {
            let needed = were.len() / 2 + 1;
            return (were, needed);
        }
        let mut all: Vec<_> = self.present().iter().map(|p| p.id).collect();
        all.retain(|id| Some(*id) != author);
        (all, 1)
    }

    pub(super) fn calls(&mut self, id: IntentId, author: &PersonaId, called: &Gathering) -> bool {
        let now = self.now;
        let waiting = self
            .gatherings
            .iter()
            .filter(|g| g.is_open() && !g.is_forgotten(now));
        let points: Vec<_> = called.points.iter().map(|(text, _)| text.clone()).collect();
        let may = self.in_good_standing(author)
            && self.gathering(&id).is_none()
            && says_something(&called.title, 120)
            && is_agenda(&points)
            && called.at + DAY >= now
            && called.at <= now + 3660 * DAY
            && waiting.count() < 16;
        if !may {
            return false;
        }
        let late: Vec<_> = self
            .gatherings
            .iter()
            .filter(|g| g.is_forgotten(now))
            .map(|g| g.id)
            .collect();
        for other in late {
            self.ends(&other, How::Lapsed);
        }
        self.gatherings_ever += 1;
        self.gatherings.push(Gathering {
            id,
            number: self.gatherings_ever,
            by: *author,
            called: now,
            ..called.clone()
        });
        true
    }

    fn ends(&mut self, id: &IntentId, how: How) {
        if let Some(gathering) = self.gatherings.iter_mut().find(|g| g.id == *id) {
            gathering.how = how;
        }
        // Of those that are over, 256 are remembered: the first are forgotten first.
        let mut over: Vec<_> = (self.gatherings.iter())
            .filter(|g| !g.is_open())
            .map(|g| g.number)
            .collect();
        over.sort_unstable();
        if over.len() > 256 {
            let first = over[0];
            self.gatherings.retain(|g| g.number != first);
        }
    }

    pub(super) fn meets(
        &mut self,
        position: u64,
        author: &PersonaId,
        id: &IntentId,
        step: &MeetingStep,
    ) -> bool {
        let Some(of) = self.gathering(id).filter(|g| g.is_open()).cloned() else {
            return false;
        };
        if !self.may_meet(author, &of, step) {
            return false;
        }
        let now = self.now;
        let (adopters, needed) = self.who_adopts(&of);
        let gathering = self.gatherings.iter_mut().find(|g| g.id == *id).unwrap();
        match step {
            MeetingStep::Agenda { items } => {
                let reached = |at: usize| of.points.get(at).and_then(|(_, reached)| *reached);
                let points = items.iter().enumerate();
                gathering.points = points.map(|(at, text)| (text.clone(), reached(at))).collect();
            }
            MeetingStep::Open => {
                (gathering.how, gathering.began) = (How::Held, Some((now, position)));
                gathering.comes(author, now);
            }
            MeetingStep::Here { here: true } => gathering.comes(author, now),
            MeetingStep::Here { here: false } => {
                let mine = gathering.came.iter_mut().find(|(id, ..)| id == author).unwrap();
                mine.2 = Some(now);
                gathering.asked.retain(|other| other != author);
                if gathering.word == Some(*author) {
                    gathering.word = None;
                }
            }
            MeetingStep::Ask { ask: true } => gathering.asked.push(*author),
            MeetingStep::Ask { ask: false } => {
                if of.asked.contains(author) {
                    gathering.asked.retain(|other| other != author);
                } else {
                    gathering.word = None;
                }
            }
            MeetingStep::Give { persona } => {
                gathering.asked.retain(|other| other != persona);
                gathering.word = Some(*persona);
                gathering.given.push((*persona, of.point, now));
            }
            MeetingStep::Item { item } => {
                gathering.point = Some(*item);
                let reached = &mut gathering.points[usize::from(*item) - 1].1;
                *reached = reached.or(Some(now));
            }
            MeetingStep::Hands {
                question,
                yes,
                no,
                abstain,
            } => gathering.hands.push(Raised {
                by: *author,
                at: now,
                point: of.point,
                question: question.clone(),
                counts: (*yes, *no, *abstain),
                said: vec![],
            }),
            MeetingStep::Witness { vote, right } => {
                gathering.hands[usize::from(*vote) - 1]
                    .said
                    .push((*author, *right));
            }
            MeetingStep::Close => {
                (gathering.how, gathering.ended) = (How::Closed, Some((now, position)));
                (gathering.asked, gathering.word) = (vec![], None);
            }
            MeetingStep::Minutes { text } => gathering.papers.push(Paper {
                by: *author,
                text: text.clone(),
                written: (now, position),
                said: vec![],
            }),
            MeetingStep::Adopt { .. } => {
                let said = &mut gathering.papers.last_mut().unwrap().said;
                // Who says it once more says nothing new.
                if !sayers(said, true).contains(author) {
                    said.push((*author, true));
                }
                let yes = sayers(said, true);
                if adopters.iter().filter(|id| yes.contains(id)).count() >= needed {
                    self.ends(id, How::Adopted);
                }
            }
            MeetingStep::Contest { .. } => {
                gathering.papers.last_mut().unwrap().said.push((*author, false));
            }
            MeetingStep::Cancel => self.ends(id, How::Cancelled),
        }
        true
    }

    fn may_meet(&self, author: &PersonaId, of: &Gathering, step: &MeetingStep) -> bool {
        let (held, there, leads) = (of.how == How::Held, of.is_there(author), self.leads(of, author));
        let paper = of.papers.last();
        let about_paper = |version: u32| {
            paper.is_some_and(|paper| paper.by != *author)
                && version as usize == of.papers.len()
                && self.who_adopts(of).0.contains(author)
        };
        match step {
            MeetingStep::Agenda { items } => {
                let stays = |(at, (text, reached)): (usize, &(String, Option<u64>))| {
                    reached.is_none() || items.get(at) == Some(text)
                };
                leads && of.how != How::Closed && is_agenda(items) && of.points.iter().enumerate().all(stays)
            }
            MeetingStep::Open => leads && of.how == How::Called,
            MeetingStep::Here { here } => held && there != *here,
            MeetingStep::Ask { ask: true } => held && there && !of.asked.contains(author),
            MeetingStep::Ask { ask: false } => {
                held && there && (of.asked.contains(author) || of.word == Some(*author))
            }
            MeetingStep::Give { persona } => {
                held && leads && of.asked.contains(persona) && self.is_here(persona)
            }
            MeetingStep::Item { item } => {
                let exists = (1..=of.points.len()).contains(&usize::from(*item));
                held && leads && exists && of.point != Some(*item)
            }
            MeetingStep::Hands {
                question,
                yes,
                no,
                abstain,
            } => {
                let counted = usize::from(*yes) + usize::from(*no) + usize::from(*abstain);
                held && leads
                    && says_something(question, 500)
                    && of.hands.len() < 64
                    && (1..=self.those_there(of).len()).contains(&counted)
            }
            MeetingStep::Witness { vote, right } => {
                let hands = usize::from(*vote).checked_sub(1).and_then(|at| of.hands.get(at));
                hands.is_some_and(|hands| {
                    let same = sayers(&hands.said, *right);
                    there && hands.by != *author && !same.contains(author) && same.len() < 16
                })
            }
            MeetingStep::Close => {
                let began = of.began.map_or(0, |(began, _)| began);
                held && (leads || (there && self.now >= began + DAY))
            }
            MeetingStep::Minutes { text } => {
                of.how == How::Closed
                    && (leads || of.by == *author)
                    && says_something(text, 16_384)
                    && paper.is_none_or(|paper| paper.text != *text)
            }
            MeetingStep::Adopt { version } => {
                let (adopters, needed) = self.who_adopts(of);
                about_paper(*version) && {
                    let yes = sayers(&paper.unwrap().said, true);
                    let count = adopters.iter().filter(|id| yes.contains(id)).count();
                    !yes.contains(author) || count >= needed
                }
            }
            MeetingStep::Contest { version, reason } => {
                about_paper(*version)
                    && !sayers(&paper.unwrap().said, false).contains(author)
                    && says_something(reason, 280)
            }
            MeetingStep::Cancel => of.how == How::Called && (leads || of.by == *author),
        }
    }
}
