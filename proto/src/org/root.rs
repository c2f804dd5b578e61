//! The state root (law 16): a Merkle tree over the ordered records of the state. Personal records go in by
//! their hashes.

use crate::id::StateRoot;
use crate::label::{Label, hash};
use crate::org::principles::Wording;
use crate::org::records::leaf;
use crate::org::state::State;

impl State {
    /// The root of this state. Two states are equal exactly if their roots are.
    #[must_use]
    pub fn root(&self) -> StateRoot {
        let facts = leaf((
            &self.genesis,
            &self.channel,
            self.position,
            self.floor,
            &self.clock,
            (self.next_invite, self.next_person, self.access, self.answered),
            (&self.amended, &self.mandates, &self.turns),
            (self.begun, &self.served),
            (&self.rooms, &self.annex, self.relocated),
            (self.next_proposal, &self.finality, self.next_meeting),
            self.principles.as_ref().map(|text| {
                let hashes: Vec<_> = text.texts.iter().map(Wording::hash).collect();
                (text.version, hashes, text.since, text.from)
            }),
            (&self.pins, &self.vanishing),
        ));
        StateRoot(hash(
            Label::StateRoot,
            &[
                &facts,
                &self.people.root(),
                &self.invites.root(),
                &self.proposals.root(),
                &self.voters.root(),
                &self.meetings.root(),
                &self.between.root(),
            ],
        ))
    }
}
