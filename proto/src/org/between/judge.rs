//! Whether somebody may take a step between bodies now.

use super::answer::Answer;
use super::card::{Card, LONGEST_RELAY, SEALING_KEY, SignedOffer};
use super::item::Item;
use super::link::{End, Link};
use super::step::LinkStep;
use super::{House, MOST_LINKS, Raise, WAITING_RAISED};
use crate::id::{IntentId, PersonaId};
use crate::org::charter::How;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::judge::bounded;
use crate::org::power::Power;
use crate::org::proposal::LONGEST_PROPOSAL;
use crate::org::sign::PersonaPublic;
use crate::org::state::State;

/// Most days in which an answer is owed.
const MOST_OWED: u16 = 365;

impl State {
    pub(in crate::org) fn judge_between(
        &self,
        author: &PersonaId,
        id: IntentId,
        step: LinkStep,
    ) -> Result<Effect, Denied> {
        let mut void = false;
        match &step {
            LinkStep::Root { root, proof, chain } => self.judge_root(author, root, proof, chain.as_ref())?,
            LinkStep::Custody { sealing } => {
                self.with_power(author, Power::Link)?;
                is_sealing_key(sealing)?;
            }
            LinkStep::Entrust { to, root, sealed } => self.judge_entrusting(author, to, *root, sealed)?,
            LinkStep::Sealing { access, public } => {
                self.with_power(author, Power::Link)?;
                self.house()?;
                if *access != self.access {
                    return Err(Denied::OldSealing);
                }
                is_sealing_key(public)?;
            }
            LinkStep::Editor { key } => {
                if !(self.holds(author, Power::Announce) || self.holds(author, Power::Direct)) {
                    self.with_power(author, Power::Announce)?;
                }
                let taken = |(who, other): (&PersonaId, &PersonaPublic)| who != author && *other == *key;
                if self.between.editors.iter().any(taken) {
                    return Err(Denied::AnotherKey);
                }
            }
            LinkStep::Masthead { signed } => self.judge_masthead(author, signed)?,
            LinkStep::Turn { reading, .. } => self.judge_turn(author, reading)?,
            LinkStep::Offer { signed, .. } => self.judge_offer(author, id, signed)?,
            LinkStep::Accept { signed, ours } => self.judge_acceptance_of(author, signed, ours)?,
            LinkStep::End { link, reason } => {
                self.with_power(author, Power::Link)?;
                let link = self.between.links.get(link).ok_or(Denied::NoLink)?;
                if link.ended.is_some() {
                    return Err(Denied::LinkOver);
                }
                bounded(reason.clone())?;
            }
            LinkStep::Hear { link, signed } => void = self.judge_letter(*link, signed)?.is_err(),
            LinkStep::HearAll { letters } => self.judge_letters(letters)?,
            LinkStep::Carry {
                link,
                masthead,
                signed,
            } => self.judge_carrying(*link, masthead, signed)?,
            LinkStep::Issue { item, to } => self.judge_issue(author, item, to)?,
            LinkStep::Answer {
                link,
                directive,
                answer,
            } => {
                self.with_power(author, Power::Direct)?;
                let decides = matches!(**answer, Answer::Adopted | Answer::Declined { .. });
                if decides && self.charter().between.directives == How::Poll {
                    return Err(Denied::ByPoll);
                }
                if **answer == Answer::Received {
                    return Err(Denied::NotNext);
                }
                self.judge_answer_to(*link, *directive, answer)?;
            }
            LinkStep::Raise {
                link,
                text,
                days,
                kind: _,
            } => {
                self.with_power(author, Power::Direct)?;
                let over = self.stands(*link)?;
                if !over.we.reports {
                    return Err(Denied::NotInTerms);
                }
                let waits = self.waiting_raised(*link, true);
                if waits >= WAITING_RAISED || over.is_full() {
                    return Err(Denied::TooManyWaiting);
                }
                says_something(text)?;
                if *days > MOST_OWED {
                    return Err(Denied::Dates);
                }
            }
            LinkStep::Reply { link, number, text } => {
                self.with_power(author, Power::Direct)?;
                if self.stands(*link)?.is_full() {
                    return Err(Denied::TooManyWaiting);
                }
                let raised = self.between.raised.get(&(*link, false, *number));
                if raised.ok_or(Denied::NotRaised)?.reply.is_some() {
                    return Err(Denied::Repeated);
                }
                says_something(text)?;
            }
            LinkStep::Agreed { .. } => return Err(Denied::ByPoll),
            LinkStep::Introduce { links, about, days } => {
                self.judge_introducing(author, links, about, *days)?;
            }
            LinkStep::Consent { link, number, sealed } => self.judge_consent(*link, *number, sealed)?,
            LinkStep::NoConsent { link, number } => self.judge_no_consent(author, *link, *number)?,
            LinkStep::Bring { number, sealed } => self.judge_bringing(author, *number, sealed)?,
            LinkStep::Forward {
                link,
                masthead,
                signed,
            } => self.judge_forwarding(author, *link, masthead, signed)?,
            LinkStep::Move { reading, .. } => self.judge_move(author, reading)?,
        }
        Ok(Effect::Between {
            id,
            step: Box::new(step),
            void,
        })
    }

