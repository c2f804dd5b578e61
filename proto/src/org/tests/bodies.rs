//! Bodies with their keys, which offer each other links and carry each other's letters.

use ed25519_dalek::{Signer, SigningKey};

use super::laws::is_done;
use super::world::{World, genesis, intent, key, persona, public};
use crate::id::{BodyId, ChannelId, Minutes, Nonce};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::between::{
    Announcement, Answer, Editor, End, Entry, Field, Item, Letter, Link, LinkSecret, LinkStep as Step,
    Masthead, Offer, Order, Posted, Priority, Raise, Reading, RootKey, Says, Sends, SignedEntry,
    SignedLetter, SignedMasthead, SignedOffer, Terms,
};
use crate::org::charter::Charter;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::name::Name;
use crate::org::power::Power;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::state::State;

/// Everything may be sent.
pub(super) const ALL: Sends = Sends {
    announcements: true,
    directives: true,
    reports: true,
};

/// Nothing may be sent.
pub(super) const NOTHING: Sends = Sends {
    announcements: false,
    directives: false,
    reports: false,
};

/// Both may send everything.
pub(super) const BOTH: Terms = Terms {
    offering: ALL,
    accepting: ALL,
};

/// A body of four; the founder announces and directs, both keyholders have the power to link, and the second of them
/// announces as well.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) world: World,
    /// A small number of its own.
    pub(super) number: u32,
}

pub(super) fn sign(key: &SigningKey, digest: &[u8; 32]) -> Signature {
    key.sign(digest).to_bytes().into()
}

pub(super) fn secret(number: u8) -> LinkSecret {
    LinkSecret([number; 32])
}

/// A key that letters are sealed to.
pub(super) fn sealing(number: u8) -> Vec<u8> {
    vec![number; 1216]
}

pub(super) fn announcement(title: &str) -> Item {
    Item::Announcement(Box::new(Announcement {
        title: title.to_owned(),
        text: "At the hall, at eight.".to_owned(),
        language: "en".to_owned(),
        expires: None,
        files: Vec::new(),
        replaces: None,
    }))
}

pub(super) fn order_with(form: Vec<Field>, replaces: Option<u32>) -> Item {
    Item::Order(Box::new(Order {
        title: "Hold a meeting".to_owned(),
        text: "On the rent strike.".to_owned(),
        due: None,
        acknowledge: None,
        priority: Priority::Normal,
        form,
        replaces,
    }))
}

pub(super) fn order() -> Item {
    order_with(Vec::new(), None)
}

pub(super) fn withdrawal(of: u32) -> Item {
    withdrawn(of, true)
}

/// Withdraws an announcement, or a directive.
pub(super) fn withdrawn(of: u32, directive: bool) -> Item {
    let reason = String::new();
    Item::Withdrawal {
        of,
        directive,
        reason,
    }
}

pub(super) fn naming(body: &Body, public: Vec<u8>) -> Step {
    let access = body.state().access;
    Step::Sealing { access, public }
}

pub(super) fn issue(item: Item, to: &[u32]) -> Step {
    Step::Issue {
        item: Box::new(item),
        to: to.to_vec(),
    }
}

pub(super) fn answer(directive: u32, answer: Answer) -> Step {
    Step::Answer {
        link: 1,
        directive,
        answer: Box::new(answer),
    }
}

pub(super) fn declined(reason: &str) -> Answer {
    let reason = reason.to_owned();
    Answer::Declined { reason }
}

pub(super) fn reported(text: &str) -> Answer {
    Answer::Reported {
        values: Vec::new(),
        text: text.to_owned(),
        files: Vec::new(),
    }
}

pub(super) fn powerless(power: &str) -> Denied {
    let power = power.to_owned();
    Denied::Powerless { power }
}

pub(super) fn end(link: u32) -> Step {
    let reason = "we go our own way".to_owned();
    Step::End { link, reason }
}

pub(super) fn raise(kind: Raise, text: &str) -> Step {
    Step::Raise {
        link: 1,
        kind,
        text: text.to_owned(),
        days: 14,
    }
}

