//! The state root (law 16): a Merkle tree over the ordered records of the state. Personal records go in by
//! their hashes.

use serde::Serialize;

use crate::codec;
use crate::id::StateRoot;
use crate::label::{Label, hash};
use crate::org::state::{LARGEST_SNAPSHOT, State};

impl State {
    /// The root of this state. Two states are equal exactly if their roots are.
    #[must_use]
    pub fn root(&self) -> StateRoot {
        let people = self.people.iter().map(leaf);
        let invites = self.invites.iter().map(leaf);
        let facts = leaf((
            &self.genesis,
            &self.channel,
            self.position,
            self.floor,
            &self.clock,
            (self.next_invite, self.next_person, self.access, self.answered),
        ));
        let tables = [tree(people.collect()), tree(invites.collect())];
        let [people, invites] = tables;
        StateRoot(hash(Label::StateRoot, &[&facts, &people, &invites]))
    }
}

fn leaf<T: Serialize>(record: T) -> [u8; 32] {
    // A record is bounded by the acts that made it, far below the limit.
    hash(
        Label::StateLeaf,
        &[&codec::encode(&record, LARGEST_SNAPSHOT).unwrap_or_default()],
    )
}

fn tree(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    let count = level.len() as u64;
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => hash(Label::StateNode, &[left, right]),
                [single] => *single,
                _ => [0; 32],
            })
            .collect();
    }
    let top = level.first().copied().unwrap_or_default();
    hash(Label::StateNode, &[&count.to_be_bytes(), &top])
}
