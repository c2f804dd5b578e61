//! Commits too large for an entry: plain entries hold the parts, which nobody processes alone, and the flagged
//! entry names their positions and hashes. Where one is missing or somebody else's, it is a no-op for everybody.

use caucus_proto::envelope::{Body, PartOf};
use caucus_proto::id::{EntryHash, PersonaId, Position};

use super::error::EngineError;
use super::record::PartRecord;
use super::room::Room;
use crate::vault::{Overlay, Table};

/// Parts of one author that count between two flagged entries. Everybody counts alike, so nobody can make
/// others keep more.
pub(super) const MOST_PARTS: usize = 16;

impl Room {
    /// Keeps a part that the log showed, until the next flagged entry.
    pub(super) fn keep_part(
        &mut self,
        overlay: &Overlay,
        author: PersonaId,
        position: Position,
        hash: EntryHash,
        bytes: Vec<u8>,
    ) -> Result<(), EngineError> {
        let kept = overlay.values::<PartRecord>(Table::Parts, self.record.room.as_bytes(), 0)?;
        if kept.iter().filter(|(_, part)| part.author == author).count() < MOST_PARTS {
            let record = PartRecord { author, hash, bytes };
            overlay.put_value(self.place(Table::Parts, position.0), &record)?;
        }
        if let Some(pending) = &mut self.pending
            && let Some(part) = pending.parts.iter_mut().find(|part| part.hash == hash)
            && part.position.is_none()
        {
            part.position = Some(position);
            self.keep_pending(overlay)?;
        }
        Ok(())
    }

    /// The message that the parts hold together; none if one is missing, foreign or out of order.
    pub(super) fn joined(
        &self,
        overlay: &Overlay,
        author: &PersonaId,
        parts: &[PartOf],
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let rising = parts.is_sorted_by(|a, b| a.position < b.position);
        if parts.is_empty() || parts.len() > MOST_PARTS || !rising {
            return Ok(None);
        }
        let mut message = Vec::new();
        for part in parts {
            let kept: Option<PartRecord> = overlay.get_value(&self.place(Table::Parts, part.position.0))?;
            match kept {
                Some(kept) if kept.hash == part.entry && kept.author == *author => {
                    message.extend_from_slice(&kept.bytes);
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(message))
    }

    /// The body of the flagged entry of a pending commit, once all of its parts stand in the log.
    pub(super) fn pending_body(&self) -> Option<Body> {
        let pending = self.pending.as_ref()?;
        if pending.parts.is_empty() {
            return Some(Body::Mls(pending.message.clone()));
        }
        let parts: Option<Vec<PartOf>> = pending
            .parts
            .iter()
            .map(|part| {
                part.position.map(|position| PartOf {
                    position,
                    entry: part.hash,
                })
            })
            .collect();
        parts.map(Body::Parts)
    }
}
