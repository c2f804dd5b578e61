//! What follows from a step between bodies.

use std::collections::VecDeque;

use super::answer::{Answer, Progress};
use super::bulletin::SignedMasthead;
use super::card::{LinkSecret, Reading, RootKey, SignedOffer};
use super::forward::Forwarded;
use super::item::Item;
use super::letter::{Out, Says, SignedLetter};
use super::link::{End, Ended, GENERATIONS, Link, Peer};
use super::step::LinkStep;
use super::{Bulletin, Custodian, House, Issued, REMEMBERED_ITEMS, Raised, Told};
use crate::id::{Minutes, PersonaId};
use crate::org::mandate::DAY;
use crate::org::sign::Signature;
use crate::org::state::State;

/// Directives in force that a body is told of which is linked with later.
const TOLD_LATER: usize = 32;

impl State {
    pub(in crate::org) fn link_step(&mut self, author: &PersonaId, step: &LinkStep, void: bool) {
        let now = self.now();
        match step {
            LinkStep::Root { root, chain, .. } => self.take_root(author, *root, *chain),
            LinkStep::Custody { sealing } => {
                let has = self.between.custody.get(author).map_or(0, |held| held.has);
                let sealing = sealing.clone();
                self.between.custody.insert(*author, Custodian { sealing, has });
            }
            LinkStep::Entrust { to, root, .. } => {
                if let Some(held) = self.between.custody.get_mut(to) {
                    held.has = *root;
                }
            }
            LinkStep::Sealing { access, public } => {
                let access = *access;
                if let Some(house) = self.between.house.get_mut(&0) {
                    house.sealing = Some((access, public.clone()));
                }
                self.write_all(&Out::Sealing, |_| true);
            }
            LinkStep::Editor { key } => {
                self.between.editors.insert(*author, *key);
            }
            LinkStep::Masthead { signed } => {
                if let Some(house) = self.between.house.get_mut(&0) {
                    house.masthead = Some((**signed).clone());
                }
            }
            LinkStep::Turn { reading, publishing } => {
                self.turn_bulletin(reading, publishing, now);
            }
            LinkStep::Offer { signed, read } => self.offer(signed, read.clone(), now),
            LinkStep::Accept { signed, ours } => self.accept(signed, ours, now),
            LinkStep::End { link, reason } => self.end(*link, reason, true),
            LinkStep::Hear { link, signed } => self.read_letter(*link, signed, void),
            LinkStep::HearAll { letters } => {
                for (link, signed) in letters {
                    self.read_letter(*link, signed, false);
                }
            }
            LinkStep::Carry {
                link,
                masthead,
                signed,
            } => {
                self.read_masthead(*link, masthead);
                self.tell(*link, signed.entry.item_number, &signed.entry.item);
            }
            LinkStep::Forward {
                link,
                masthead,
                signed,
            } => {
                self.read_masthead(*link, masthead);
                let link = self.between.links.get(link);
                let forwarded = link
                    .and_then(Link::live)
                    .and_then(|peer| Forwarded::of(peer, masthead, signed));
                if let Some(forwarded) = forwarded {
                    self.issue(author, &Item::Forwarded(Box::new(forwarded)), &[]);
                }
            }
            LinkStep::Issue { item, to } => self.issue(author, item, to),
            LinkStep::Answer {
                link,
                directive,
                answer,
            } => self.answer_directive(*link, *directive, answer),
            LinkStep::Raise {
                link,
                kind,
                text,
                days,
            } => {
                let due = self.owed(*days);
                let Some(over) = self.between.links.get_mut(link) else {
                    return;
                };
                let number = over.next_raised;
                over.next_raised = number.saturating_add(1);
                let (kind, text) = (*kind, text.clone());
                over.write(Out::Says(Box::new(Says::Raised {
                    number,
                    kind,
                    text: text.clone(),
                    due,
                })));
                self.keep_raised((*link, true, number), kind, text, due);
            }
            LinkStep::Reply { link, number, text } => {
                if let Some(raised) = self.between.raised.get_mut(&(*link, false, *number)) {
                    raised.reply = Some((now, text.clone()));
                }
                if let Some(link) = self.between.links.get_mut(link) {
                    let (number, text) = (*number, text.clone());
                    link.write(Out::Says(Box::new(Says::Reply { number, text })));
                }
            }
            LinkStep::Agreed { link, offer } => {
                self.between.agreed.insert(*link, *offer);
            }
            LinkStep::Introduce { links, about, days } => self.introduce(author, links, about, *days),
            LinkStep::Consent { link, number, sealed } => self.consent(author, *link, *number, sealed),
            LinkStep::NoConsent { link, number } => self.no_consent(*link, *number),
            LinkStep::Bring { number, sealed } => self.bring(*number, sealed),
            LinkStep::Move { reading, publishing } => self.move_house(reading, publishing, now),
        }
    }

