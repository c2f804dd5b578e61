//! What a body writes and publishes: it follows from its log alone, so whoever holds the keys makes the same of it.

use super::bulletin::Entry;
use super::card::{Card, LinkSecret, Reading};
use super::letter::{Letter, Out, Says};
use super::link::{End, Link};
use crate::id::{IntentId, Minutes};
use crate::label::{Label, derive};
use crate::org::mandate::DAY;
use crate::org::state::State;

impl State {
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
            published: if over.we.publishes() {
                self.between.house().map_or(0, |house| house.last.0)
            } else {
                0
            },
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
            Out::Place => Says::Place {
                relay: link.site.clone(),
                alternates: self.charter().relays.alternates.clone(),
            },
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
