//! The bodies that a person is in or linked with, and what is thought of a root key that somebody else names for one.

use std::collections::BTreeMap;

use caucus_proto::id::BodyId;
use caucus_proto::org::PersonaPublic;
use caucus_proto::org::between::{Forwarded, Masthead, RootKey};

use crate::engine::{EngineError, Room};

/// The bodies that this person is in or linked with.
#[derive(Default)]
pub(super) struct Acquaintance(pub(super) BTreeMap<BodyId, Known>);

/// One of them.
pub(super) struct Known {
    pub(super) name: String,
    /// Its root key, if it has one.
    pub(super) root: Option<RootKey>,
    /// Who may publish for it, as this device knows.
    pub(super) masthead: Option<Masthead>,
    /// This person is in it.
    pub(super) own: bool,
    /// It is heard.
    pub(super) live: bool,
}

/// By whose keys somebody forwards something.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// Whose word it is.
    pub(super) body: BodyId,
    /// Its root key.
    pub(super) root: RootKey,
    /// Number of the masthead that it certifies.
    pub(super) masthead: u32,
    /// The editor's key.
    pub(super) key: PersonaPublic,
}

/// What is thought of the keys that somebody names for an origin.
pub(super) enum Trust {
    /// The root key is the one that is known.
    Known,
    /// It is, and whoever signed may publish no more: it was said before that, or never.
    Lapsed,
    /// Nobody knows another, or it may have come after the one that was known when the link ended.
    Word,
    /// It is one from before, or to come: the origin itself is heard.
    Unheard,
    /// It is another than the known one.
    Forged,
}

impl Origin {
    pub(super) const fn of(forwarded: &Forwarded) -> Self {
        Self {
            body: forwarded.body(),
            root: forwarded.root,
            masthead: forwarded.masthead.masthead.number,
            key: forwarded.key,
        }
    }
}

impl Known {
    fn newest(&self) -> u32 {
        self.masthead.as_ref().map_or(0, |masthead| masthead.number)
    }

    /// Whether a later masthead than the one that is named does without whoever signed.
    fn dismissed(&self, origin: &Origin) -> bool {
        let editors = self.masthead.iter().flat_map(|masthead| &masthead.editors);
        let mut may = editors.filter(|editor| editor.announces);
        self.newest() > origin.masthead && !may.any(|editor| editor.key == origin.key)
    }
}

impl Acquaintance {
    /// Learns whom a room's body is, and whom it is or was linked with.
    pub(super) fn learn(&mut self, room: &Room) -> Result<(), EngineError> {
        let state = room.state();
        let house = state.between.house();
        let signed = house.and_then(|house| house.masthead.as_ref());
        let name = state.genesis.label.to_string();
        let own = Known {
            name,
            root: house.map(|house| house.root),
            masthead: signed.map(|signed| signed.masthead.clone()),
            own: true,
            live: true,
        };
        self.meet(room.record().body, own);
        for (number, link) in &state.between.links {
            let Some(peer) = &link.peer else { continue };
            let cursor = room.feed_cursor(*number)?;
            let signed = cursor.and_then(|cursor| cursor.follower.masthead);
            let known = Known {
                name: peer.card.name.to_string(),
                root: Some(peer.card.root),
                masthead: signed.map(|signed| signed.masthead),
                own: false,
                live: link.live().is_some(),
            };
            self.meet(peer.card.body, known);
        }
        Ok(())
    }

    fn meet(&mut self, body: BodyId, known: Known) {
        let rank = |known: &Known| {
            let root = known.root.map_or(0, |root| root.number);
            (known.own, known.live, root, known.newest())
        };
        match self.0.get(&body) {
            Some(before) if rank(before) >= rank(&known) => {}
            _ => {
                self.0.insert(body, known);
            }
        }
    }

    /// What is thought of the keys that somebody names for a body.
    pub(super) fn trust(&self, origin: &Origin) -> Trust {
        let Some(known) = self.0.get(&origin.body) else {
            return Trust::Word;
        };
        let root = &origin.root;
        match known.root {
            Some(of) if of == *root && known.dismissed(origin) => Trust::Lapsed,
            Some(of) if of == *root => Trust::Known,
            Some(of) if of.number == root.number => Trust::Forged,
            None => Trust::Forged,
            Some(of) if known.live || root.number < of.number => Trust::Unheard,
            Some(_) => Trust::Word,
        }
    }

    /// What a body is called that is known: whoever forwards its word may call it anything.
    pub(super) fn name_of(&self, body: &BodyId) -> Option<&str> {
        self.0.get(body).map(|known| known.name.as_str())
    }

    /// Whether a body of this name is known, and this one is not.
    pub(super) fn has_another(&self, name: &str, body: &BodyId) -> bool {
        let same = |known: &Known| known.name.to_lowercase() == name.to_lowercase();
        !self.0.contains_key(body) && self.0.values().any(same)
    }

    /// Whether this person is in a body.
    pub(super) fn is_own(&self, body: &BodyId) -> bool {
        self.0.get(body).is_some_and(|known| known.own)
    }
}