    /// Somebody who knows the bulletin's keys is out: they turn as soon as somebody can turn them.
    pub(in crate::org) fn bulletin_is_known_outside(&mut self) {
        if let Some(bulletin) = self.bulletin() {
            (bulletin.urgent, bulletin.outside) = (true, true);
        }
    }

    fn bulletin(&mut self) -> Option<&mut Bulletin> {
        let house = self.between.house.get_mut(&0);
        house.and_then(|house| house.bulletin.as_mut())
    }

    pub(super) fn turn_bulletin(&mut self, reading: &Reading, publishing: &LinkSecret, turned: Minutes) {
        let generation = reading.generation;
        let (mut kept, inside_from) = match self.bulletin() {
            Some(before) if before.outside => (before.kept.clone(), generation),
            Some(before) => (before.kept.clone(), before.inside_from),
            None => (VecDeque::new(), generation),
        };
        kept.push_back((generation, reading.secret.clone(), publishing.clone()));
        while kept.len() > GENERATIONS {
            kept.pop_front();
        }
        if let Some(house) = self.between.house.get_mut(&0) {
            house.bulletin = Some(Bulletin {
                reading: reading.clone(),
                publishing: publishing.clone(),
                turned,
                asked: false,
                urgent: false,
                outside: false,
                inside_from,
                kept,
            });
        }
        self.write_all(&Out::Reading(generation), |link| link.we.publishes());
    }

    /// Whoever comes back with another device has none of the keys that the lost one had, and that one may have them yet.
    pub(in crate::org) fn forget_keys_of(&mut self, persona: &PersonaId) {
        self.bulletin_is_known_outside();
        let held = self.between.custody.remove(persona);
        if let Some(house) = self.between.house.get_mut(&0)
            && held.is_some_and(|held| held.has == house.root.number)
        {
            house.lost = true;
        }
        self.between.editors.remove(persona);
    }

    pub(super) fn write_all(&mut self, out: &Out, to: impl Fn(&Link) -> bool) {
        let live: Vec<_> = (self.between.links.iter())
            .filter(|(_, link)| link.live().is_some() && to(link))
            .map(|(number, _)| *number)
            .collect();
        for number in live {
            if let Some(link) = self.between.links.get_mut(&number) {
                link.write(out.clone());
            }
        }
    }

    fn take_root(&mut self, author: &PersonaId, root: RootKey, chain: Option<Signature>) {
        match self.between.house.get_mut(&0) {
            Some(house) => (house.root, house.chain, house.lost) = (root, chain, false),
            None => {
                let house = House {
                    root,
                    chain: None,
                    lost: false,
                    sealing: None,
                    masthead: None,
                    bulletin: None,
                    site: None,
                    last: (0, [0; 32]),
                    next_item: 1,
                    next_link: 1,
                };
                self.between.house.insert(0, house);
            }
        }
        let holders = self.holders(crate::org::power::Power::Link);
        self.between.custody.retain(|who, _| holders.contains(who));
        let sealing = Vec::new();
        let mine = Custodian { sealing, has: 0 };
        if !self.between.custody.contains_key(author) {
            self.between.custody.insert(*author, mine);
        }
        if let Some(held) = self.between.custody.get_mut(author) {
            held.has = root.number;
        }
        if let Some(chain) = chain {
            self.write_all(&Out::Root(root, chain), |_| true);
        }
    }