    pub(super) fn house(&self) -> Result<&House, Denied> {
        self.between.house().ok_or(Denied::NoRoot)
    }

    /// A link that stands.
    pub(super) fn stands(&self, link: u32) -> Result<&Link, Denied> {
        let link = self.between.links.get(&link).ok_or(Denied::NoLink)?;
        match (&link.peer, &link.ended) {
            (_, Some(_)) => Err(Denied::LinkOver),
            (None, None) => Err(Denied::NoLink),
            (Some(_), None) => Ok(link),
        }
    }

    pub(super) fn waiting_raised(&self, link: u32, ours: bool) -> usize {
        let of = self
            .between
            .raised
            .range((link, ours, 0)..=(link, ours, u32::MAX));
        of.filter(|(_, raised)| raised.reply.is_none() && raised.kind != Raise::Report)
            .count()
    }

    fn judge_offer(&self, author: &PersonaId, id: IntentId, signed: &SignedOffer) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let (house, offer) = (self.house()?, &signed.offer);
        let mine = offer.link == id
            && offer.card.body == self.genesis.body()
            && offer.card.kind == self.genesis.kind
            && offer.card.name == self.genesis.label
            && offer.card.root == house.root
            && offer.card.bulletin.is_none()
            && offer.card.is_sound();
        if !mine || offer.terms.offering.is_nothing() && offer.terms.accepting.is_nothing() {
            return Err(Denied::Malformed);
        }
        // Sealed to those who have the room now.
        let sealing = house
            .sealing
            .as_ref()
            .filter(|(access, _)| *access == self.access);
        if sealing.is_none_or(|(_, public)| *public != offer.card.sealing) {
            return Err(Denied::OldSealing);
        }
        signed.is_signed().map_err(|_| Denied::NotSigned)?;
        if self.between.links.len() >= MOST_LINKS {
            return Err(Denied::TooManyWaiting);
        }
        if offer.expires <= self.now() {
            return Err(Denied::OfferOver);
        }
        Ok(())
    }

    /// Whether an offer can be accepted, by whomever.
    pub(in crate::org) fn judge_offered(&self, signed: &SignedOffer) -> Result<(), Denied> {
        let offer = &signed.offer;
        signed.is_signed().map_err(|_| Denied::NotSigned)?;
        if !offer.card.is_sound() {
            return Err(Denied::Malformed);
        }
        if offer.expires <= self.now() {
            return Err(Denied::OfferOver);
        }
        self.judge_partner(&offer.link, &offer.card)
    }

    /// No body is linked with itself, or twice with another.
    pub(super) fn judge_partner(&self, link: &IntentId, card: &Card) -> Result<(), Denied> {
        let known = self
            .between
            .link(link)
            .is_some_and(|(_, link)| link.peer.is_some());
        if known || card.body == self.genesis.body() || self.between.linked(&card.body).is_some() {
            return Err(Denied::LinkedAlready);
        }
        Ok(())
    }

    fn judge_acceptance_of(
        &self,
        author: &PersonaId,
        signed: &SignedOffer,
        ours: &End,
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let house = self.house()?;
        self.judge_offered(signed)?;
        if self.between.link(&signed.offer.link).is_some() {
            return Err(Denied::LinkedAlready);
        }
        // That very offer: its id is whatever the other says.
        let digest = SignedOffer::digest(&signed.offer).map_err(|_| Denied::Malformed)?;
        let agreed = self.between.agreed.get(&signed.offer.link) == Some(&digest);
        if self.charter().between.links == How::Poll && !agreed {
            return Err(Denied::ByPoll);
        }
        if house.sealing.is_none() || ours.relay.len() > LONGEST_RELAY {
            return Err(Denied::Malformed);
        }
        if self.between.links.len() >= MOST_LINKS {
            return Err(Denied::TooManyWaiting);
        }
        Ok(())
    }

    fn judge_issue(&self, author: &PersonaId, item: &Item, to: &[u32]) -> Result<(), Denied> {
        let house = self.house()?;
        // What is another body's word is not published as one's own.
        if matches!(item, Item::Forwarded(_)) {
            return Err(Denied::NotForAll);
        }
        let replaced = match item.replaces() {
            Some(number) => {
                let issued = self.between.issued.get(&number).ok_or(Denied::NoDirective)?;
                if issued.gone.is_some() {
                    return Err(Denied::Repeated);
                }
                if !item.may_replace(&issued.item) || issued.to != to {
                    return Err(Denied::NotNext);
                }
                Some(&issued.item)
            }
            None => None,
        };
        let directs = matches!((item, replaced), (Item::Order(_), _) | (_, Some(Item::Order(_))));
        self.with_power(author, if directs { Power::Direct } else { Power::Announce })?;
        item.judge()?;
        if to.is_empty() {
            return house.bulletin.as_ref().map(|_| ()).ok_or(Denied::NoBulletin);
        }
        if !to.is_sorted_by(|a, b| a < b) {
            return Err(Denied::Malformed);
        }
        for number in to {
            // What was sent to a body whose link has ended since can still be withdrawn from the others.
            let link = match replaced {
                Some(_) => self.between.links.get(number).ok_or(Denied::NoLink)?,
                None => self.stands(*number)?,
            };
            let may = if directs {
                link.we.directives
            } else {
                link.we.announcements
            };
            if !may {
                return Err(Denied::NotInTerms);
            }
            if link.live().is_some() && link.is_full() {
                return Err(Denied::TooManyWaiting);
            }
        }
        Ok(())
    }

    /// Whether an answer to a directive follows from how far it is.
    pub(in crate::org) fn judge_answer_to(
        &self,
        number: u32,
        directive: u32,
        answer: &Answer,
    ) -> Result<(), Denied> {
        let link = self.stands(number)?;
        let told = self
            .between
            .told
            .get(&(number, directive))
            .ok_or(Denied::NoDirective)?;
        let order = told
            .item
            .as_ref()
            .and_then(Item::order)
            .ok_or(Denied::NoDirective)?;
        if told.gone.is_some() {
            return Err(Denied::DirectiveOver);
        }
        if link.is_full() {
            return Err(Denied::TooManyWaiting);
        }
        told.progress.clone().take(order, answer, self.now())
    }
}

pub(super) fn is_sealing_key(public: &[u8]) -> Result<(), Denied> {
    if public.len() == SEALING_KEY {
        Ok(())
    } else {
        Err(Denied::Malformed)
    }
}

pub(super) fn says_something(text: &str) -> Result<(), Denied> {
    if text.trim().is_empty() || text.len() > LONGEST_PROPOSAL {
        Err(Denied::Text)
    } else {
        Ok(())
    }
}
