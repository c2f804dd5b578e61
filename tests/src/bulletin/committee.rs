//! The committee: one person, one device, one relay.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use caucus_client::app::{Answer, BoardView, Intent, ItemWord, KindWord, PriorityWord, SendsWord};
use caucus_client::charter;
use caucus_client::engine::{LiveRoom, OfferLink};
use caucus_proto::org::between::SignedOffer;
use caucus_proto::org::{Kind, State};

use crate::harness::Person;
use crate::process::RelayProcess;

/// The relay's defaults, but that a thousand drops are made within a minute.
const CONFIG: &str = "[limits]
creates_per_second = 100000
";

const BODY: &str = "Council";

/// Words of the directive: as long as a page.
const WORDS: usize = 2_000;

pub(super) struct Committee {
    pub(super) relay: RelayProcess,
    pub(super) ana: Person,
    live: Arc<LiveRoom>,
}

impl Committee {
    pub(super) async fn new(folder: &Path) -> Self {
        let data = folder.join("relay");
        DirBuilder::new().mode(0o700).create(&data).expect("a folder");
        fs::write(data.join("relay.toml"), CONFIG).expect("a file");
        let relay = RelayProcess::start(&data);
        let ana = Person::new("ana", &folder.join("ana")).await;
        ana.add_relay(relay.address()).await;
        let charter = charter::shipped(Kind::Committee).to_owned();
        ana.found_by(KindWord::Committee, BODY, Some(charter)).await;
        let live = ana.app.engine().expect("it is open").rooms().remove(0);
        Self { relay, ana, live }
    }

    /// Looks at the state.
    pub(super) fn see<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(self.live.room().state())
    }

    /// Offers a link.
    pub(super) async fn offers(&self) -> OfferLink {
        let intent = Intent::OfferLink {
            body: BODY.to_owned(),
            we: SendsWord {
                announcements: true,
                directives: true,
                reports: false,
            },
            they: SendsWord {
                announcements: false,
                directives: false,
                reports: true,
            },
            minutes: 7 * 24 * 60,
        };
        match self.ana.ask(intent).await {
            Answer::LinkOffered { offer, .. } => offer.parse().expect("an offer"),
            other => panic!("{other:?}"),
        }
    }

    /// Issues a directive to all.
    pub(super) async fn directs(&self) -> u32 {
        let item = ItemWord::Directive {
            title: "Count the tenants".to_owned(),
            text: "Go from door to door. ".repeat(WORDS / 22),
            due: None,
            acknowledge: None,
            priority: PriorityWord::High,
            form: Vec::new(),
            replaces: None,
        };
        let intent = Intent::Issue {
            body: BODY.to_owned(),
            item,
            to: Vec::new(),
        };
        match self.ana.ask(intent).await {
            Answer::Issued { number, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    /// The board, as a person asks for it.
    pub(super) async fn board(&self, number: u32) -> BoardView {
        let intent = Intent::Board {
            body: BODY.to_owned(),
            number: Some(number),
            all: true,
        };
        match self.ana.ask(intent).await {
            Answer::Board { mut boards, .. } => boards.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Ends the link with a body.
    pub(super) async fn ends(&self, with: &str) {
        let intent = Intent::EndLink {
            body: BODY.to_owned(),
            link: with.to_owned(),
            reason: String::new(),
        };
        assert_eq!(self.ana.ask(intent).await, Answer::Done {});
    }
}

/// The offer that a text leads to.
pub(super) fn read(bytes: &[u8]) -> SignedOffer {
    caucus_proto::codec::decode(bytes, caucus_proto::codec::LIMIT).expect("an offer")
}