    fn next_link(&mut self) -> u32 {
        let Some(house) = self.between.house.get_mut(&0) else {
            return 0;
        };
        let number = house.next_link;
        house.next_link = number.saturating_add(1);
        number
    }

    fn offer(&mut self, signed: &SignedOffer, read: LinkSecret, now: Minutes) {
        let offer = &signed.offer;
        // Offers that nobody took are forgotten.
        let untaken = |link: &Link| link.peer.is_none() && !link.is_awaited(now);
        let over: Vec<_> = (self.between.links.iter())
            .filter(|(_, link)| untaken(link))
            .map(|(number, _)| *number)
            .collect();
        for number in over {
            self.between.links.remove(&number);
        }
        let number = self.next_link();
        let ours = End {
            relay: offer.card.relay.clone(),
            drop: offer.card.drop,
            append: offer.card.append.clone(),
            read,
        };
        let terms = (offer.terms.offering, offer.terms.accepting);
        let link = Link::new(offer, ours, terms, now);
        self.between.links.insert(number, link);
    }

    fn accept(&mut self, signed: &SignedOffer, ours: &End, now: Minutes) {
        let offer = &signed.offer;
        let number = self.next_link();
        let terms = (offer.terms.accepting, offer.terms.offering);
        let mut link = Link::new(offer, ours.clone(), terms, now);
        link.peer = Some(Peer {
            card: offer.card.clone(),
            site: None,
            alternates: Vec::new(),
            keys: VecDeque::new(),
            pair: None,
            masthead: offer.card.masthead,
            heard: now,
            published: (u64::MAX, 0),
        });
        self.between.agreed.remove(&offer.link);
        self.between.links.insert(number, link);
        if let Some(link) = self.between.links.get_mut(&number) {
            link.write(Out::Card);
        }
        self.begin_at(number);
        self.write_in_force(number);
    }

    /// A body that is linked with later sees what is still in force.
    fn write_in_force(&mut self, number: u32) {
        let orders: Vec<_> = (self.between.issued.iter())
            .filter(|(_, issued)| issued.gone.is_none() && issued.to.is_empty())
            .filter(|(_, issued)| issued.item.order().is_some())
            .map(|(item, _)| *item)
            .collect();
        let Some(link) = self
            .between
            .links
            .get_mut(&number)
            .filter(|link| link.we.directives)
        else {
            return;
        };
        for item in orders.iter().rev().take(TOLD_LATER).rev() {
            link.write(Out::Item(*item));
        }
    }

    fn end(&mut self, number: u32, reason: &str, by_us: bool) {
        let at = self.now();
        let Some(link) = self.between.links.get_mut(&number) else {
            return;
        };
        let reads = link.peer.is_some() && link.we.publishes();
        if by_us && link.peer.is_some() {
            let reason = reason.to_owned();
            link.close(Out::Says(Box::new(Says::Ended { reason })));
        }
        link.ended = Some(Ended {
            by_us,
            reason: reason.to_owned(),
            at,
        });
        if reads && let Some(bulletin) = self.bulletin() {
            bulletin.urgent = true;
        }
    }

    fn read_masthead(&mut self, link: u32, masthead: &SignedMasthead) {
        let now = self.now();
        let link = self.between.links.get_mut(&link);
        if let Some(peer) = link.and_then(|link| link.peer.as_mut()) {
            peer.masthead = masthead.masthead.number;
            peer.heard = now;
        }
    }

