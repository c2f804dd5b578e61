//! What a commit may hold, on the way in and on the way out: inline Add and Remove proposals and nothing
//! else, a path wherever it does more than add, certified leaves. A persona has one leaf, and from a renewal until
//! the next removal its older ones: who may be renewed is for the machine to say.

use std::collections::BTreeSet;

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::org::{CommitOps, SeatAdded, SeatKept, SuiteChoice};
use openmls::prelude::{LeafNodeIndex, PublicGroup};

use crate::mls::bearers::Bearers;
use crate::mls::certificate::Certificate;
use crate::mls::error::Refusal;
use crate::mls::framing::{Commit, Proposal};
use crate::mls::key_package::read_key_package;
use crate::mls::suite;

/// Judges a commit by the holder of a leaf against the tree before it.
pub(super) fn judge(
    commit: &Commit,
    author: LeafNodeIndex,
    room: &RoomId,
    suite: SuiteChoice,
    tree: &PublicGroup,
    bearers: &Bearers,
) -> Result<CommitOps, Refusal> {
    let persona = holder(tree, bearers, author).ok_or(Refusal::Signature)?;
    let mut ops = CommitOps::default();
    let mut removed = BTreeSet::new();
    for proposal in &commit.proposals {
        match proposal {
            Proposal::Add(key_package) => {
                let view = read_key_package(key_package, suite, room)?;
                ops.adds.push(SeatAdded {
                    persona: bearers.of(&view.key),
                    key_package: view.hash,
                    leaf: view.leaf,
                    key: view.key,
                });
            }
            Proposal::Remove(leaf) if *leaf != author && removed.insert(*leaf) => {}
            Proposal::Remove(_) => return Err(Refusal::Removal),
            Proposal::Other => return Err(Refusal::Proposal),
        }
    }
    removals(&mut ops, &removed, tree, bearers)?;
    let adds: BTreeSet<_> = ops.adds.iter().map(|add| add.persona).collect();
    if adds.len() != ops.adds.len() {
        return Err(Refusal::Seat);
    }
    let only_adds = removed.is_empty() && !ops.adds.is_empty();
    if commit.path.is_none() && !only_adds {
        return Err(Refusal::Commit);
    }
    if let Some(leaf) = &commit.path {
        let key = leaf.certify(room, suite::ciphersuite(suite))?;
        if bearers.of(&key) != persona {
            return Err(Refusal::Persona);
        }
        ops.path = Some(key);
    }
    Ok(ops)
}

/// Of whom the removals leave no leaf, and of whom one. More than one stays of nobody whom they touch.
fn removals(
    ops: &mut CommitOps,
    removed: &BTreeSet<LeafNodeIndex>,
    tree: &PublicGroup,
    bearers: &Bearers,
) -> Result<(), Refusal> {
    let mut touched = BTreeSet::new();
    for leaf in removed {
        touched.insert(holder(tree, bearers, *leaf).ok_or(Refusal::Removal)?);
    }
    for persona in touched {
        let leaves = leaves_of(tree, bearers, &persona);
        let mut kept = leaves.iter().filter(|(index, _)| !removed.contains(index));
        match (kept.next(), kept.next()) {
            (None, _) => ops.removes.push(persona),
            (Some((_, leaf)), None) => ops.older.push(SeatKept { persona, leaf: *leaf }),
            _ => return Err(Refusal::Removal),
        }
    }
    Ok(())
}

/// Who holds a leaf.
pub(super) fn holder(tree: &PublicGroup, bearers: &Bearers, leaf: LeafNodeIndex) -> Option<PersonaId> {
    let key = Certificate::key(tree.leaf(leaf)?.credential()).ok()?;
    Some(bearers.of(&key))
}

/// The leaves that a persona holds, each with its signature key: more than one only from a renewal until the
/// older ones are removed.
pub(super) fn leaves_of(
    tree: &PublicGroup,
    bearers: &Bearers,
    persona: &PersonaId,
) -> Vec<(LeafNodeIndex, [u8; 32])> {
    tree.members()
        .filter(|member| Certificate::key(&member.credential).is_ok_and(|key| bearers.of(&key) == *persona))
        .filter_map(|member| Some((member.index, member.signature_key.as_slice().try_into().ok()?)))
        .collect()
}
