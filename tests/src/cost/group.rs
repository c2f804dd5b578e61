//! A member of a group as the client has it, over a vault.

use std::path::Path;

use caucus_client::mls::{Bearers, Group, Incoming, PersonaKeys, make_key_package};
use caucus_client::vault::{Cost, Overlay, Passphrase, Vault};
use caucus_proto::id::{BodyId, RoomId};
use caucus_proto::org::SuiteChoice;

/// The room of every group here.
pub(super) fn room() -> RoomId {
    RoomId::of(&BodyId([7; 32]), "members")
}

/// A persona with a vault; in no group yet.
pub(super) struct Outside {
    pub(super) vault: Vault,
    pub(super) persona: PersonaKeys,
}

/// A persona with a vault, in the group.
pub(super) struct Inside {
    pub(super) vault: Vault,
    persona: PersonaKeys,
    group: Group,
    /// What is read through where nothing is committed.
    overlay: Overlay,
    /// Each operation ends with a commit of the vault.
    pub(super) writes: bool,
}

impl Outside {
    /// With a fresh vault in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        let passphrase = Passphrase::new("right".to_owned());
        Self {
            vault: Vault::create(folder, &passphrase, Cost::new(8, 1, 1)).expect("a vault"),
            persona: PersonaKeys::generate().expect("a key"),
        }
    }

    /// A key package, whose private part is in the vault.
    pub(super) fn key_package(&self) -> Vec<u8> {
        let overlay = self.vault.overlay();
        let made = make_key_package(&overlay, &self.persona, SuiteChoice::Hybrid, &room());
        overlay.commit().expect("committed");
        made.expect("a key package").bytes
    }

    /// Alone in a new group.
    pub(super) fn founds(self) -> Inside {
        let overlay = self.vault.overlay();
        let group = Group::found(&overlay, &room(), SuiteChoice::Hybrid, &self.persona).expect("a group");
        self.enters(overlay, group)
    }

    /// In a group, by a welcome and its tree.
    pub(super) fn joins(self, welcome: &[u8], tree: &[u8]) -> Inside {
        let overlay = self.vault.overlay();
        let joined = Group::join(
            &overlay,
            &room(),
            &self.persona.id(),
            welcome,
            tree,
            &Bearers::default(),
        )
        .expect("it fits");
        self.enters(overlay, joined.group)
    }

    fn enters(self, overlay: Overlay, group: Group) -> Inside {
        overlay.commit().expect("committed");
        Inside {
            overlay: self.vault.overlay(),
            vault: self.vault,
            persona: self.persona,
            group,
            writes: false,
        }
    }
}

/// Key packages of so many people whom nobody will hear of again.
pub(super) fn packages(count: usize, folder: &Path) -> Vec<Vec<u8>> {
    let mut outside = Outside::new(folder);
    (0..count)
        .map(|_| {
            outside.persona = PersonaKeys::generate().expect("a key");
            // Nothing of it is committed.
            let overlay = outside.vault.overlay();
            make_key_package(&overlay, &outside.persona, SuiteChoice::Hybrid, &room())
                .expect("a key package")
                .bytes
        })
        .collect()
}

impl Inside {
    /// Does something with the group, and ends it as every operation ends.
    fn does<T>(&mut self, deed: impl FnOnce(&mut Group, &Overlay, &PersonaKeys) -> T) -> T {
        let done = deed(&mut self.group, &self.overlay, &self.persona);
        if self.writes {
            let overlay = std::mem::replace(&mut self.overlay, self.vault.overlay());
            overlay.commit().expect("committed");
            self.overlay = self.vault.overlay();
        }
        done
    }

    /// Adds these in one commit and merges it. Welcome and tree.
    pub(super) fn adds(&mut self, packages: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
        self.does(|group, overlay, persona| {
            let staged = group
                .stage(overlay, persona, packages, &[], false)
                .expect("a commit");
            group.merge_own(overlay).expect("pending");
            (staged.welcome.expect("a welcome"), staged.tree.expect("a tree"))
        })
    }

    /// Stages a commit with a path.
    pub(super) fn refreshes(&mut self) -> Vec<u8> {
        self.does(|group, overlay, persona| {
            let staged = group.stage(overlay, persona, &[], &[], true).expect("a commit");
            staged.message
        })
    }

    /// Merges the commit that was staged.
    pub(super) fn lands(&mut self) {
        self.does(|group, overlay, _| group.merge_own(overlay).expect("pending"));
    }

    /// Seals a message.
    pub(super) fn seals(&mut self, text: &[u8]) -> Vec<u8> {
        self.does(|group, overlay, _| group.seal(overlay, text).expect("a message"))
    }

    /// Takes in what another member made: a message, whose text it is, or a commit, which is merged.
    pub(super) fn processes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.does(
            |group, overlay, _| match group.process(overlay, bytes).expect("it opens") {
                Incoming::Message { plaintext, .. } => Some(plaintext),
                Incoming::Commit(commit) => {
                    group.merge(overlay, *commit).expect("a commit");
                    None
                }
                Incoming::Own => panic!("one's own"),
            },
        )
    }
}