pub(super) fn reply(number: u32) -> Step {
    let text = "At eight.".to_owned();
    Step::Reply {
        link: 1,
        number,
        text,
    }
}

pub(super) fn raised(number: u32) -> Says {
    Says::Raised {
        number,
        kind: Raise::Question,
        text: "When?".to_owned(),
        due: Minutes(0),
    }
}

pub(super) fn reading(generation: u32) -> Says {
    let reading = Reading {
        relay: "relay.example".to_owned(),
        channel: ChannelId([51; 32]),
        generation,
        secret: secret(generation.to_le_bytes()[0]),
    };
    Says::Reading(Box::new(reading), secret(99))
}

pub(super) fn body_of(body: &Body) -> BodyId {
    body.state().genesis.body()
}

/// Whether a letter was read and does not count.
pub(super) fn is_void(outcome: &Outcome) -> bool {
    let Outcome::Done(effects) = outcome else {
        return false;
    };
    matches!(effects[..], [Effect::Between { void: true, .. }])
}

impl Body {
    /// A body that has nothing to do with others yet.
    pub(super) fn alone(number: u32, change: impl Fn(&mut Charter)) -> Self {
        Self::of(4, number, change)
    }

    pub(super) fn of(people: u32, number: u32, change: impl Fn(&mut Charter)) -> Self {
        let mut genesis = genesis();
        genesis.label = Name::new(["North", "South", "East", "West"][number as usize]).unwrap();
        genesis.nonce = Nonce([number.to_le_bytes()[0]; 16]);
        let powers = &mut genesis.charter.keyholder.powers;
        powers.push(Power::Announce);
        change(&mut genesis.charter);
        genesis.charter.check().unwrap();
        let mut world = World::new();
        world.intents = number * 100_000;
        world.state = State::found(genesis, ChannelId([number.to_le_bytes()[0]; 32]));
        (1..people).for_each(|seed| world.joins(seed));
        Self { world, number }
    }

    /// A body with a root key that both keyholders have, a sealing key, a bulletin, and the founder for its editor.
    pub(super) fn with(number: u32, change: impl Fn(&mut Charter)) -> Self {
        let mut body = Self::alone(number, change);
        body.roots(0, true);
        body.holds_root(0);
        body.entrusts(0, 1);
        body.done(0, naming(&body, sealing(1)));
        body.turns();
        body.edits(0);
        body.signs_masthead();
        body
    }

    pub(super) fn new(number: u32) -> Self {
        Self::with(number, |_| ())
    }

    pub(super) fn step(&mut self, by: u32, step: Step) -> Outcome {
        self.world.does(by, &Deed::Between { step: Box::new(step) })
    }

    pub(super) fn done(&mut self, by: u32, step: Step) {
        let word = step.word();
        let outcome = self.step(by, step);
        assert!(is_done(&outcome), "{word}: {outcome:?}");
    }

    pub(super) fn state(&self) -> &State {
        &self.world.state
    }

    /// Its root key of this number.
    pub(super) fn root(&self, number: u32) -> SigningKey {
        key(10_000 * (self.number + 1) + number)
    }

    pub(super) fn root_number(&self) -> u32 {
        self.state().between.house().map_or(0, |house| house.root.number)
    }

    /// The next root key, chained to the one before or not.
    pub(super) fn next_root(&self, chained: bool) -> Step {
        let number = self.root_number() + 1;
        let key = PersonaPublic(self.root(number).verifying_key().to_bytes());
        let root = RootKey { number, key };
        let digest = root.digest(&self.state().genesis.body());
        let chain = (chained && number > 1).then(|| sign(&self.root(number - 1), &digest));
        let proof = sign(&self.root(number), &digest);
        Step::Root { root, proof, chain }
    }

    pub(super) fn roots(&mut self, by: u32, chained: bool) {
        let step = self.next_root(chained);
        self.done(by, step);
    }

    pub(super) fn holds_root(&mut self, by: u32) {
        let sealing = sealing(2);
        self.done(by, Step::Custody { sealing });
    }

    pub(super) fn entrusting(&self, to: u32) -> Step {
        Step::Entrust {
            to: persona(to),
            root: self.root_number(),
            sealed: vec![7; 100],
        }
    }

