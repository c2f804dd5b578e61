//! One's own persona key in a room: the machine says which it is, and the vault has it until no leaf needs it any more.

use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::id::IntentId;
use caucus_proto::org::replace::rekey_digest;
use caucus_proto::org::{Deed, Effect};

use super::error::EngineError;
use super::live::{Fate, LiveRoom};
use super::random;
use super::record::{Health, SecretKey};
use super::room::Room;
use crate::mls::{Group, PersonaKeys};
use crate::vault::{Overlay, Place, Table};

/// Number of the record of the persona keys besides the one in force: one that is to come, and those that were.
const SPARE: u64 = 6;

/// Spare keys that are kept.
const MOST_SPARE: usize = 8;

impl Room {
    fn spare_place(&self) -> Place {
        self.place(Table::Rooms, SPARE)
    }

    fn spare(&self, overlay: &Overlay) -> Result<Vec<SecretKey>, EngineError> {
        Ok(overlay.get_value(&self.spare_place())?.unwrap_or_default())
    }

    /// Puts the act that gives this person another persona key into the outbox. The key stands in the vault before the act
    /// leaves, and is in force once it has landed.
    pub(super) fn submit_rekey(&mut self, id: IntentId) -> Result<(), EngineError> {
        let (new, me) = (PersonaKeys::generate()?, self.record.persona);
        let digest = rekey_digest(&self.record.room, &me, &self.persona.public(), &new.public());
        let deed = Deed::Rekey {
            key: new.public(),
            proof: new.sign(&digest),
        };
        self.submit_with(id, &deed, |room, overlay| {
            let mut spare = room.spare(overlay)?;
            let excess = spare.len().saturating_add(1).saturating_sub(MOST_SPARE);
            spare.drain(..excess.min(spare.len()));
            spare.push(SecretKey(*new.bytes()));
            overlay.put_value(room.spare_place(), &spare)?;
            Ok(())
        })
    }

    /// Tells the group whose which key is, by the state of now.
    pub(super) fn know_bearers(&mut self) {
        if let Some(group) = &mut self.group {
            group.know(self.state.bearers().into());
        }
    }

    /// The keys of the state of now are in force: everybody's for the leaves of the group, and one's own for what is signed.
    /// Where this device has not the key that the state names, another device has taken its place.
    pub(super) fn settle_keys(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        self.know_bearers();
        let Some(key) = self.myself().map(|me| me.key) else {
            return Ok(());
        };
        if key == self.persona.public() {
            return Ok(());
        }
        let mut spare = self.spare(overlay)?;
        let found = spare
            .iter()
            .position(|secret| PersonaKeys::from_bytes(&secret.0).public() == key);
        let Some(found) = found else {
            return self.step_aside(overlay);
        };
        let secret = spare.remove(found);
        self.persona = PersonaKeys::from_bytes(&secret.0);
        spare.push(std::mem::replace(&mut self.record.persona_key, secret));
        overlay.put_value(self.spare_place(), &spare)?;
        self.keep_record(overlay)?;
        // What was made for the key before is heard by nobody.
        self.pending = None;
        self.keep_pending(overlay)?;
        if let Some(group) = &mut self.group {
            group.drop_pending(overlay)?;
        }
        self.send_again(overlay)
    }

    /// Forgets the keys that no leaf and no way back needs any more.
    pub(super) fn forget_spare_keys(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let changed = self.myself().is_some_and(|me| !me.former.is_empty());
        let coming = self.outbox.values().any(|item| {
            codec::decode::<Deed>(&item.deed, codec::LIMIT)
                .is_ok_and(|deed| matches!(deed, Deed::Rekey { .. }))
        });
        if !changed && !coming && self.doubts.is_empty() && !self.spare(overlay)?.is_empty() {
            overlay.delete(self.spare_place());
        }
        Ok(())
    }

    /// Whether one's own leaf is certified by a key before, and nothing but a commit of one's own is missing.
    pub(super) fn leaf_is_behind(&self) -> bool {
        self.myself()
            .is_some_and(|me| !me.former.is_empty() && me.older == 0 && me.wants.is_none())
    }

    /// Another device has this person's place. What was read stays; nothing is sent and nothing more is read.
    fn step_aside(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        let room = self.record.room;
        self.cursor.health = Health::Replaced;
        self.outbox.clear();
        self.pending = None;
        self.keep_pending(overlay)?;
        self.jobs_change();
        for table in [Table::Outbox, Table::Jobs] {
            overlay.delete_scope(table, room.as_bytes());
        }
        self.end_invites(overlay)?;
        self.forget_requests(overlay)?;
        Group::forget(overlay, &room)?;
        self.group = None;
        Ok(())
    }

    /// What a change of somebody's key, or a claim to be somebody, makes this device do.
    pub(super) fn follow_keys(&mut self, overlay: &Overlay, effect: &Effect) -> Result<(), EngineError> {
        match effect {
            Effect::Replaced {
                persona, applicant, ..
            } => {
                // Whatever their heads said before, they begin anew.
                self.cursor.heads.remove(persona);
                self.cursor.disputes.remove(persona);
                self.hand_request_on(overlay, applicant, persona)?;
                self.seat_elsewhere(overlay, persona)
            }
            Effect::Applied {
                claims: Some(persona),
                ..
            } if *persona == self.record.persona => {
                // This device is not lost, and says so.
                self.plan.speak = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl LiveRoom {
    /// Gives this person another persona key, and waits for that to land.
    ///
    /// # Errors
    /// `EngineError::Denied` if the machine refuses it here or where it lands.
    pub async fn rekey(&self, patience: Duration) -> Result<Fate, EngineError> {
        let id = IntentId(random::bytes()?);
        let landing = self.expect(id);
        let submitted = self.room().submit_rekey(id);
        self.settle(id, submitted, landing, patience).await
    }
}