    fn read_letter(&mut self, number: u32, signed: &SignedLetter, void: bool) {
        let (now, letter) = (self.now(), &signed.letter);
        let Some(link) = self.between.links.get_mut(&number) else {
            return;
        };
        link.read_up_to(letter.heard);
        if letter.number > 0 {
            link.heard = letter.number;
            let today = now.0 / DAY;
            let before = if link.day.0 == today { link.day.1 } else { 0 };
            link.day = (today, before.saturating_add(1));
        }
        if let Says::Accepted(card) = &letter.says
            && link.peer.is_none()
        {
            let bulletin = card.bulletin.iter().filter(|_| link.they.publishes() && !void);
            let keys = bulletin
                .map(|reading| (reading.generation, reading.secret.clone()))
                .collect();
            link.peer = Some(Peer {
                card: (**card).clone(),
                site: None,
                alternates: Vec::new(),
                keys,
                pair: None,
                masthead: card.masthead,
                heard: now,
                published: (letter.published, letter.published),
            });
            link.since = now;
            if void {
                link.turn_away(now);
                return;
            }
            let bulletin = self
                .between
                .house
                .get(&0)
                .and_then(|house| house.bulletin.as_ref());
            let generation = bulletin.map(|bulletin| bulletin.reading.generation);
            if let Some(generation) = generation.filter(|_| link.we.publishes()) {
                link.write(Out::Reading(generation));
            }
            self.begin_at(number);
            self.write_in_force(number);
            return;
        }
        let Some(peer) = &mut link.peer else { return };
        peer.heard = now;
        // The first letter of whoever offered the link says where it begins.
        if peer.published.0 == u64::MAX {
            peer.published.0 = letter.published;
        }
        peer.publishes_up_to(letter.published);
        if void {
            return;
        }
        match &letter.says {
            Says::Nothing | Says::Accepted(_) => {}
            Says::Reading(reading, pair) => {
                peer.pair = Some((reading.generation, pair.clone()));
                peer.keys.push_back((reading.generation, reading.secret.clone()));
                while peer.keys.len() > GENERATIONS {
                    peer.keys.pop_front();
                }
                peer.card.bulletin = Some((**reading).clone());
            }
            Says::Sealing(public) => {
                peer.card.sealing.clone_from(public);
                // Whoever was removed there knows what the last letter came with.
                link.reads = 0;
                if link.we.publishes() {
                    self.ask_for_turn();
                }
            }
            Says::Root(key, _) => peer.card.root = *key,
            Says::Item(item_number, item) => self.tell(number, *item_number, item),
            Says::Answer(directive, answer) => self.take_answer(number, *directive, answer, now),
            Says::Raised {
                number: raised,
                kind,
                text,
                due,
            } => self.keep_raised((number, false, *raised), *kind, text.clone(), *due),
            Says::Reply { number: raised, text } => {
                if let Some(raised) = self.between.raised.get_mut(&(number, true, *raised)) {
                    raised.reply = Some((now, text.clone()));
                }
            }
            Says::Ended { reason } => self.end(number, reason, false),
            Says::Place { relay, alternates } => {
                peer.site.clone_from(relay);
                peer.alternates.clone_from(alternates);
            }
            Says::Introduce { .. }
            | Says::Consent { .. }
            | Says::NoConsent { .. }
            | Says::Introduced { .. }
            | Says::NotIntroduced { .. } => self.hear_liaison(number, &letter.says),
        }
    }

    fn ask_for_turn(&mut self) {
        if let Some(bulletin) = self.bulletin() {
            bulletin.asked = true;
        }
    }

    fn take_answer(&mut self, link: u32, directive: u32, answer: &Answer, now: Minutes) {
        let Some(order) = self
            .between
            .issued
            .get(&directive)
            .and_then(|issued| issued.item.order())
            .cloned()
        else {
            return;
        };
        let key = (directive, link);
        if !self.between.board.contains_key(&key) {
            self.between.board.insert(key, Progress::default());
        }
        if let Some(progress) = self.between.board.get_mut(&key) {
            // Judged before: what does not follow was void.
            let _ = progress.take(&order, answer, now);
        }
    }

