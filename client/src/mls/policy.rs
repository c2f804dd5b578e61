//! What a commit may hold, on the way in and on the way out: inline Add and Remove proposals and nothing
//! else, a path wherever it does more than add, certified leaves, one leaf for a persona.

use std::collections::BTreeSet;

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::org::{CommitOps, SeatAdded, SuiteChoice};
use openmls::prelude::{LeafNodeIndex, PublicGroup};

use crate::mls::certificate::Certificate;
use crate::mls::error::Refusal;
use crate::mls::framing::{Commit, Proposal};
use crate::mls::key_package::read_key_package;
use crate::mls::suite;

/// Judges a commit against the tree before it.
pub(super) fn judge(
    commit: &Commit,
    author: &PersonaId,
    room: &RoomId,
    suite: SuiteChoice,
    tree: &PublicGroup,
) -> Result<CommitOps, Refusal> {
    let mut ops = CommitOps {
        path: commit.path.is_some(),
        ..CommitOps::default()
    };
    for proposal in &commit.proposals {
        match proposal {
            Proposal::Add(key_package) => {
                let view = read_key_package(key_package, suite, room)?;
                ops.adds.push(SeatAdded {
                    persona: view.persona,
                    key_package: view.hash,
                });
            }
            Proposal::Remove(leaf) => ops.removes.push(holder(tree, *leaf).ok_or(Refusal::Removal)?),
            Proposal::Other => return Err(Refusal::Proposal),
        }
    }
    seats(&ops, author, tree)?;
    if let Some(leaf) = &commit.path
        && leaf.persona(room, suite::ciphersuite(suite))? != *author
    {
        return Err(Refusal::Persona);
    }
    Ok(ops)
}

/// Who holds a leaf.
pub(super) fn holder(tree: &PublicGroup, leaf: LeafNodeIndex) -> Option<PersonaId> {
    tree.leaf(leaf)
        .and_then(|leaf| Certificate::persona(leaf.credential()).ok())
}

/// The leaf that a persona holds.
pub(super) fn leaf_of(tree: &PublicGroup, persona: &PersonaId) -> Option<LeafNodeIndex> {
    tree.members()
        .find(|member| Certificate::persona(&member.credential).as_ref() == Ok(persona))
        .map(|member| member.index)
}

/// Whether the persons fit: nobody twice, nobody who is there, and the author stays.
fn seats(ops: &CommitOps, author: &PersonaId, tree: &PublicGroup) -> Result<(), Refusal> {
    let only_adds = ops.removes.is_empty() && !ops.adds.is_empty();
    if !ops.path && !only_adds {
        return Err(Refusal::Commit);
    }
    let removed: BTreeSet<_> = ops.removes.iter().collect();
    if removed.len() != ops.removes.len() || removed.contains(author) {
        return Err(Refusal::Removal);
    }
    let mut seated: BTreeSet<_> = tree
        .members()
        .filter_map(|member| Certificate::persona(&member.credential).ok())
        .filter(|persona| !removed.contains(persona))
        .collect();
    if ops.adds.iter().all(|add| seated.insert(add.persona)) {
        return Ok(());
    }
    Err(Refusal::Seat)
}
