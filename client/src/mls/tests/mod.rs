//! Stories about groups.

use caucus_proto::id::{BodyId, ChannelId, Counter, PersonaId, RoomId};
use caucus_proto::org::{CommitOps, SeatKept, SuiteChoice};
use tempfile::TempDir;

use super::*;
use crate::vault::{Cost, Overlay, Passphrase, Vault};

mod attack;
pub(crate) mod forge;
mod fuzz;
mod leaf;
mod life;
mod race;
pub(crate) mod raw;
mod secret;
mod store;

const BOTH: [SuiteChoice; 2] = [SuiteChoice::Hybrid, SuiteChoice::Classical];

/// A person with a vault of their own.
struct Member {
    home: TempDir,
    vault: Vault,
    persona: PersonaKeys,
}

fn room() -> RoomId {
    RoomId::of(&BodyId([7; 32]), "members")
}

fn channel() -> ChannelId {
    ChannelId([9; 32])
}

fn passphrase() -> Passphrase {
    Passphrase::new("right".into())
}

impl Member {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let vault = Vault::create(&home.path().join("home"), &passphrase(), Cost::new(8, 1, 1)).unwrap();
        Self {
            home,
            vault,
            persona: PersonaKeys::generate().unwrap(),
        }
    }

    /// A person who founded the room.
    fn founder(suite: SuiteChoice) -> Self {
        let member = Self::new();
        let overlay = member.vault.overlay();
        Group::found(&overlay, &room(), suite, &member.persona).unwrap();
        overlay.commit().unwrap();
        member
    }

    /// Closes the vault and opens it again.
    fn restarts(mut self) -> Self {
        let path = self.home.path().join("home");
        drop(std::mem::replace(&mut self.vault, spare_vault().1));
        self.vault = Vault::open(&path, &passphrase()).unwrap();
        self
    }

    fn id(&self) -> PersonaId {
        self.persona.id()
    }

    fn group(&self) -> Group {
        Group::load(&self.vault.overlay(), &room()).unwrap().unwrap()
    }

    /// Does something with the group and commits it.
    fn act<T>(&self, deed: impl FnOnce(&mut Group, &Overlay) -> T) -> T {
        let overlay = self.vault.overlay();
        let mut group = Group::load(&overlay, &room()).unwrap().unwrap();
        let done = deed(&mut group, &overlay);
        overlay.commit().unwrap();
        done
    }

    fn key_package(&self, suite: SuiteChoice) -> KeyPackageMade {
        let overlay = self.vault.overlay();
        let made = make_key_package(&overlay, &self.persona, suite, &room()).unwrap();
        overlay.commit().unwrap();
        made
    }

    fn says(&self, text: &str) -> Vec<u8> {
        self.act(|group, overlay| group.seal(overlay, text.as_bytes()).unwrap())
    }

    /// Processes without committing anything.
    fn tries(&self, bytes: &[u8]) -> Result<Incoming, MlsError> {
        self.group().process(&self.vault.overlay(), bytes)
    }

    fn refuses(&self, bytes: &[u8]) -> Refusal {
        match self.tries(bytes) {
            Err(MlsError::Unprocessable(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn hears(&self, bytes: &[u8]) -> (PersonaId, String) {
        self.act(|group, overlay| match group.process(overlay, bytes).unwrap() {
            Incoming::Message { author, plaintext } => (author, String::from_utf8(plaintext).unwrap()),
            other => panic!("no message: {other:?}"),
        })
    }

    /// Stages a commit, which stays pending.
    fn commits(&self, adds: &[&KeyPackageMade], removes: &[PersonaId], path: bool) -> Staged {
        let adds: Vec<_> = adds.iter().map(|made| made.bytes.clone()).collect();
        self.act(|group, overlay| group.stage(overlay, &self.persona, &adds, removes, path).unwrap())
    }

    /// Merges what is pending: the relay took it.
    fn lands(&self) {
        self.act(|group, overlay| group.merge_own(overlay).unwrap());
    }

    /// Processes a commit and merges it.
    fn follows(&self, bytes: &[u8]) -> (PersonaId, CommitOps) {
        self.act(|group, overlay| match group.process(overlay, bytes).unwrap() {
            Incoming::Commit(commit) => {
                let seen = (commit.author, commit.ops.clone());
                group.merge(overlay, *commit).unwrap();
                seen
            }
            other => panic!("no commit: {other:?}"),
        })
    }

    fn try_join(&self, staged: &Staged) -> Result<Joined, MlsError> {
        let overlay = self.vault.overlay();
        let (welcome, tree) = (staged.welcome.as_ref().unwrap(), staged.tree.as_ref().unwrap());
        let joined = Group::join(&overlay, &room(), &self.id(), welcome, tree, &Bearers::default())?;
        overlay.commit().unwrap();
        Ok(joined)
    }

    fn joins(&self, staged: &Staged) -> Joined {
        self.try_join(staged).unwrap()
    }
}

/// A vault of nobody's, and the folder it lies in.
fn spare_vault() -> (TempDir, Vault) {
    let member = Member::new();
    (member.home, member.vault)
}

/// People of one room: the first founded it and added the others in one commit.
fn people(suite: SuiteChoice, count: usize) -> Vec<Member> {
    let founder = Member::founder(suite);
    let others: Vec<_> = (1..count).map(|_| Member::new()).collect();
    let packages: Vec<_> = others.iter().map(|other| other.key_package(suite)).collect();
    let staged = founder.commits(&packages.iter().collect::<Vec<_>>(), &[], false);
    founder.lands();
    for other in &others {
        other.joins(&staged);
    }
    std::iter::once(founder).chain(others).collect()
}

fn pair(suite: SuiteChoice) -> [Member; 2] {
    people(suite, 2).try_into().ok().unwrap()
}

/// Everybody is in one epoch of one history.
fn agree(people: &[&Member]) {
    let first = people[0].group();
    for other in people {
        let group = other.group();
        assert_eq!(group.epoch(), first.epoch());
        assert_eq!(group.authenticator_hash(), first.authenticator_hash());
        assert_eq!(group.roster(), first.roster());
        let access = group.access(&channel(), Counter(4)).unwrap();
        assert!(access == first.access(&channel(), Counter(4)).unwrap());
    }
}
