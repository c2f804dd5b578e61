//! What a keyholder's device does by itself: names its control key, keeps the channel's controls in step with
//! the office, and carries requests from drops into the log.

use caucus_proto::codec;
use caucus_proto::id::IntentId;
use caucus_proto::label::{Label, derive};
use caucus_proto::org::{Application, Deed, Denied, Person};
use caucus_proto::wire::{Control, SLOTS};
use x25519_dalek::{PublicKey, StaticSecret};

use super::error::EngineError;
use super::random;
use super::record::{Health, Job};
use super::room::Room;
use crate::mls::read_key_package;

impl Room {
    fn control_public(&self) -> Control {
        PublicKey::from(&StaticSecret::from(self.record.control_key.0)).to_bytes()
    }

    /// Puts the act that names this device's control key into the outbox, if it is due.
    pub(super) fn name_control_key(&mut self) -> Result<(), EngineError> {
        let key = self.control_public();
        let named = self.myself().and_then(|person| person.control) == Some(key);
        if self.cursor.health != Health::Open || !self.is_keyholder() || named {
            return Ok(());
        }
        let deed = Deed::ControlKey { key };
        let encoded = codec::encode(&deed, codec::LIMIT)?;
        if self.outbox.values().any(|item| item.deed == encoded) {
            return Ok(());
        }
        match self.submit(IntentId(random::bytes()?), &deed) {
            Ok(()) | Err(EngineError::Denied(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn keyholders_keys(&self) -> Vec<Control> {
        self.state
            .keyholders()
            .iter()
            .filter_map(|persona| {
                self.state
                    .person(persona)
                    .and_then(|person: &Person| person.control)
            })
            .collect()
    }

    /// The controls that should guard the channel, if they are not what this device last asked for: the named
    /// keys, all slots, and whether one is alone.
    pub(super) fn controls_wanted(
        &self,
    ) -> Result<Option<(Vec<Control>, [Control; SLOTS], bool)>, EngineError> {
        let keys = self.keyholders_keys();
        if keys.is_empty() || keys == self.cursor.controls || self.cursor.health != Health::Open {
            return Ok(None);
        }
        // Every keyholder's device fills the unused slots alike, so that two requests for one change agree.
        let mut controls = [[0; 32]; SLOTS];
        for (slot, index) in controls.iter_mut().zip(0_u8..) {
            let filler = || {
                derive(
                    Label::ControlChange,
                    self.cursor.access.bytes(),
                    &[b"unused", &[index]],
                )
            };
            *slot = keys.get(usize::from(index)).copied().unwrap_or_else(filler);
        }
        let solo = keys.len() < 2;
        Ok(Some((keys, controls, solo)))
    }

    /// These controls were asked for.
    pub(super) fn controls_set(&mut self, keys: Vec<Control>) -> Result<(), EngineError> {
        self.cursor.controls = keys;
        self.keep_cursor()
    }

    /// This device's control key opens the channel: somebody set it.
    pub(super) fn controls_found(&mut self) -> Result<(), EngineError> {
        let keys = self.keyholders_keys();
        if self.cursor.controls.is_empty() && keys.contains(&self.control_public()) {
            self.cursor.controls = keys;
            self.keep_cursor()?;
        }
        Ok(())
    }

    /// Carries a request into the log, or answers it where the machine does not take it.
    pub(super) fn carry(&mut self, application: Application) -> Result<(), EngineError> {
        let persona = application.persona();
        // A key package that no commit could add is not worth carrying.
        let package = read_key_package(&application.key_package, self.record.suite, &self.record.room);
        if !package.is_ok_and(|package| package.persona == persona) {
            return Ok(());
        }
        if self.state.person(&persona).is_some() {
            return Ok(());
        }
        let encoded = codec::encode(&application, codec::LIMIT)?;
        let deed = Deed::Apply {
            application: encoded.clone(),
        };
        // One request is carried once by this device: its id follows from the request.
        let id = IntentId::from_slice(
            derive(
                Label::Application,
                &application.digest(),
                &[self.record.persona.as_bytes()],
            )
            .first_chunk::<16>()
            .map_or(&[], |bytes| bytes.as_slice()),
        );
        let Some(id) = id else { return Ok(()) };
        if self.outbox.values().any(|item| item.id == id) {
            return Ok(());
        }
        match self.submit(id, &deed) {
            Ok(()) | Err(EngineError::Denied(Denied::KnownPersona)) => Ok(()),
            Err(EngineError::Denied(denied)) if self.rank() == Some(0) => {
                let overlay = self.vault.overlay();
                let job = Job::TellDeclined {
                    application: encoded,
                    reason: denied.to_string(),
                };
                self.keep_job(&overlay, &job)?;
                overlay.commit()?;
                Ok(())
            }
            Err(EngineError::Denied(_) | EngineError::RoomState(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
