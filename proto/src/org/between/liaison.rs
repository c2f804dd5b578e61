//! Introductions: a body that is linked with several others brings people of them together. Each body says who of its people
//! would come, sealed to the one that introduces; that one says to each, sealed to the key that came so, whom they meet. Neither
//! of the others learns who came of another, nor which it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::card::RootKey;
use super::letter::{Out, Says};
use super::link::Link;
use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{BodyId, Minutes, PersonaId};
use crate::label::{Label, hash};
use crate::org::application::LONGEST_WORD;
use crate::org::denied::Denied;
use crate::org::mandate::DAY;
use crate::org::power::Power;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::state::State;
use crate::org::whisper::SEALED_WORDS;

/// Bodies that one introduction brings together, at most.
pub const MOST_INTRODUCED: usize = 8;

/// Days in which people may consent, at most.
pub const MOST_INTRODUCTION_DAYS: u16 = 21;

/// Longest words about what it is for, in bytes.
pub const LONGEST_ABOUT: usize = LONGEST_WORD;

/// Introductions that wait at once: of one's own, and of each linked body.
pub const WAITING_INTRODUCTIONS: usize = 32;

/// Introductions that are remembered: of one's own, and of each linked body. The first are forgotten first.
pub const REMEMBERED_INTRODUCTIONS: usize = 128;

/// How an introduction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Introduced {
    /// They know how to find each other.
    Met,
    /// Somebody would not.
    Declined,
}

/// An introduction that this body makes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Introducing {
    /// Links with the bodies of those whom it introduces; who comes of the first is the host.
    pub links: Vec<u32>,
    /// What it is for.
    pub about: String,
    /// Until when they may consent.
    pub until: Minutes,
    /// By whom; never said to others.
    pub by: PersonaId,
    /// What came of each body, sealed to the root key.
    pub consents: BTreeMap<u32, Vec<u8>>,
    /// How it ended, and when.
    pub ended: Option<(Minutes, Introduced)>,
}

/// An introduction that another body would make of somebody of this one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// What it is for.
    pub about: String,
    /// Until when somebody may consent.
    pub until: Minutes,
    /// Whoever consents founds the room.
    pub host: bool,
    /// Of how many bodies people would meet.
    pub parties: u8,
    /// Who consented. Under which name and key they come stands nowhere.
    pub consented: Option<PersonaId>,
    /// How it ended, and when.
    pub ended: Option<(Minutes, Introduced)>,
}

/// What a body signs of those whom it introduces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Introduction {
    /// Who introduces.
    pub body: BodyId,
    /// Its number there.
    pub number: u32,
    /// What it is for.
    pub about: String,
    /// The keys under which they come; the host's first.
    pub keys: Vec<PersonaPublic>,
    /// When.
    pub at: Minutes,
}

/// An introduction, signed by the root key of the body that introduces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedIntroduction {
    /// It.
    pub introduction: Introduction,
    /// By the root key.
    pub signature: Signature,
}

impl SignedIntroduction {
    /// What the root key signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn digest(introduction: &Introduction) -> Result<[u8; 32], Misuse> {
        Ok(hash(
            Label::Introduction,
            &[&codec::encode(introduction, codec::LIMIT)?],
        ))
    }

    /// Whether this root key signed it.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn is_signed_by(&self, root: &RootKey) -> Result<(), PeerFault> {
        let digest = || Self::digest(&self.introduction).map_err(|_| PeerFault::Malformed);
        root.key.verify(&digest()?, &self.signature)
    }
}

impl Introducing {
    /// Whether somebody may still consent.
    #[must_use]
    pub fn is_open(&self, now: Minutes) -> bool {
        self.ended.is_none() && self.until >= now
    }

    /// Whether somebody of every body has consented, and they are to be told.
    #[must_use]
    pub fn is_due(&self, now: Minutes) -> bool {
        self.is_open(now) && self.links.iter().all(|link| self.consents.contains_key(link))
    }
}

impl Asked {
    /// Whether somebody may still consent.
    #[must_use]
    pub fn is_open(&self, now: Minutes) -> bool {
        self.ended.is_none() && self.consented.is_none() && self.until >= now
    }
}

fn is_about(about: &str) -> Result<(), Denied> {
    if about.trim().is_empty() || about.len() > LONGEST_ABOUT {
        Err(Denied::Text)
    } else {
        Ok(())
    }
}

fn is_sealed(sealed: &[u8]) -> Result<(), Denied> {
    if sealed.len() == SEALED_WORDS {
        Ok(())
    } else {
        Err(Denied::Malformed)
    }
}

impl State {
    /// Introductions of this body that somebody of every other has consented to.
    #[must_use]
    pub fn introductions_due(&self) -> Vec<u32> {
        let now = self.now();
        let due = self
            .between
            .introducing
            .iter()
            .filter(|(_, made)| made.is_due(now));
        due.map(|(number, _)| *number).collect()
    }