    /// Takes in an item of the body of a link.
    fn tell(&mut self, number: u32, item_number: u32, item: &Item) {
        let at = self.now();
        let fresh = || Told {
            item: None,
            at,
            gone: None,
            progress: Progress::default(),
        };
        let forgotten = (self.between.links.get(&number)).map_or(0, |link| link.forgotten);
        if let Some(of) = item.replaces().filter(|of| *of > forgotten) {
            let key = (number, of);
            if !self.between.told.contains_key(&key) {
                self.between.told.insert(key, fresh());
            }
            if let Some(told) = self.between.told.get_mut(&key) {
                told.gone = Some(item_number);
            }
        }
        if !matches!(item, Item::Withdrawal { .. }) {
            let key = (number, item_number);
            if !self.between.told.contains_key(&key) {
                self.between.told.insert(key, fresh());
            }
            if let Some(told) = self.between.told.get_mut(&key) {
                told.item = Some(item.clone());
                told.at = at;
            }
        }
        if item.order().is_some() {
            self.answer_directive(number, item_number, &Answer::Received);
        }
        self.forget_told(number);
    }

    fn forget_told(&mut self, number: u32) {
        let told = self.between.told.range((number, 0)..=(number, u32::MAX));
        let keys: Vec<_> = told.map(|(key, _)| *key).collect();
        let over = keys.len().saturating_sub(REMEMBERED_ITEMS);
        for key in keys.into_iter().take(over) {
            self.between.told.remove(&key);
            if let Some(link) = self.between.links.get_mut(&number) {
                link.forgotten = link.forgotten.max(key.1);
            }
        }
    }

    /// Does something with a directive of another body, and writes it to them.
    fn answer_directive(&mut self, number: u32, directive: u32, answer: &Answer) {
        let now = self.now();
        let Some(told) = self.between.told.get_mut(&(number, directive)) else {
            return;
        };
        let Some(Item::Order(order)) = &told.item else {
            return;
        };
        let order = order.clone();
        if told.progress.take(&order, answer, now).is_ok()
            && let Some(link) = self.between.links.get_mut(&number)
        {
            let answer = Box::new(answer.clone());
            link.write(Out::Says(Box::new(Says::Answer(directive, answer))));
        }
    }

    fn issue(&mut self, author: &PersonaId, item: &Item, to: &[u32]) {
        let at = self.now();
        let Some(house) = self.between.house.get_mut(&0) else {
            return;
        };
        let number = house.next_item;
        house.next_item = number.saturating_add(1);
        let entry = to
            .is_empty()
            .then(|| (house.last.0.saturating_add(1), house.last.1));
        if let Some(of) = item.replaces()
            && let Some(replaced) = self.between.issued.get_mut(&of)
        {
            replaced.gone = Some(number);
        }
        let issued = Issued {
            item: item.clone(),
            by: *author,
            at,
            to: to.to_vec(),
            entry,
            gone: None,
        };
        self.between.issued.insert(number, issued);
        if let Some((entry, _)) = entry {
            let hash = self
                .entry(entry)
                .and_then(|entry| entry.hash().ok())
                .unwrap_or_default();
            if let Some(house) = self.between.house.get_mut(&0) {
                house.last = (entry, hash);
            }
        }
        for link in to {
            if let Some(link) = self
                .between
                .links
                .get_mut(link)
                .filter(|link| link.live().is_some())
            {
                link.write(Out::Item(number));
            }
        }
        if self.between.issued.len() > REMEMBERED_ITEMS
            && let Some(first) = self.between.issued.keys().next().copied()
        {
            self.between.issued.remove(&first);
            self.between.board.retain(|(directive, _), _| *directive != first);
        }
    }

    fn keep_raised(&mut self, key: (u32, bool, u32), kind: super::Raise, text: String, due: Minutes) {
        let at = self.now();
        self.between.raised.insert(
            key,
            Raised {
                kind,
                text,
                at,
                due,
                reply: None,
            },
        );
        // Those that were answered first are forgotten first; those that wait are bounded already.
        let (link, ours, _) = key;
        let range = (link, ours, 0)..=(link, ours, u32::MAX);
        if self.between.raised.range(range.clone()).count() > REMEMBERED_ITEMS {
            let over = |raised: &Raised| raised.reply.is_some() || raised.kind == super::Raise::Report;
            let mut of = self.between.raised.range(range);
            if let Some(first) = of.find(|(_, raised)| over(raised)).map(|(key, _)| *key) {
                self.between.raised.remove(&first);
            }
        }
    }
}
