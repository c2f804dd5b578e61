//! Whether what comes from another body counts: its letters, and what is carried out of its bulletin.

use super::bulletin::{SignedEntry, SignedMasthead};
use super::card::{LONGEST_RELAY, RootKey};
use super::forward::Forwarded;
use super::item::Item;
use super::judge::{is_sealing_key, says_something};
use super::letter::{Says, SignedLetter};
use super::link::{Link, Peer};
use super::place::are_places;
use super::{LETTERS_A_DAY, LETTERS_AT_ONCE, WAITING_RAISED};
use crate::id::PersonaId;
use crate::org::denied::Denied;
use crate::org::judge::bounded;
use crate::org::mandate::DAY;
use crate::org::power::Power;
use crate::org::state::State;

impl State {
    /// Whether a letter is the next one of the other body; then, whether what it says counts. One that does not is read all
    /// the same, so that nothing can block a link.
    pub(super) fn judge_letter(
        &self,
        number: u32,
        signed: &SignedLetter,
    ) -> Result<Result<(), Denied>, Denied> {
        let link = self.between.links.get(&number).ok_or(Denied::NoLink)?;
        let letter = &signed.letter;
        if link.peer.is_some() && link.ended.is_some() {
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
            self.judge_partner(&link.id, card)?;
            // Whoever comes too late is heard, so that they can be told.
            let over = link.ended.is_some() || link.expires < self.now();
            return Ok(if over { Err(Denied::OfferOver) } else { Ok(()) });
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
    pub(super) fn judge_letters(&self, letters: &[(u32, SignedLetter)]) -> Result<(), Denied> {
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
            // What is for one body only is no other's word either.
            Says::Item(_, item) if matches!(**item, Item::Forwarded(_)) => Err(Denied::NotForAll),
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
            Says::Place { relay, alternates } => are_places(relay.as_ref(), alternates),
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

    pub(super) fn judge_carrying(
        &self,
        number: u32,
        masthead: &SignedMasthead,
        signed: &SignedEntry,
    ) -> Result<(), Denied> {
        let link = self.stands(number)?;
        self.judge_published(link, masthead, signed)?;
        let entry = &signed.entry;
        if !entry.item.directs() {
            // Everybody reads those for themselves.
            return Err(Denied::NotNext);
        }
        self.judge_told(number, link, entry.item_number, &entry.item)
    }

    /// Whether the other body published an entry, by those whom it lets publish now.
    fn judge_published<'a>(
        &self,
        link: &'a Link,
        masthead: &SignedMasthead,
        signed: &SignedEntry,
    ) -> Result<&'a Peer, Denied> {
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
        Ok(peer)
    }

    /// Whether what another body published, or forwards itself, may be published for those who hear this body: what was
    /// sent to some bodies only has no signature for others.
    pub(super) fn judge_forwarding(
        &self,
        author: &PersonaId,
        number: u32,
        masthead: &SignedMasthead,
        signed: &SignedEntry,
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Announce)?;
        self.house()?.bulletin.as_ref().ok_or(Denied::NoBulletin)?;
        let peer = self.judge_published(self.stands(number)?, masthead, signed)?;
        let forwarded = Forwarded::of(peer, masthead, signed).ok_or(Denied::NotForAll)?;
        forwarded.judge()?;
        let body = forwarded.body();
        if body == self.genesis.body() || forwarded.is_over(self.now()) {
            return Err(Denied::NotForAll);
        }
        // Of a body that is known its own key counts, and nobody's word for another.
        if let Some(known) = self.between.linked(&body).and_then(|(_, link)| link.live()) {
            if known.card.root != forwarded.root {
                return Err(Denied::NotSigned);
            }
            if forwarded.masthead.masthead.number < known.masthead {
                return Err(Denied::Editors);
            }
        }
        let same = |item: &Item| {
            matches!(item, Item::Forwarded(known)
                if known.body() == body && known.item_number == forwarded.item_number)
        };
        let mut issued = self.between.issued.values();
        if issued.any(|issued| issued.gone.is_none() && same(&issued.item)) {
            return Err(Denied::Repeated);
        }
        Ok(())
    }
}
