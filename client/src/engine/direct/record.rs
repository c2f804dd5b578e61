//! What this device keeps of direct rooms, and of who would talk with this person alone.

use caucus_proto::id::{Minutes, PersonaId, RoomId};
use caucus_proto::label::Label;
use caucus_proto::org::between::{RootKey, SignedIntroduction};
use caucus_proto::org::{Kind, Name, PersonaPublic};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::words::{open_words, seal_words};
use crate::engine::error::EngineError;
use crate::engine::link::InviteLink;
use crate::engine::record::SecretKey;
use crate::engine::room::Room;
use crate::vault::{Overlay, Place, Table};

/// Minutes for which whoever is asked to talk alone may accept.
pub(super) const OPEN_MINUTES: u64 = 14 * 24 * 60;

/// Askings that wait on this device, in all; more are not kept.
const MOST_WAITING: usize = 200;

/// Where askings lie, by number, and where the next number does.
const ASKED: &[u8] = b"asked";
const NEXT: &[u8] = b"next";

/// By what a direct room's founder knows somebody who applies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Expected {
    /// A code, sealed to them, that their request says.
    Code(SecretKey),
    /// Their persona key.
    Key(PersonaPublic),
}

/// Somebody whom the founder's device lets in by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// By what.
    pub expected: Expected,
    /// They were let in.
    pub came: bool,
}

/// A direct room, as its people have it for themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DirectRecord {
    /// What this device calls it.
    pub label: Name,
    /// Whom this device lets in, where this person founded it.
    pub guests: Vec<Guest>,
    /// Until when they may come.
    pub until: Minutes,
    /// Who introduced its people.
    pub introduced: Option<IntroducedRecord>,
}

/// An introduction, with what it was checked by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IntroducedRecord {
    /// What the body that introduced is called.
    pub by: Name,
    /// Its root key, as this person's own body knew it.
    pub root: RootKey,
    /// What it said.
    pub signed: SignedIntroduction,
}

/// What whoever is asked needs to come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// The invite of the direct room.
    pub link: String,
    /// What the request has to say.
    pub code: SecretKey,
    /// The key that founded the room.
    pub host: PersonaPublic,
    /// A word with it; may be empty.
    pub word: String,
    /// Until when, by the clock of whoever asks.
    pub until: Minutes,
}

/// Somebody would talk with this person alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WhisperRecord {
    /// In which room it was said.
    pub room: RoomId,
    /// By whom.
    pub by: PersonaId,
    /// Their name then.
    pub from: Name,
    /// How to come.
    pub invitation: Invitation,
}

/// What a request of one's own to come into a direct room has besides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entering {
    /// The key that founded the room: no other room is entered.
    pub host: PersonaPublic,
    /// As it is kept once this device is in.
    pub record: DirectRecord,
}

impl Guest {
    pub(in crate::engine) const fn new(expected: Expected) -> Self {
        let came = false;
        Self { expected, came }
    }

    /// Whether it is them who apply, with this key and these words.
    pub(super) fn is(&self, key: &PersonaPublic, word: &str) -> bool {
        match &self.expected {
            Expected::Code(code) => said(code) == word,
            Expected::Key(theirs) => theirs == key,
        }
    }
}

/// A code as a request says it.
pub(super) fn said(code: &SecretKey) -> String {
    BASE64URL_NOPAD.encode(&code.0)
}

fn direct_place(room: &RoomId) -> Place {
    Place::new(Table::Direct, room.as_bytes(), 0)
}

/// Keeps a direct room's record beside the room.
pub(in crate::engine) fn keep_direct(
    overlay: &Overlay,
    room: &RoomId,
    record: &DirectRecord,
) -> Result<(), EngineError> {
    overlay.put_value(direct_place(room), record)?;
    Ok(())
}

impl Room {
    /// What this person calls the room's body: its label; a direct room, which has none of its own, as the vault says.
    #[must_use]
    pub fn called(&self) -> Name {
        let kept = self.direct().ok().flatten();
        kept.map_or_else(|| self.state.genesis.label.clone(), |record| record.label)
    }

    /// What is kept of a direct room.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn direct(&self) -> Result<Option<DirectRecord>, EngineError> {
        if self.state.genesis.kind != Kind::Direct {
            return Ok(None);
        }
        Ok(self.vault.overlay().get_value(&direct_place(&self.record.room))?)
    }

    pub(in crate::engine) fn change_direct(
        &mut self,
        change: impl FnOnce(&mut DirectRecord),
    ) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            if let Some(mut record) = overlay.get_value(&direct_place(&room.record.room))? {
                change(&mut record);
                keep_direct(overlay, &room.record.room, &record)?;
            }
            Ok(())
        })
    }

    /// Seals an invitation to somebody of the room.
    pub(super) fn seal_whisper(
        &self,
        to: &PersonaPublic,
        invitation: &Invitation,
    ) -> Result<Vec<u8>, EngineError> {
        let (room, me) = (self.record.room, self.record.persona);
        seal_words(to, Label::Whisper, &[room.as_bytes(), me.as_bytes()], invitation)
    }

    /// Somebody whispered: if it is to this person, it is kept.
    pub(in crate::engine) fn hear_whisper(
        &self,
        overlay: &Overlay,
        by: &PersonaId,
        sealed: &[u8],
    ) -> Result<(), EngineError> {
        let room = self.record.room;
        let Some(author) = self.state.person(by).filter(|_| *by != self.record.persona) else {
            return Ok(());
        };
        let bound: &[&[u8]] = &[room.as_bytes(), by.as_bytes()];
        let Some(mut invitation) = open_words::<Invitation>(&self.persona, Label::Whisper, bound, sealed)
        else {
            return Ok(());
        };
        let now = self.state.now();
        let most = Minutes(now.0.saturating_add(OPEN_MINUTES));
        invitation.until = invitation.until.min(most);
        if invitation.until < now || !InviteLink::leads_to(&invitation.link, &self.record.relay) {
            return Ok(());
        }
        let waiting = whispers(overlay)?;
        for (number, _) in waiting.iter().filter(|(_, kept)| kept.invitation.until < now) {
            overlay.delete(Place::new(Table::Direct, ASKED, *number));
        }
        let heard = |kept: &WhisperRecord| kept.room == room && kept.invitation.code == invitation.code;
        let open = waiting.iter().filter(|(_, kept)| kept.invitation.until >= now);
        // What is read once more, after this device went back, is kept once.
        if open.count() >= MOST_WAITING || waiting.iter().any(|(_, kept)| heard(kept)) {
            return Ok(());
        }
        let next = Place::new(Table::Direct, NEXT, 0);
        let number: u64 = overlay.get_value(&next)?.unwrap_or(1);
        let record = WhisperRecord {
            room,
            by: *by,
            from: author.name.clone(),
            invitation,
        };
        overlay.put_value(Place::new(Table::Direct, ASKED, number), &record)?;
        overlay.put_value(next, &number.saturating_add(1))?;
        Ok(())
    }
}

/// Who would talk with this person alone, by number.
pub(super) fn whispers(overlay: &Overlay) -> Result<Vec<(u64, WhisperRecord)>, EngineError> {
    Ok(overlay.values(Table::Direct, ASKED, 0)?)
}

/// Takes one of them off the list.
pub(super) fn take_whisper(overlay: &Overlay, number: u64) -> Result<WhisperRecord, EngineError> {
    let place = Place::new(Table::Direct, ASKED, number);
    let record = overlay.get_value(&place)?.ok_or_else(|| EngineError::NotFound {
        what: "person who would talk with you alone",
        name: number.to_string(),
    })?;
    overlay.delete(place);
    Ok(record)
}