    pub(super) fn entrusts(&mut self, by: u32, to: u32) {
        self.holds_root(to);
        let step = self.entrusting(to);
        self.done(by, step);
    }

    /// The key that somebody publishes by.
    pub(super) fn pen(&self, seed: u32) -> u32 {
        10_000 * (self.number + 1) + 5_000 + seed
    }

    pub(super) fn edits(&mut self, seed: u32) {
        let key = public(self.pen(seed));
        self.done(seed, Step::Editor { key });
    }

    /// The masthead after the one of now, signed by the root key.
    pub(super) fn masthead(&self, editors: Vec<Editor>) -> SignedMasthead {
        let house = self.state().between.house().unwrap();
        let number = house.masthead.as_ref().map_or(0, |known| known.masthead.number) + 1;
        let masthead = Masthead {
            body: self.state().genesis.body(),
            number,
            editors,
        };
        let digest = SignedMasthead::digest(&masthead).unwrap();
        SignedMasthead {
            masthead,
            root: house.root.number,
            signature: sign(&self.root(house.root.number), &digest),
        }
    }

    pub(super) fn signs_masthead(&mut self) {
        let holders = self.state().holders(Power::Link);
        let by = (0..20).find(|seed| holders.contains(&persona(*seed))).unwrap();
        let signed = Box::new(self.masthead(self.state().editors_due()));
        self.done(by, Step::Masthead { signed });
    }

    /// The masthead of now.
    pub(super) fn known_masthead(&self) -> SignedMasthead {
        let house = self.state().between.house().unwrap();
        house.masthead.clone().unwrap()
    }

    pub(super) fn turning(&self, generation: u32) -> Step {
        let reading = Reading {
            relay: "relay.example".to_owned(),
            channel: ChannelId([50; 32]),
            generation,
            secret: secret(generation.to_le_bytes()[0]),
        };
        Step::Turn {
            reading: Box::new(reading),
            publishing: secret(60),
        }
    }

    pub(super) fn generation(&self) -> u32 {
        let bulletin = self.state().between.house().unwrap().bulletin.as_ref();
        bulletin.map_or(0, |bulletin| bulletin.reading.generation)
    }

    pub(super) fn turns(&mut self) {
        let step = self.turning(self.generation() + 1);
        self.done(0, step);
    }

    /// Where letters to it come in.
    pub(super) fn end(&self) -> End {
        End {
            relay: "relay.example".to_owned(),
            drop: ChannelId([self.number.to_le_bytes()[0] + 100; 32]),
            append: secret(61),
            read: secret(62),
        }
    }

    /// An offer by its next act, for a week.
    pub(super) fn an_offer(&self, terms: Terms) -> Offer {
        Offer {
            link: intent(self.world.intents + 1),
            card: self.state().card(&self.end(), false).unwrap(),
            terms,
            expires: Minutes(self.state().now().0 + 7 * 24 * 60),
        }
    }

    pub(super) fn signed(&self, offer: Offer) -> SignedOffer {
        let digest = SignedOffer::digest(&offer).unwrap();
        let signature = sign(&self.root(self.root_number()), &digest);
        SignedOffer { offer, signature }
    }

    pub(super) fn offering(signed: &SignedOffer) -> Step {
        Step::Offer {
            signed: Box::new(signed.clone()),
            read: secret(62),
        }
    }

    pub(super) fn offers(&mut self, terms: Terms) -> SignedOffer {
        let signed = self.signed(self.an_offer(terms));
        self.done(0, Self::offering(&signed));
        signed
    }

    pub(super) fn accepting(&self, signed: &SignedOffer) -> Step {
        Step::Accept {
            signed: Box::new(signed.clone()),
            ours: Box::new(self.end()),
        }
    }

    pub(super) fn accepts(&mut self, signed: &SignedOffer) {
        let step = self.accepting(signed);
        self.done(0, step);
    }

    pub(super) fn link(&self, number: u32) -> &Link {
        self.state().between.links.get(&number).unwrap()
    }

