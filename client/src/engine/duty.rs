//! What a device does by itself for an office: takes over one that is due, names its control key, keeps the channel's
//! controls in step with the office, and carries requests from drops into the log.

use caucus_proto::codec;
use caucus_proto::id::{EntryHash, IntentId, Position};
use caucus_proto::label::{Label, derive};
use caucus_proto::org::charter::MOST_KEYHOLDERS;
use caucus_proto::org::state::WAITING_REQUESTS;
use caucus_proto::org::{Application, Deed, Denied, Office, Person, Power, Standing};
use caucus_proto::wire::{Control, SLOTS};
use x25519_dalek::{PublicKey, StaticSecret};

use super::error::EngineError;
use super::jobs::ANSWERS;
use super::random;
use super::record::{Health, Job};
use super::room::Room;
use crate::mls::read_key_package;

// Every keyholder whom a charter allows has a place among the channel's controls.
const _: () = assert!(MOST_KEYHOLDERS as usize == SLOTS);

/// Requests that may wait in the outbox on their way from a drop into the log.
const CARRIED: usize = 8;

/// Requests that may wait in the room while more are carried: each of some others may be about to carry as many, and what
/// comes beyond [`WAITING_REQUESTS`] is refused and lost. The rest stay in the drop until there is room.
const CARRIED_UP_TO: usize = WAITING_REQUESTS - 10 * CARRIED;

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
        self.submit_once(&Deed::ControlKey { key }).map(|_| ())
    }

    /// Puts the act that hands an office on into the outbox, where its time is over and this person is next.
    pub(super) fn take_over(&mut self) -> Result<(), EngineError> {
        if self.cursor.health != Health::Open {
            return Ok(());
        }
        let (now, me) = (self.state.now(), self.record.persona);
        let over = Office::ALL.into_iter().find_map(|office| {
            let mandate = self
                .state
                .mandates(office)
                .find(|mandate| mandate.has_lapsed(now))?;
            let next = self.state.next_in_line(office, &mandate.holder);
            let holder = mandate.holder;
            (next.unwrap_or(holder) == me).then_some(Deed::HandOver { office, holder })
        });
        match over {
            Some(deed) => self.submit_once(&deed).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Submits a deed unless the same one waits already. What is refused or cannot be done now is tried again later.
    /// Says whether it was.
    pub(super) fn submit_once(&mut self, deed: &Deed) -> Result<bool, EngineError> {
        let encoded = codec::encode(deed, codec::LIMIT)?;
        if self.outbox.values().any(|item| item.deed == encoded) {
            return Ok(false);
        }
        self.try_submit(deed)
    }

    /// Submits a deed. What is refused or cannot be done now is tried again later.
    pub(super) fn try_submit(&mut self, deed: &Deed) -> Result<bool, EngineError> {
        match self.submit(IntentId(random::bytes()?), deed) {
            Ok(()) => Ok(true),
            Err(EngineError::Denied(_) | EngineError::RoomState(_)) => Ok(false),
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
    /// keys, all slots, and whether one is alone. Each is asked for once, until the office changes.
    pub(super) fn controls_wanted(&self) -> Option<(Vec<Control>, [Control; SLOTS], bool)> {
        let keys = self.keyholders_keys();
        let asked = keys == self.cursor.controls || keys == self.plan.asked_controls;
        if keys.is_empty() || asked || self.cursor.health != Health::Open {
            return None;
        }
        Some(self.controls())
    }

    /// The keyholders' named keys, all slots of the channel with them, and whether only one is used.
    pub(super) fn controls(&self) -> (Vec<Control>, [Control; SLOTS], bool) {
        let keys = self.keyholders_keys();
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
        (keys, controls, solo)
    }

    /// The relay took these controls, now or for when their time has come.
    pub(super) fn controls_set(&mut self, keys: Vec<Control>) -> Result<(), EngineError> {
        self.move_cursor(|cursor| cursor.controls = keys)
    }

    /// The relay refused these controls: asking again would only be refused again.
    pub(super) fn controls_refused(&mut self, keys: Vec<Control>) {
        self.plan.asked_controls = keys;
    }

    /// This device's control key opens the channel: somebody set it.
    pub(super) fn controls_found(&mut self) -> Result<(), EngineError> {
        let keys = self.keyholders_keys();
        if self.cursor.controls.is_empty() && keys.contains(&self.control_public()) {
            self.move_cursor(|cursor| cursor.controls = keys)?;
        }
        Ok(())
    }

    /// Whether one more request may be carried: a flood of them must not crowd out what people say, and is not thrown away.
    pub(super) fn may_carry(&self) -> bool {
        let applied = |person: &&Person| matches!(person.standing, Standing::Applied { .. });
        if self.state.people.values().filter(applied).count() >= CARRIED_UP_TO {
            return false;
        }
        let applies = |deed: &[u8]| {
            codec::decode::<Deed>(deed, codec::LIMIT).is_ok_and(|deed| matches!(deed, Deed::Apply { .. }))
        };
        let waiting = self.outbox.values().filter(|item| item.landed.is_none());
        waiting.filter(|item| applies(&item.deed)).take(CARRIED).count() < CARRIED
    }

    /// The order in which those who may admit carry a request, so that they share them: this device's place in it.
    pub(super) fn place_for(&self, request: &[u8]) -> u32 {
        let admitters = self.state.holders(Power::Admit);
        let place = admitters.iter().position(|id| *id == self.record.persona);
        let (Some(place), len @ 1..) = (place, admitters.len()) else {
            return 0;
        };
        let EntryHash(hash) = EntryHash::of(request);
        let first = hash
            .iter()
            .fold(0, |sum, byte| (sum * 256 + usize::from(*byte)) % len);
        u32::try_from((place + len - first) % len).unwrap_or(0)
    }

    /// Carries a request into the log, or answers it where the machine does not take it. The drop was read up to
    /// this position with it.
    pub(super) fn carry(
        &mut self,
        invite: u64,
        position: Position,
        application: Option<Application>,
    ) -> Result<(), EngineError> {
        let Some((application, id, deed)) = application.and_then(|application| self.carried(application))
        else {
            return self.drop_read(invite, position);
        };
        match self.submit_with(id, &deed, |room, overlay| {
            room.keep_drop_read(overlay, invite, position)
        }) {
            Ok(()) => Ok(()),
            Err(EngineError::Denied(denied))
                if denied != Denied::KnownPersona && self.rank() == Some(0) && self.answers() < ANSWERS =>
            {
                let job = Job::TellDeclined {
                    application: codec::encode(&application, codec::LIMIT)?,
                    reason: denied.to_string(),
                };
                self.transact(|room, overlay| {
                    room.keep_job(overlay, &job)?;
                    room.keep_drop_read(overlay, invite, position)
                })
            }
            // Nothing that an applicant sends stops the room.
            Err(EngineError::Denied(_) | EngineError::TooLarge(_)) => self.drop_read(invite, position),
            // The room cannot be acted in now: the request is read again when it can.
            Err(EngineError::RoomState(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The act that carries a request, if it is worth carrying.
    fn carried(&self, application: Application) -> Option<(Application, IntentId, Deed)> {
        let persona = application.persona();
        // A key package that no commit could add is not worth carrying.
        let (room, _) = self.entrance().ok()?;
        let package = read_key_package(&application.key_package, self.record.suite, &room);
        if !package.is_ok_and(|package| package.persona == persona) || self.state.person(&persona).is_some() {
            return None;
        }
        let deed = Deed::Apply {
            application: codec::encode(&application, codec::LIMIT).ok()?,
        };
        // One request is carried once by this device: its id follows from the request.
        let secret = application.digest();
        let id = derive(Label::Application, &secret, &[self.record.persona.as_bytes()]);
        let id = IntentId::from_slice(id.first_chunk::<16>()?)?;
        let known = self.outbox.values().any(|item| item.id == id);
        (!known).then_some((application, id, deed))
    }

    fn answers(&self) -> usize {
        self.jobs().map_or(ANSWERS, |jobs| jobs.len())
    }
}