    pub(super) fn judge_introducing(
        &self,
        author: &PersonaId,
        links: &[u32],
        about: &str,
        days: u16,
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        self.house()?;
        is_about(about)?;
        if !(1..=MOST_INTRODUCTION_DAYS).contains(&days) {
            return Err(Denied::IntroductionDays);
        }
        let twice = |place: usize, link: &u32| links.iter().take(place).any(|other| other == link);
        if !(2..=MOST_INTRODUCED).contains(&links.len())
            || links.iter().enumerate().any(|(place, link)| twice(place, link))
        {
            return Err(Denied::Introduces);
        }
        for link in links {
            let over = self.stands(*link)?;
            if !over.we.directives {
                return Err(Denied::NotInTerms);
            }
            if over.is_full() {
                return Err(Denied::TooManyWaiting);
            }
        }
        let now = self.now();
        let open = self.between.introducing.values().filter(|made| made.is_open(now));
        if open.count() >= WAITING_INTRODUCTIONS {
            return Err(Denied::TooManyWaiting);
        }
        Ok(())
    }

    /// An introduction that this body was asked for and that is not over.
    fn asked(&self, link: u32, number: u32) -> Result<&Asked, Denied> {
        let asked = self
            .between
            .asked
            .get(&(link, number))
            .ok_or(Denied::NoIntroduction)?;
        match asked.ended {
            None => Ok(asked),
            Some(_) => Err(Denied::NoIntroduction),
        }
    }

    pub(super) fn judge_consent(&self, link: u32, number: u32, sealed: &[u8]) -> Result<(), Denied> {
        let over = self.stands(link)?;
        let asked = self.asked(link, number)?;
        if asked.consented.is_some() {
            return Err(Denied::Repeated);
        }
        if asked.until < self.now() {
            return Err(Denied::NoIntroduction);
        }
        if over.is_full() {
            return Err(Denied::TooManyWaiting);
        }
        is_sealed(sealed)
    }

    /// Who consented may take it back; whoever links the body with others says no for all.
    pub(super) fn judge_no_consent(&self, author: &PersonaId, link: u32, number: u32) -> Result<(), Denied> {
        let over = self.stands(link)?;
        if self.asked(link, number)?.consented != Some(*author) {
            self.with_power(author, Power::Link)?;
        }
        if over.is_full() {
            return Err(Denied::TooManyWaiting);
        }
        Ok(())
    }

    pub(super) fn judge_bringing(
        &self,
        author: &PersonaId,
        number: u32,
        sealed: &[Vec<u8>],
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        if !self.root_holders().contains(author) {
            return Err(Denied::NoRoot);
        }
        let made = self
            .between
            .introducing
            .get(&number)
            .ok_or(Denied::NoIntroduction)?;
        if !made.is_due(self.now()) {
            return Err(Denied::NoIntroduction);
        }
        if sealed.len() != made.links.len() {
            return Err(Denied::Malformed);
        }
        sealed.iter().try_for_each(|sealed| is_sealed(sealed))?;
        for link in &made.links {
            if self.stands(*link)?.is_full() {
                return Err(Denied::TooManyWaiting);
            }
        }
        Ok(())
    }

    /// Whether what the other body says of an introduction counts.
    pub(super) fn judge_liaison(&self, number: u32, link: &Link, says: &Says) -> Result<(), Denied> {
        let now = self.now();
        match says {
            Says::Introduce {
                number: introduction,
                about,
                until,
                parties,
                host: _,
            } => {
                if !link.they.directives {
                    return Err(Denied::NotInTerms);
                }
                is_about(about)?;
                let most = now.0.saturating_add(u64::from(MOST_INTRODUCTION_DAYS + 1) * DAY);
                if *until < now || until.0 > most {
                    return Err(Denied::IntroductionDays);
                }
                if !(2..=MOST_INTRODUCED).contains(&usize::from(*parties)) {
                    return Err(Denied::Introduces);
                }
                let latest = self.asked_over(number).map(|(known, _)| known).last();
                if latest.is_some_and(|latest| *introduction <= latest) {
                    return Err(Denied::Repeated);
                }
                let waiting = self.asked_over(number).filter(|(_, asked)| asked.is_open(now));
                if waiting.count() >= WAITING_INTRODUCTIONS {
                    return Err(Denied::TooManyWaiting);
                }
                Ok(())
            }
            Says::Introduced {
                number: introduction,
                sealed,
            } => {
                let asked = self.asked(number, *introduction)?;
                asked.consented.ok_or(Denied::NotNext)?;
                is_sealed(sealed)
            }
            Says::NotIntroduced { number: introduction } => self.asked(number, *introduction).map(|_| ()),
            Says::Consent {
                number: introduction,
                sealed,
            } => {
                let made = self.introduces(number, *introduction)?;
                if made.consents.contains_key(&number) {
                    return Err(Denied::Repeated);
                }
                is_sealed(sealed)
            }
            Says::NoConsent { number: introduction } => self.introduces(number, *introduction).map(|_| ()),
            _ => Err(Denied::NotNext),
        }
    }