    /// Its latest link with another body.
    pub(super) fn link_with(&self, other: &Self) -> u32 {
        let mut links = self.state().between.links.iter().rev();
        let common = |id| other.state().between.link(id).is_some();
        let link = links.find(|(_, link)| common(&link.id));
        link.map(|(number, _)| *number).unwrap()
    }

    pub(super) fn sign_letter(&self, letter: Letter, root: u32) -> SignedLetter {
        let digest = SignedLetter::digest(&letter).unwrap();
        let signature = sign(&self.root(root), &digest);
        SignedLetter { letter, signature }
    }

    /// A letter of its log, by the root key that the other knows when it comes to it.
    pub(super) fn letter(&self, to: &Self, number: u64) -> SignedLetter {
        let letter = self.state().letter(self.link_with(to), number).unwrap();
        let known = to.link(to.link_with(self)).peer.as_ref();
        let root = known.map_or(self.root_number(), |peer| peer.card.root.number);
        self.sign_letter(letter, root)
    }

    /// A letter that is none of its log: what a dishonest holder of its root key writes as the next one.
    pub(super) fn next_letter(&self, to: &Self, says: Says) -> Letter {
        Letter {
            link: self.link(self.link_with(to)).id,
            from: self.state().genesis.body(),
            number: to.link(to.link_with(self)).heard + 1,
            heard: 0,
            published: 0,
            says,
        }
    }

    pub(super) fn hears(&mut self, from: &Self, signed: &SignedLetter) -> Outcome {
        let link = self.link_with(from);
        let signed = Box::new(signed.clone());
        self.step(2, Step::Hear { link, signed })
    }

    /// What another body says to it, whatever its log says.
    pub(super) fn is_told(&mut self, by: &Self, says: Says) -> Outcome {
        let letter = by.sign_letter(by.next_letter(self, says), by.root_number());
        self.hears(by, &letter)
    }

    /// An entry of its bulletin, signed by an editor.
    pub(super) fn published(&self, number: u64, editor: u32) -> SignedEntry {
        self.sign_entry(self.state().entry(number).unwrap(), editor)
    }

    pub(super) fn sign_entry(&self, entry: Entry, editor: u32) -> SignedEntry {
        let masthead = self.known_masthead().masthead.number;
        let pen = self.pen(editor);
        SignedEntry {
            signature: sign(&key(pen), &entry.digest(masthead).unwrap()),
            entry,
            masthead,
            key: public(pen),
        }
    }

    pub(super) fn posted(&self, number: u64) -> Posted {
        Posted::Entry(self.published(number, 0))
    }

    pub(super) fn carrying(&self, from: &Self, signed: SignedEntry) -> Step {
        Step::Carry {
            link: self.link_with(from),
            masthead: Box::new(from.known_masthead()),
            signed: Box::new(signed),
        }
    }
}

/// Carries every letter that waits.
pub(super) fn post(from: &Body, to: &mut Body) {
    let number = from.link_with(to);
    let link = from.link(number);
    let heard = to.link(to.link_with(from)).heard;
    for letter in link.acked.max(heard) + 1..=link.sent {
        let outcome = to.hears(from, &from.letter(to, letter));
        assert!(is_done(&outcome), "{letter}: {outcome:?}");
    }
}

/// Says how far the other's letters were read.
fn acknowledge(from: &Body, to: &mut Body) {
    if from.link(from.link_with(to)).heard > to.link(to.link_with(from)).acked {
        let outcome = to.hears(from, &from.letter(to, 0));
        assert!(is_done(&outcome), "{outcome:?}");
    }
}

/// Carries letters both ways until all are read.
pub(super) fn post_all(a: &mut Body, b: &mut Body) {
    for _ in 0..3 {
        post(a, b);
        acknowledge(b, a);
        post(b, a);
        acknowledge(a, b);
    }
}

/// Links two bodies, each with its first link of these.
pub(super) fn link(a: &mut Body, b: &mut Body, terms: Terms) {
    let offer = a.offers(terms);
    b.accepts(&offer);
    post(b, a);
    post_all(a, b);
}

/// North and South, linked.
pub(super) fn linked(terms: Terms) -> (Body, Body) {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    link(&mut north, &mut south, terms);
    (north, south)
}
