//! Commits of one's own: what was decided is executed, keys are renewed and turned. A pending commit stands in
//! the vault before it leaves, and the same message goes out until the epoch it was made for is over.

use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{EntryHash, Minutes, PersonaId};
use caucus_proto::org::Standing;
use caucus_proto::org::judge::LARGEST_BATCH;

use super::error::EngineError;
use super::parts::MOST_PARTS;
use super::random;
use super::record::{Flagged, PartSent, PendingRecord, WelcomeRecord};
use super::room::Room;
use super::send::{Next, Now, Outgoing};
use crate::mls::{MlsError, Staged, read_key_package};
use crate::vault::Overlay;

/// Milliseconds that each further person waits before executing what the one before did not.
const TURN_MS: u64 = 4_000;

/// Minutes between two cuts at the latest.
const CUT_EVERY: u64 = 7 * 24 * 60;

impl Room {
    /// How long this device leaves what was decided to those before it.
    pub(super) fn turn_ms(&self) -> u64 {
        let turn = self.rank().unwrap_or(3);
        TURN_MS.saturating_mul(turn as u64)
    }

    /// Stages the commit that executes what was decided: removals first, with a cut where this device may.
    /// Says whether there is one.
    pub(super) fn stage_decided(&mut self, now: Now, controls: bool) -> Result<bool, EngineError> {
        if self.myself().is_none_or(|person| !person.is_present()) {
            return Ok(false);
        }
        let me = self.record.persona;
        let mut removes: Vec<PersonaId> = self
            .state
            .unexecuted()
            .filter(|(id, person)| matches!(person.standing, Standing::Going { .. }) && **id != me)
            .map(|(id, _)| *id)
            .collect();
        if !removes.is_empty() {
            removes.truncate(LARGEST_BATCH);
            let cut = controls && now.ms >= self.plan.no_cut_before;
            self.stage(&[], &removes, true, cut, now)?;
            return Ok(true);
        }
        if self.rank().is_none() || now.ms < self.plan.no_adds_before {
            return Ok(false);
        }
        let packages = self.packages()?;
        if packages.is_empty() {
            return Ok(false);
        }
        let all: Vec<Vec<u8>> = packages.iter().map(|(_, package)| package.clone()).collect();
        match self.stage(&all, &[], false, false, now) {
            Ok(()) => return Ok(true),
            Err(EngineError::Mls(MlsError::Unprocessable(_) | MlsError::Library(_))) => {}
            Err(error) => return Err(error),
        }
        // One whom MLS does not let in must hold up nobody else.
        for (persona, package) in packages {
            match self.stage(&[package], &[], false, false, now) {
                Ok(()) => return Ok(true),
                Err(EngineError::Mls(MlsError::Unprocessable(_) | MlsError::Library(_))) => {
                    self.plan.unfit.insert(persona);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Key packages of the admitted, as many as one commit adds.
    fn packages(&self) -> Result<Vec<(PersonaId, Vec<u8>)>, EngineError> {
        let overlay = self.vault.overlay();
        let mut packages = Vec::new();
        for (persona, person) in self.state.unexecuted() {
            let Standing::Admitted { key_package, .. } = person.standing else {
                continue;
            };
            if packages.len() >= LARGEST_BATCH || self.plan.unfit.contains(persona) {
                continue;
            }
            if let Some(application) = self.application(&overlay, persona)?
                && read_key_package(&application.key_package, self.record.suite, &self.record.room)
                    .is_ok_and(|package| package.persona == *persona && package.hash == key_package)
            {
                packages.push((*persona, application.key_package));
            }
        }
        Ok(packages)
    }

    /// Stages a commit that renews one's own leaf, and turns the keys where it is to cut.
    pub(super) fn stage_refresh(&mut self, cut: bool, now: Now) -> Result<(), EngineError> {
        let refresh = self.next_refresh(now)?;
        self.stage_with(&[], &[], true, cut, now, |room, overlay| {
            room.cursor.refresh = refresh;
            room.keep(overlay)
        })
    }

    fn stage(
        &mut self,
        adds: &[Vec<u8>],
        removes: &[PersonaId],
        path: bool,
        cut: bool,
        now: Now,
    ) -> Result<(), EngineError> {
        self.stage_with(adds, removes, path, cut, now, |_, _| Ok(()))
    }

    fn stage_with(
        &mut self,
        adds: &[Vec<u8>],
        removes: &[PersonaId],
        path: bool,
        cut: bool,
        now: Now,
        beside: impl FnOnce(&mut Self, &Overlay) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            let staged = room.group.stage(overlay, &room.persona, adds, removes, path)?;
            room.keep_commit(overlay, staged, cut, now)?;
            beside(room, overlay)
        })
    }

    /// Keeps a staged commit as pending.
    fn keep_commit(
        &mut self,
        overlay: &Overlay,
        staged: Staged,
        cut: bool,
        now: Now,
    ) -> Result<(), EngineError> {
        let welcome = match (staged.welcome, staged.tree) {
            (Some(welcome), Some(tree)) => Some(WelcomeRecord {
                welcome,
                tree,
                handed: false,
            }),
            _ => None,
        };
        self.pending = Some(PendingRecord {
            message: staged.message,
            counter: self.cursor.counter,
            parts: Vec::new(),
            entry: None,
            cut,
            ops: staged.ops,
            access: None,
            welcome,
        });
        self.wrap_pending(overlay, now)
    }

    /// Makes the entries of the pending commit for the counter of now.
    fn wrap_pending(&mut self, overlay: &Overlay, now: Now) -> Result<(), EngineError> {
        let counter = self.cursor.counter;
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let size = pending.message.len();
        let most = self.largest_message.saturating_mul(MOST_PARTS);
        let mut parts = Vec::new();
        if size > self.largest_message {
            if size > most {
                return Err(EngineError::TooLarge(caucus_proto::error::Misuse::TooLarge {
                    size,
                    limit: most,
                }));
            }
            for chunk in pending.message.chunks(self.largest_message) {
                let entry = self.entry(Body::Part(chunk.to_vec()), now.minutes, true)?;
                let hash = EntryHash::of(&entry);
                parts.push(PartSent {
                    entry,
                    hash,
                    position: None,
                });
            }
        }
        let access = if pending.cut {
            Some(self.group.pending_access(&self.record.channel, counter.next())?)
        } else {
            None
        };
        if let Some(pending) = &mut self.pending {
            pending.counter = counter;
            pending.parts = parts;
            pending.entry = None;
            pending.access = access;
            if let Some(welcome) = &mut pending.welcome {
                // It names the hash of the entry, which is another one now.
                welcome.handed = false;
            }
        }
        self.flag_pending(overlay, now)
    }

    /// Makes the flagged entry, once every part stands in the log.
    fn flag_pending(&mut self, overlay: &Overlay, now: Now) -> Result<(), EngineError> {
        if let Some(body) = self.pending_body() {
            let digest = body.digest();
            let bytes = self.entry(body, now.minutes, true)?;
            if let Some(pending) = &mut self.pending {
                pending.entry = Some(Flagged {
                    hash: EntryHash::of(&bytes),
                    bytes,
                    body: digest,
                });
            }
        }
        self.keep_pending(overlay)
    }

    /// What to send next of the pending commit.
    pub(super) fn next_of_pending(&mut self, now: Now) -> Result<Next, EngineError> {
        let counter = self.cursor.counter;
        let Some(pending) = &self.pending else {
            return Ok(Next::Nothing);
        };
        if pending.counter != counter {
            self.transact(|room, overlay| room.wrap_pending(overlay, now))?;
        } else if pending.entry.is_none() && self.pending_body().is_some() {
            self.transact(|room, overlay| room.flag_pending(overlay, now))?;
        }
        let Some(pending) = &self.pending else {
            return Ok(Next::Nothing);
        };
        let Some(flagged) = &pending.entry else {
            let part = pending.parts.iter().find(|part| part.position.is_none());
            return Ok(part.map_or(Next::Nothing, |part| {
                Next::Send(Outgoing::Append {
                    counter,
                    bytes: part.entry.clone(),
                })
            }));
        };
        if let Some(welcome) = pending.welcome.as_ref().filter(|welcome| !welcome.handed) {
            let overlay = self.vault.overlay();
            let mut applications = Vec::new();
            for add in &pending.ops.adds {
                applications.extend(self.application(&overlay, &add.persona)?);
            }
            return Ok(Next::Send(Outgoing::HandOut {
                applications,
                welcome: welcome.clone(),
                commit: flagged.hash,
            }));
        }
        let cut = pending
            .access
            .as_ref()
            .filter(|_| pending.cut)
            .map(AccessSecret::access);
        Ok(Next::Send(Outgoing::Commit {
            counter,
            bytes: flagged.bytes.clone(),
            cut,
        }))
    }

    /// Welcome and tree of the pending commit, of this hash, were handed out.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn handed(&mut self, commit: EntryHash) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            if let Some(pending) = &mut room.pending
                && pending.entry.as_ref().is_some_and(|entry| entry.hash == commit)
                && let Some(welcome) = &mut pending.welcome
            {
                welcome.handed = true;
            }
            room.keep_pending(overlay)
        })
    }

    /// Welcome and tree could not be handed out: the commit, which never left, is dropped, and nobody is added
    /// before then.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn hand_out_refused(&mut self, until_ms: u64) -> Result<(), EngineError> {
        self.plan.no_adds_before = until_ms;
        let waits = |pending: &PendingRecord| {
            pending.parts.is_empty() && pending.welcome.as_ref().is_some_and(|welcome| !welcome.handed)
        };
        if !self.pending.as_ref().is_some_and(waits) {
            return Ok(());
        }
        self.transact(|room, overlay| {
            room.pending = None;
            room.group.drop_pending(overlay)?;
            room.keep_pending(overlay)
        })
    }

    /// Whether a commit waits for what newcomers need to be handed out.
    pub(super) fn is_handing(&self) -> bool {
        let welcome = self.pending.as_ref().and_then(|pending| pending.welcome.as_ref());
        welcome.is_some_and(|welcome| !welcome.handed)
    }

    /// The relay lets this device not cut before then: the pending commit goes as an advance, and the cut later.
    /// It is the same entry: should the cut have landed nevertheless, it is known.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn cut_refused(&mut self, until_ms: u64) -> Result<(), EngineError> {
        self.plan.no_cut_before = until_ms;
        self.transact(|room, overlay| {
            if let Some(pending) = &mut room.pending {
                pending.cut = false;
                pending.access = None;
            }
            room.keep_pending(overlay)
        })
    }

    /// Whether the keys of the channel are to be turned by this device now.
    pub(super) fn cut_is_due(&self, controls: bool, now: Now) -> bool {
        let Some(rank) = self.rank() else { return false };
        let age = self.state.now().0.saturating_sub(self.cursor.cut.0);
        let weekly = age > CUT_EVERY.saturating_add(60_u64.saturating_mul(rank as u64));
        controls && now.ms >= self.plan.no_cut_before && (self.state.is_uncut() || weekly)
    }

    fn next_refresh(&self, now: Now) -> Result<Minutes, EngineError> {
        let people = self.state.present().count() as u64;
        let days = (people / 7).clamp(7, 90);
        let span = days * 24 * 60;
        Ok(Minutes(
            now.minutes
                .0
                .saturating_add(span / 2)
                .saturating_add(random::below(span)?),
        ))
    }
}
