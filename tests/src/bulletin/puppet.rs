//! Another body, as light as it can be: the state of a body of one person, its keys, its drop.

use std::sync::LazyLock;

use caucus_client::charter;
use caucus_client::engine::{Recipient, open_under, seal};
use caucus_client::mls::PersonaKeys;
use caucus_proto::codec;
use caucus_proto::id::{ChannelId, IntentId, Minutes, Nonce, Position};
use caucus_proto::label::Label;
use caucus_proto::org::between::{
    Answer, Editor, End, Item, LinkSecret, LinkStep, Masthead, Peer, Reading, RootKey, Says, SignedEntry,
    SignedLetter, SignedMasthead, SignedOffer,
};
use caucus_proto::org::{Act, At, Charter, Deed, Genesis, Input, Kind, Name, Outcome, State, SuiteChoice};

use super::lines::{Came, public, random};

/// Its only link.
const LINK: u32 = 1;

/// A body.
pub(super) struct Puppet {
    pub(super) name: String,
    state: State,
    person: PersonaKeys,
    root: PersonaKeys,
    access: Recipient,
    /// What comes into its drop.
    pub(super) came: Option<Came>,
    /// Letters that were written, up to this number.
    written: u64,
}

fn of_a_cell() -> &'static Charter {
    static CHARTER: LazyLock<Charter> =
        LazyLock::new(|| charter::read(charter::shipped(Kind::Cell)).expect("a charter"));
    &CHARTER
}

impl Puppet {
    /// Founds a body and gives it what it speaks by.
    pub(super) fn new(number: usize, now: Minutes) -> Self {
        let (person, root, editor) = (keys(), keys(), keys());
        let name = format!("Cell {number}");
        let genesis = Genesis {
            kind: Kind::Cell,
            label: Name::new(&name).expect("a name"),
            suite: SuiteChoice::Hybrid,
            founder: person.public(),
            founder_name: Name::new("Ben").expect("a name"),
            control: public(random()),
            founded: now,
            charter: of_a_cell().clone(),
            nonce: Nonce(random()),
        };
        let body = genesis.body();
        let access = Recipient::new(random());
        let mut puppet = Self {
            name,
            state: State::found(genesis, ChannelId(random())),
            person,
            root,
            access,
            came: None,
            written: 0,
        };
        let root = RootKey {
            number: 1,
            key: puppet.root.public(),
        };
        let proof = puppet.root.sign(&root.digest(&body));
        puppet.does(LinkStep::Root {
            root,
            proof,
            chain: None,
        });
        let sealing = Recipient::new(random()).public();
        puppet.does(LinkStep::Custody { sealing });
        puppet.does(LinkStep::Sealing {
            access: puppet.state.access,
            public: puppet.access.public(),
        });
        puppet.does(LinkStep::Editor { key: editor.public() });
        let editors: Vec<Editor> = puppet.state.editors_due();
        let masthead = Masthead {
            body,
            number: 1,
            editors,
        };
        let signature = puppet
            .root
            .sign(&SignedMasthead::digest(&masthead).expect("small"));
        let signed = Box::new(SignedMasthead {
            masthead,
            root: 1,
            signature,
        });
        puppet.does(LinkStep::Masthead { signed });
        puppet
    }

    fn does(&mut self, step: LinkStep) {
        let word = step.word();
        let deed = Deed::Between { step: Box::new(step) };
        let act = Act::new(IntentId(random()), self.state.position, &deed).expect("small");
        let act = codec::encode(&act, codec::LIMIT).expect("small");
        let at = At {
            position: self.state.position.next(),
            flagged: false,
            cut: false,
            seen: Position(0),
        };
        let author = Some((self.person.id(), self.state.now()));
        let outcome = self.state.apply(at, author, &Input::Act(&act));
        assert!(
            matches!(outcome, Outcome::Done(_)),
            "{}: {word}: {outcome:?}",
            self.name
        );
    }

    /// Accepts an offer, with a drop of its own.
    pub(super) fn accepts(&mut self, signed: SignedOffer, ours: End) {
        assert!(signed.is_signed().is_ok());
        self.does(LinkStep::Accept {
            signed: Box::new(signed),
            ours: Box::new(ours),
        });
    }

    /// The other body.
    pub(super) fn peer(&self) -> &Peer {
        self.state.between.links[&LINK].peer.as_ref().expect("a body")
    }

    /// What opens the bulletin, if it has come.
    pub(super) fn reading(&self) -> Option<(Reading, LinkSecret)> {
        let peer = self.peer();
        let (_, secret) = peer.keys.back()?;
        Some((peer.card.bulletin.clone()?, secret.clone()))
    }

    /// Letters that were not written yet, sealed.
    pub(super) fn letters(&mut self) -> Vec<Vec<u8>> {
        let link = &self.state.between.links[&LINK];
        let (first, last) = (self.written.max(link.acked) + 1, link.sent);
        self.written = self.written.max(last);
        (first..=last).map(|number| self.sealed(number)).collect()
    }

    fn sealed(&self, number: u64) -> Vec<u8> {
        let card = &self.peer().card;
        let letter = self.state.letter(LINK, number).expect("a letter");
        let signature = self.root.sign(&SignedLetter::digest(&letter).expect("small"));
        let signed = SignedLetter { letter, signature };
        seal(&card.sealing, Label::SealedLetter, &card.drop, &signed).expect("sealed")
    }

    /// Opens a letter as it lay in the drop, and takes it in. What it says.
    pub(super) fn hears(&mut self, bytes: &[u8]) -> Says {
        let drop = self.state.between.links[&LINK].ours.drop;
        let sealed = self.access.open(Label::SealedLetter, &drop, bytes).ok();
        let signed = sealed.or_else(|| open_under(self.peer(), &drop, bytes));
        let signed: SignedLetter = signed.expect("it opens");
        let says = signed.letter.says.clone();
        self.does(LinkStep::Hear {
            link: LINK,
            signed: Box::new(signed),
        });
        says
    }

    /// The next thing in its drop.
    pub(super) async fn next(&mut self) -> (std::time::Instant, caucus_proto::wire::Entry) {
        let came = self.came.as_mut().expect("a drop");
        came.recv().await.expect("its drop is read")
    }

    /// What is in its drop already, if anything is.
    pub(super) fn there(&mut self) -> Option<(std::time::Instant, caucus_proto::wire::Entry)> {
        self.came.as_mut()?.try_recv().ok()
    }

    /// Carries a directive of the bulletin into its log, which says that it was received, and acknowledges it.
    pub(super) fn acknowledges(&mut self, masthead: &SignedMasthead, signed: &SignedEntry) {
        let directive = signed.entry.item_number;
        assert!(matches!(signed.entry.item, Item::Order(_)));
        self.does(LinkStep::Carry {
            link: LINK,
            masthead: Box::new(masthead.clone()),
            signed: Box::new(signed.clone()),
        });
        self.does(LinkStep::Answer {
            link: LINK,
            directive,
            answer: Box::new(Answer::Acknowledged),
        });
    }
}

fn keys() -> PersonaKeys {
    PersonaKeys::generate().expect("a key")
}
