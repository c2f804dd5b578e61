//! What a person set for themselves in a room: that it is muted, and a draft. Neither leaves this device.

use caucus_proto::id::{Minutes, RoomId};
use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::record::LogRecord;
use super::room::Room;
use crate::vault::{Place, Table};

/// Until when a room is muted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mute {
    /// Until this minute, by this device's clock.
    Until(Minutes),
    /// Until the person says otherwise.
    Always,
}

impl Room {
    /// Whether it is muted now, and until when.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn muted(&self, now: Minutes) -> Result<Option<Mute>, EngineError> {
        let mute = self.vault.overlay().get_value(&mute_place(&self.record.room))?;
        Ok(mute.filter(|mute| !matches!(mute, Mute::Until(until) if *until <= now)))
    }

    /// Mutes it, or not any more.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn mute(&mut self, mute: Option<Mute>) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            let place = mute_place(&room.record.room);
            match mute {
                Some(mute) => overlay.put_value(place, &mute)?,
                None => overlay.delete(place),
            }
            Ok(())
        })
    }

    /// What the person wrote and did not say yet.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn draft(&self) -> Result<Option<String>, EngineError> {
        Ok(self.vault.overlay().get_value(&draft_place(&self.record.room))?)
    }

    /// Keeps a draft in place of the one that is there, or drops it.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn keep_draft(&mut self, text: Option<&str>) -> Result<(), EngineError> {
        let before = self.draft()?;
        self.transact(|room, overlay| {
            let place = draft_place(&room.record.room);
            match text {
                Some(text) => overlay.put_value(place, &text)?,
                None => overlay.delete(place),
            }
            room.plan.destroyed |= before.is_some();
            Ok(())
        })
    }

    /// Whether an entry that was taken in is something that a person may want to be told of: words of somebody else, where the
    /// room is not muted.
    #[must_use]
    pub fn is_news(&self, record: &LogRecord, now: Minutes) -> bool {
        record.said().is_some()
            && record.author.is_some_and(|author| author != self.record.persona)
            && self.muted(now).is_ok_and(|muted| muted.is_none())
    }
}

fn mute_place(room: &RoomId) -> Place {
    Place::new(
        Table::Settings,
        [b"mute ".as_slice(), room.as_bytes()].concat(),
        0,
    )
}

fn draft_place(room: &RoomId) -> Place {
    Place::new(
        Table::Settings,
        [b"draft ".as_slice(), room.as_bytes()].concat(),
        0,
    )
}