    /// An open introduction of this body, of somebody of the body of a link.
    fn introduces(&self, link: u32, number: u32) -> Result<&Introducing, Denied> {
        let now = self.now();
        let made = self
            .between
            .introducing
            .get(&number)
            .ok_or(Denied::NoIntroduction)?;
        if made.is_open(now) && made.links.contains(&link) {
            Ok(made)
        } else {
            Err(Denied::NoIntroduction)
        }
    }

    fn asked_over(&self, link: u32) -> impl Iterator<Item = (u32, &Asked)> {
        let of = self.between.asked.range((link, 0)..=(link, u32::MAX));
        of.map(|((_, number), asked)| (*number, asked))
    }

    pub(super) fn introduce(&mut self, author: &PersonaId, links: &[u32], about: &str, days: u16) {
        let until = self.owed(days);
        let last = self.between.introducing.keys().last().copied();
        let number = last.unwrap_or(0).saturating_add(1);
        let made = Introducing {
            links: links.to_vec(),
            about: about.to_owned(),
            until,
            by: *author,
            consents: BTreeMap::new(),
            ended: None,
        };
        self.between.introducing.insert(number, made);
        // The latest stays, so no number is given twice.
        while self.between.introducing.len() > REMEMBERED_INTRODUCTIONS
            && let Some(first) = self.between.introducing.keys().next().copied()
        {
            self.between.introducing.remove(&first);
        }
        let parties = u8::try_from(links.len()).unwrap_or(u8::MAX);
        for (place, link) in links.iter().enumerate() {
            let says = Says::Introduce {
                number,
                about: about.to_owned(),
                until,
                host: place == 0,
                parties,
            };
            self.say_over(*link, says);
        }
    }

    pub(super) fn consent(&mut self, author: &PersonaId, link: u32, number: u32, sealed: &[u8]) {
        if let Some(asked) = self.between.asked.get_mut(&(link, number)) {
            asked.consented = Some(*author);
        }
        let sealed = sealed.to_vec();
        self.say_over(link, Says::Consent { number, sealed });
    }

    pub(super) fn no_consent(&mut self, link: u32, number: u32) {
        self.end_asked(link, number, Introduced::Declined);
        self.say_over(link, Says::NoConsent { number });
    }

    pub(super) fn bring(&mut self, number: u32, sealed: &[Vec<u8>]) {
        for (link, sealed) in self
            .end_introducing(number, Introduced::Met)
            .into_iter()
            .zip(sealed)
        {
            let sealed = sealed.clone();
            self.say_over(link, Says::Introduced { number, sealed });
        }
    }

    /// The other body says something of an introduction.
    pub(super) fn hear_liaison(&mut self, link: u32, says: &Says) {
        match says {
            Says::Introduce {
                number,
                about,
                until,
                host,
                parties,
            } => {
                let asked = Asked {
                    about: about.clone(),
                    until: *until,
                    host: *host,
                    parties: *parties,
                    consented: None,
                    ended: None,
                };
                self.between.asked.insert((link, *number), asked);
                let first = self.asked_over(link).map(|(number, _)| number).next();
                if self.asked_over(link).count() > REMEMBERED_INTRODUCTIONS
                    && let Some(first) = first
                {
                    self.between.asked.remove(&(link, first));
                }
            }
            Says::Introduced { number, .. } => self.end_asked(link, *number, Introduced::Met),
            Says::NotIntroduced { number } => self.end_asked(link, *number, Introduced::Declined),
            Says::Consent { number, sealed } => {
                if let Some(made) = self.between.introducing.get_mut(number)
                    && made.ended.is_none()
                {
                    made.consents.insert(link, sealed.clone());
                }
            }
            Says::NoConsent { number } => {
                let number = *number;
                for other in self.end_introducing(number, Introduced::Declined) {
                    if other != link {
                        self.say_over(other, Says::NotIntroduced { number });
                    }
                }
            }
            _ => {}
        }
    }

    fn end_asked(&mut self, link: u32, number: u32, how: Introduced) {
        let now = self.now();
        if let Some(asked) = self.between.asked.get_mut(&(link, number)) {
            asked.ended = Some((now, how));
        }
    }

    /// Ends one of this body's own and gives its links. What was sealed to the root key is not kept.
    fn end_introducing(&mut self, number: u32, how: Introduced) -> Vec<u32> {
        let now = self.now();
        let Some(made) = self.between.introducing.get_mut(&number) else {
            return Vec::new();
        };
        if made.ended.is_some() {
            return Vec::new();
        }
        made.ended = Some((now, how));
        made.consents.clear();
        made.links.clone()
    }

    fn say_over(&mut self, link: u32, says: Says) {
        if let Some(link) = self
            .between
            .links
            .get_mut(&link)
            .filter(|link| link.live().is_some())
        {
            link.write(Out::Says(Box::new(says)));
        }
    }
}
