//! Whether somebody may take a step between bodies now.

use super::answer::Answer;
use super::bulletin::{Editor, Entry, MOST_EDITORS, SignedEntry, SignedMasthead};
use super::card::{Card, LONGEST_RELAY, LinkSecret, Reading, RootKey, SEALING_KEY, SignedOffer};
use super::item::Item;
use super::letter::{Letter, Out, Says, SignedLetter};
use super::link::{End, Link};
use super::step::LinkStep;
use super::{House, LETTERS_A_DAY, LETTERS_AT_ONCE, MOST_LINKS, Raise, WAITING_RAISED};
use crate::id::{IntentId, Minutes, PersonaId};
use crate::label::{Label, derive};
use crate::org::charter::How;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::judge::bounded;
use crate::org::mandate::DAY;
use crate::org::power::Power;
use crate::org::proposal::LONGEST_PROPOSAL;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::state::State;

/// Most days in which an answer is owed.
const MOST_OWED: u16 = 365;

/// Largest sealed root key.
const LARGEST_SEALED: usize = 4096;

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

    fn waiting_raised(&self, link: u32, ours: bool) -> usize {
        let of = self
            .between
            .raised
            .range((link, ours, 0)..=(link, ours, u32::MAX));
        of.filter(|(_, raised)| raised.reply.is_none() && raised.kind != Raise::Report)
            .count()
    }

    /// Holders of the power `link` who have the root key of now.
    #[must_use]
    pub fn root_holders(&self) -> Vec<PersonaId> {
        let number = self.between.house().map_or(0, |house| house.root.number);
        let has = |who: &PersonaId| {
            self.between
                .custody
                .get(who)
                .is_some_and(|held| held.has == number)
        };
        self.holders(Power::Link).into_iter().filter(has).collect()
    }

    /// Whether somebody knows the root key who no longer holds the power, or a lost device does, or nobody has it who may.
    #[must_use]
    pub fn root_is_due(&self) -> bool {
        let Some(house) = self.between.house() else {
            return false;
        };
        let holders = self.holders(Power::Link);
        let knows = |held: &super::Custodian| held.has == house.root.number;
        let mut custody = self.between.custody.iter();
        let outside = custody.any(|(who, held)| knows(held) && !holders.contains(who));
        !holders.is_empty() && (house.lost || outside || self.root_holders().is_empty())
    }

    /// Who may publish, by the mandates of now.
    #[must_use]
    pub fn editors_due(&self) -> Vec<Editor> {
        let may = |who: &PersonaId, power| self.holds(who, power);
        let mut editors: Vec<_> = (self.between.editors.iter())
            .map(|(who, key)| Editor {
                key: *key,
                announces: may(who, Power::Announce),
                directs: may(who, Power::Direct),
            })
            .filter(|editor| editor.announces || editor.directs)
            .collect();
        editors.sort_unstable_by_key(|editor| editor.key);
        editors.truncate(MOST_EDITORS);
        editors
    }

    /// Whether another masthead is to be signed.
    #[must_use]
    pub fn masthead_is_due(&self) -> bool {
        let Some(house) = self.between.house() else {
            return false;
        };
        let editors = self.editors_due();
        match &house.masthead {
            Some(signed) => signed.root != house.root.number || signed.masthead.editors != editors,
            None => !editors.is_empty(),
        }
    }

    /// Whether the bulletin's keys are to turn.
    #[must_use]
    pub fn turn_is_due(&self) -> bool {
        let Some(bulletin) = self.between.house().and_then(|house| house.bulletin.as_ref()) else {
            return false;
        };
        let beat = u64::from(self.charter().between.beat).saturating_mul(DAY);
        let old = self.now().0 >= bulletin.turned.0.saturating_add(beat);
        bulletin.urgent || (bulletin.asked && old)
    }

    fn judge_root(
        &self,
        author: &PersonaId,
        root: &RootKey,
        proof: &Signature,
        chain: Option<&Signature>,
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let body = self.genesis.body();
        root.key
            .verify(&root.digest(&body), proof)
            .map_err(|_| Denied::NotSigned)?;
        let number = self.between.house().map_or(0, |house| house.root.number);
        if number.checked_add(1) != Some(root.number) {
            return Err(Denied::Repeated);
        }
        match (self.between.house(), chain) {
            (None, None) => Ok(()),
            (Some(house), Some(chain)) => {
                let signed = house.root.key.verify(&root.digest(&body), chain);
                signed.map_err(|_| Denied::NotSigned)
            }
            // Nobody could sign: those linked with are to be linked with anew.
            (Some(_), None) if self.root_holders().is_empty() => Ok(()),
            _ => Err(Denied::NotSigned),
        }
    }

    fn judge_entrusting(
        &self,
        author: &PersonaId,
        to: &PersonaId,
        root: u32,
        sealed: &[u8],
    ) -> Result<(), Denied> {
        if !self.root_holders().contains(author) {
            return Err(Denied::NoRoot);
        }
        if !self.holds(to, Power::Link) || root != self.house()?.root.number {
            return Err(Denied::NotNext);
        }
        let custodian = self.between.custody.get(to).ok_or(Denied::NotNext)?;
        if custodian.has == root {
            return Err(Denied::Repeated);
        }
        if sealed.is_empty() || sealed.len() > LARGEST_SEALED {
            return Err(Denied::Malformed);
        }
        Ok(())
    }

    fn judge_masthead(&self, author: &PersonaId, signed: &SignedMasthead) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let house = self.house()?;
        let verified = signed.is_signed_by(&house.root, &self.genesis.body());
        verified.map_err(|_| Denied::NotSigned)?;
        let number = house.masthead.as_ref().map_or(0, |known| known.masthead.number);
        if number.checked_add(1) != Some(signed.masthead.number) || !self.masthead_is_due() {
            return Err(Denied::Repeated);
        }
        // Whom the mandates make editors, and nobody else.
        if signed.masthead.editors != self.editors_due() {
            return Err(Denied::Editors);
        }
        Ok(())
    }

    fn judge_turn(&self, author: &PersonaId, reading: &Reading) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let bulletin = self.house()?.bulletin.as_ref();
        let known = bulletin.map_or(0, |bulletin| bulletin.reading.generation);
        if known.checked_add(1) != Some(reading.generation) {
            return Err(Denied::Repeated);
        }
        let same = bulletin.is_none_or(|bulletin| bulletin.reading.channel == reading.channel);
        if !same || reading.relay.len() > LONGEST_RELAY {
            return Err(Denied::Malformed);
        }
        Ok(())
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
    fn judge_partner(&self, link: &IntentId, card: &Card) -> Result<(), Denied> {
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

    /// Whether a letter is the next one of the other body; then, whether what it says counts. One that does not is read all
    /// the same, so that nothing can block a link.
    fn judge_letter(&self, number: u32, signed: &SignedLetter) -> Result<Result<(), Denied>, Denied> {
        let link = self.between.links.get(&number).ok_or(Denied::NoLink)?;
        let letter = &signed.letter;
        if link.ended.is_some() {
            return Err(Denied::LinkOver);
        }
        if letter.link != link.id || letter.heard > link.sent {
            return Err(Denied::NotNext);
        }
        let Some(peer) = &link.peer else {
            let Says::Accepted(card) = &letter.says else {
                return Err(Denied::NotNext);
            };
            if letter.number != 1 || letter.from != card.body || !card.is_sound() {
                return Err(Denied::NotNext);
            }
            signed.is_signed_by(&card.root).map_err(|_| Denied::NotSigned)?;
            if link.expires < self.now() {
                return Err(Denied::OfferOver);
            }
            self.judge_partner(&link.id, card)?;
            return Ok(Ok(()));
        };
        if letter.from != peer.card.body {
            return Err(Denied::NotSigned);
        }
        signed
            .is_signed_by(&peer.card.root)
            .map_err(|_| Denied::NotSigned)?;
        if letter.number == 0 {
            let news = letter.says == Says::Nothing && letter.heard > link.acked;
            return if news { Ok(Ok(())) } else { Err(Denied::Repeated) };
        }
        if link.heard.checked_add(1) != Some(letter.number) {
            return Err(if letter.number > link.heard {
                Denied::NotNext
            } else {
                Denied::Repeated
            });
        }
        let today = self.now().0 / DAY;
        if link.day.0 == today && link.day.1 >= LETTERS_A_DAY {
            return Err(Denied::TooManyLetters);
        }
        Ok(self.judge_saying(number, link, peer.card.root, &letter.says))
    }

    /// Letters of several links at once: nothing that one says bears on whether another counts.
    fn judge_letters(&self, letters: &[(u32, SignedLetter)]) -> Result<(), Denied> {
        if !(1..=LETTERS_AT_ONCE).contains(&letters.len()) || !letters.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(Denied::Malformed);
        }
        letters
            .iter()
            .try_for_each(|(link, signed)| self.judge_among(*link, signed))
    }

    /// Whoever accepts an offer is heard alone: two of them could be one body.
    fn judge_among(&self, link: u32, signed: &SignedLetter) -> Result<(), Denied> {
        match &signed.letter.says {
            Says::Accepted(_) => Err(Denied::Malformed),
            _ => self.judge_letter(link, signed)?,
        }
    }

    /// Whether a letter may be carried into the log together with those of other links.
    #[must_use]
    pub fn hears_among(&self, link: u32, signed: &SignedLetter) -> bool {
        self.judge_among(link, signed).is_ok()
    }

    fn judge_saying(&self, number: u32, link: &Link, root: RootKey, says: &Says) -> Result<(), Denied> {
        let peer = link.live().ok_or(Denied::LinkOver)?;
        match says {
            Says::Nothing | Says::Accepted(_) => Err(Denied::NotNext),
            Says::Reading(reading, _) => {
                let newer = peer
                    .keys
                    .back()
                    .is_none_or(|(known, _)| reading.generation > *known);
                let fits = reading.relay.len() <= LONGEST_RELAY && link.they.publishes();
                if newer && fits {
                    Ok(())
                } else {
                    Err(Denied::NotInTerms)
                }
            }
            Says::Sealing(public) => is_sealing_key(public),
            Says::Root(key, chain) => {
                let next = root.number.checked_add(1) == Some(key.number);
                let signed = root.key.verify(&key.digest(&peer.card.body), chain).is_ok();
                if next && signed {
                    Ok(())
                } else {
                    Err(Denied::NotSigned)
                }
            }
            Says::Item(item_number, item) => {
                item.judge()?;
                self.judge_told(number, link, *item_number, item)
            }
            Says::Answer(directive, answer) => {
                let issued = self.between.issued.get(directive).ok_or(Denied::NoDirective)?;
                let order = issued.item.order().ok_or(Denied::NoDirective)?;
                if !(link.we.directives && (issued.to.is_empty() || issued.to.contains(&number))) {
                    return Err(Denied::NotInTerms);
                }
                let mut progress = self
                    .between
                    .board
                    .get(&(*directive, number))
                    .cloned()
                    .unwrap_or_default();
                progress.take(order, answer, self.now())
            }
            Says::Raised {
                number: raised, text, ..
            } => {
                if !link.they.reports {
                    return Err(Denied::NotInTerms);
                }
                if self.between.raised.contains_key(&(number, false, *raised)) {
                    return Err(Denied::Repeated);
                }
                if self.waiting_raised(number, false) >= WAITING_RAISED {
                    return Err(Denied::TooManyWaiting);
                }
                says_something(text)
            }
            Says::Reply { number: raised, text } => {
                let raised = self
                    .between
                    .raised
                    .get(&(number, true, *raised))
                    .ok_or(Denied::NotRaised)?;
                if raised.reply.is_some() {
                    return Err(Denied::Repeated);
                }
                says_something(text)
            }
            Says::Ended { reason } => bounded(reason.clone()).map(|_| ()),
            Says::Introduce { .. }
            | Says::Consent { .. }
            | Says::NoConsent { .. }
            | Says::Introduced { .. }
            | Says::NotIntroduced { .. } => self.judge_liaison(number, link, says),
        }
    }

    /// Whether an item of the other body is allowed and new here.
    fn judge_told(&self, link_number: u32, link: &Link, number: u32, item: &Item) -> Result<(), Denied> {
        let allowed = if item.directs() {
            link.they.directives
        } else {
            link.they.announcements
        };
        if !allowed {
            return Err(Denied::NotInTerms);
        }
        let key = match item {
            Item::Withdrawal { of, .. } => *of,
            _ => number,
        };
        if key <= link.forgotten || item.replaces().is_some_and(|of| of >= number) {
            return Err(Denied::TooOld);
        }
        match (self.between.told.get(&(link_number, key)), item) {
            (Some(told), Item::Withdrawal { .. }) if told.gone.is_some() => Err(Denied::Repeated),
            (Some(told), Item::Withdrawal { .. })
                if told.item.as_ref().is_some_and(|known| !item.may_replace(known)) =>
            {
                Err(Denied::NotNext)
            }
            (None, Item::Withdrawal { directive: false, .. }) => Err(Denied::NoDirective),
            (Some(told), Item::Announcement(_) | Item::Order(_)) if told.item.is_some() => {
                Err(Denied::Repeated)
            }
            _ => Ok(()),
        }
    }

    fn judge_carrying(
        &self,
        number: u32,
        masthead: &SignedMasthead,
        signed: &SignedEntry,
    ) -> Result<(), Denied> {
        let link = self.stands(number)?;
        let peer = link.live().ok_or(Denied::NoLink)?;
        let verified = masthead.is_signed_by(&peer.card.root, &peer.card.body);
        verified.map_err(|_| Denied::NotSigned)?;
        // An editor who was named once is none for ever.
        if masthead.masthead.number < peer.masthead {
            return Err(Denied::Editors);
        }
        signed
            .is_by_an_editor_of(masthead)
            .map_err(|_| Denied::NotSigned)?;
        let entry = &signed.entry;
        if !entry.item.directs() {
            // Everybody reads those for themselves.
            return Err(Denied::NotNext);
        }
        self.judge_told(number, link, entry.item_number, &entry.item)
    }

    fn judge_issue(&self, author: &PersonaId, item: &Item, to: &[u32]) -> Result<(), Denied> {
        let house = self.house()?;
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

    /// This body's card, as the body of a link gets it.
    #[must_use]
    pub fn card(&self, ours: &End, bulletin: bool) -> Option<Card> {
        let house = self.between.house()?;
        let (_, sealing) = house.sealing.clone()?;
        let reading = house.bulletin.as_ref().map(|bulletin| bulletin.reading.clone());
        Some(Card {
            body: self.genesis.body(),
            kind: self.genesis.kind,
            name: self.genesis.label.clone(),
            root: house.root,
            sealing,
            relay: ours.relay.clone(),
            drop: ours.drop,
            append: ours.append.clone(),
            masthead: house.masthead.as_ref().map_or(0, |known| known.masthead.number),
            bulletin: reading.filter(|_| bulletin),
        })
    }

    /// A letter that waits for the body of a link, by its number; 0 for one that only says how far theirs were read.
    #[must_use]
    pub fn letter(&self, link: u32, number: u64) -> Option<Letter> {
        let over = self.between.links.get(&link)?;
        let says = match number {
            0 => Says::Nothing,
            // What is there no more is no reason to be silent: without this letter the next ones are not read.
            _ => self
                .saying(over, self.out(link, number)?.1)
                .unwrap_or(Says::Nothing),
        };
        Some(Letter {
            link: over.id,
            from: self.genesis.body(),
            number,
            heard: over.heard,
            says,
        })
    }

    fn out(&self, link: u32, number: u64) -> Option<(&Link, &Out)> {
        let link = self.between.links.get(&link)?;
        let place = usize::try_from(number.checked_sub(link.acked)?.checked_sub(1)?).ok()?;
        Some((link, link.out.get(place)?))
    }

    /// Number of the root key that signs a letter: until the other has read of the next, that is the one before.
    #[must_use]
    pub fn signs(&self, link: u32, number: u64) -> Option<u32> {
        let now = self.between.house()?.root.number;
        let over = self.between.links.get(&link)?;
        let first = usize::try_from(number.saturating_sub(over.acked).saturating_sub(1)).ok()?;
        let next = over
            .out
            .iter()
            .skip(if number == 0 { 0 } else { first })
            .find_map(|out| match out {
                Out::Root(root, _) => Some(root.number.saturating_sub(1)),
                _ => None,
            });
        Some(next.unwrap_or(now))
    }

    /// What a letter with keys may be sealed under instead of the other's sealing key, and of which generation that is:
    /// where nobody knows it who should not, it is smaller by the size of a key.
    #[must_use]
    pub fn seals(&self, link: u32, number: u64) -> Option<(u32, LinkSecret)> {
        let (over, out) = self.out(link, number)?;
        let bulletin = self.between.house()?.bulletin.as_ref()?;
        let Out::Reading(_) = out else { return None };
        let known = over.reads > 0 && over.reads >= bulletin.inside_from;
        let mut kept = bulletin.kept.iter().filter(|_| known);
        let (generation, _, publishing) = kept.find(|(number, ..)| *number == over.reads)?;
        Some((*generation, pair(publishing, &over.id)))
    }

    fn saying(&self, link: &Link, out: &Out) -> Option<Says> {
        let house = self.between.house()?;
        Some(match out {
            Out::Card => Says::Accepted(Box::new(self.card(&link.ours, link.we.publishes())?)),
            Out::Reading(generation) => {
                let bulletin = house.bulletin.as_ref()?;
                let mut kept = bulletin.kept.iter();
                let (_, secret, publishing) = kept.find(|(number, ..)| number == generation)?;
                let reading = Reading {
                    generation: *generation,
                    secret: secret.clone(),
                    ..bulletin.reading.clone()
                };
                Says::Reading(Box::new(reading), pair(publishing, &link.id))
            }
            Out::Sealing => Says::Sealing(house.sealing.clone()?.1),
            Out::Root(root, chain) => Says::Root(*root, *chain),
            Out::Item(item) => {
                let issued = self.between.issued.get(item)?;
                Says::Item(*item, Box::new(issued.item.clone()))
            }
            Out::Says(says) => (**says).clone(),
        })
    }

    /// An entry of this body's bulletin.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<Entry> {
        let of = |issued: &super::Issued| issued.entry.filter(|(entry, _)| *entry == number);
        let mut latest = self.between.issued.iter().rev();
        let (item_number, issued, previous) =
            latest.find_map(|(item, issued)| of(issued).map(|(_, previous)| (*item, issued, previous)))?;
        Some(Entry {
            body: self.genesis.body(),
            number,
            previous,
            at: issued.at,
            item_number,
            item: issued.item.clone(),
        })
    }

    /// When an answer is owed that was raised now.
    pub(super) fn owed(&self, days: u16) -> Minutes {
        Minutes(self.now().0.saturating_add(u64::from(days).saturating_mul(DAY)))
    }
}

/// What the letter with the next keys of a bulletin may be sealed under.
fn pair(publishing: &LinkSecret, link: &IntentId) -> LinkSecret {
    LinkSecret(derive(Label::Bulletin, &publishing.0, &[b"pair", &link.0]))
}

fn is_sealing_key(public: &[u8]) -> Result<(), Denied> {
    if public.len() == SEALING_KEY {
        Ok(())
    } else {
        Err(Denied::Malformed)
    }
}

fn says_something(text: &str) -> Result<(), Denied> {
    if text.trim().is_empty() || text.len() > LONGEST_PROPOSAL {
        Err(Denied::Text)
    } else {
        Ok(())
    }
}
