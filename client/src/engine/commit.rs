//! Commits of one's own: what was decided is executed, keys are renewed and turned. A pending commit stands in
//! the vault before it leaves, and the same message goes out until the epoch it was made for is over.

use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{EntryHash, Minutes, PersonaId};
use caucus_proto::org::judge::LARGEST_BATCH;
use caucus_proto::org::{Person, SeatKept, Standing};

use super::error::EngineError;
use super::parts::MOST_PARTS;
use super::random;
use super::record::{Flagged, PartSent, PendingRecord, WelcomeRecord};
use super::room::Room;
use super::send::{Next, Now, Outgoing};
use crate::mls::{MlsError, PersonaKeys, Staged, read_key_package};
use crate::vault::Overlay;

/// Milliseconds that each further keyholder waits before executing what the one before did not.
const TURN_MS: u64 = 4_000;

/// Milliseconds in which a live device may show that it did not ask to be renewed.
const CONTRADICT_MS: u64 = 2_000;

/// Milliseconds over which people's turns to renew somebody are spread, in the order of their places.
const RENEWAL_SPREAD_MS: u64 = 2_000;

/// Minutes between two cuts at the latest.
const CUT_EVERY: u64 = 7 * 24 * 60;

impl Room {
    /// How long this device leaves what was decided to those before it.
    pub(super) fn turn_ms(&self) -> u64 {
        let seated = |person: &Person| person.is_present() || person.is_awaited();
        if self.state.unexecuted().all(|(_, person)| seated(person)) {
            let order = self.state.in_order();
            let place = order.iter().position(|id| *id == self.record.persona);
            let turn = match (place, order.len()) {
                (Some(place), len @ 1..) => RENEWAL_SPREAD_MS.saturating_mul(place as u64) / len as u64,
                _ => RENEWAL_SPREAD_MS,
            };
            return CONTRADICT_MS.saturating_add(turn);
        }
        TURN_MS.saturating_mul(self.turn() as u64)
    }

    /// How many keyholders come before this one: in the order of the office, but for the one who executed something
    /// last, who is there and goes on.
    pub(super) fn turn(&self) -> usize {
        let keyholders = self.state.keyholders();
        let place = |id: &PersonaId| keyholders.iter().position(|keyholder| keyholder == id);
        let executor = self.plan.executor.as_ref().and_then(place);
        match (place(&self.record.persona), executor) {
            (None, _) => 3,
            (Some(mine), Some(first)) if mine == first => 0,
            (Some(mine), Some(first)) if mine < first => mine.saturating_add(1),
            (Some(mine), _) => mine,
        }
    }

    /// Whether so many are admitted that one commit seats no more.
    pub(super) fn is_batch_full(&self) -> bool {
        let admitted = |person: &Person| matches!(person.standing, Standing::Admitted { .. });
        let waiting = self.state.unexecuted().filter(|(_, person)| admitted(person));
        waiting.take(LARGEST_BATCH).count() == LARGEST_BATCH
    }

    /// Stages the commit that executes what was decided: removals first, with a cut where this device may; then
    /// renewals, which anybody may execute; then those who were admitted; then the older leaves of those who were
    /// renewed go.
    /// Says whether there is one.
    pub(super) fn stage_decided(&mut self, now: Now, controls: bool) -> Result<bool, EngineError> {
        if self.myself().is_none_or(|person| !person.is_present()) {
            return Ok(false);
        }
        let me = self.record.persona;
        let mut removes: Vec<PersonaId> = self
            .state
            .unexecuted()
            .filter(|(id, person)| person.is_leaving() && **id != me)
            .map(|(id, _)| *id)
            .collect();
        if !removes.is_empty() {
            removes.truncate(LARGEST_BATCH);
            let cut = controls && now.ms >= self.plan.no_cut_before;
            self.stage(&[], &removes, true, cut, now)?;
            return Ok(true);
        }
        if now.ms >= self.plan.no_adds_before && self.stage_additions(now)? {
            return Ok(true);
        }
        self.stage_older(now)
    }

    fn stage_additions(&mut self, now: Now) -> Result<bool, EngineError> {
        let renewals = self.packages(Person::comes_back_by)?;
        if self.stage_seats(&renewals, now)? {
            return Ok(true);
        }
        if self.rank().is_none() {
            return Ok(false);
        }
        let admitted = self.packages(|person| match person.standing {
            Standing::Admitted { key_package, .. } => Some(key_package),
            _ => None,
        })?;
        self.stage_seats(&admitted, now)
    }

    /// Stages the commit that removes the older leaves of those who were renewed.
    fn stage_older(&mut self, now: Now) -> Result<bool, EngineError> {
        let kept: Vec<SeatKept> = (self.state.present())
            .filter(|(id, person)| person.older > 0 && !self.plan.stays.contains(id))
            .filter_map(|(id, person)| {
                Some(SeatKept {
                    persona: *id,
                    leaf: person.leaf?,
                })
            })
            .collect();
        for kept in kept {
            let staged = self.transact(|room, overlay| {
                let persona = PersonaKeys::from_bytes(&room.record.persona_key.0);
                let staged = room.group()?.stage_older(overlay, &persona, &[kept])?;
                room.keep_commit(overlay, staged, false, now)
            });
            match staged {
                Ok(()) => return Ok(true),
                Err(EngineError::Mls(MlsError::Misuse(_) | MlsError::Unprocessable(_))) => {
                    self.plan.stays.insert(kept.persona);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Stages the commit that seats these.
    fn stage_seats(&mut self, packages: &[(PersonaId, Vec<u8>)], now: Now) -> Result<bool, EngineError> {
        let singly = packages.chunks(1).filter(|_| packages.len() > 1);
        // One whom MLS does not let in must hold up nobody else.
        for few in packages.chunks(LARGEST_BATCH).take(1).chain(singly) {
            let adds: Vec<Vec<u8>> = few.iter().map(|(_, package)| package.clone()).collect();
            match self.stage(&adds, &[], false, false, now) {
                Ok(()) => return Ok(true),
                Err(EngineError::Mls(MlsError::Unprocessable(_) | MlsError::Library(_))) => {
                    if let [(persona, _)] = few {
                        self.plan.unfit.insert(*persona);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Key packages that fit the hash which the state names, as many as one commit adds.
    fn packages(
        &self,
        named: impl Fn(&Person) -> Option<[u8; 32]>,
    ) -> Result<Vec<(PersonaId, Vec<u8>)>, EngineError> {
        let overlay = self.vault.overlay();
        let mut packages = Vec::new();
        for (persona, person) in self.state.unexecuted() {
            let Some(key_package) = named(person).filter(|_| *persona != self.record.persona) else {
                continue;
            };
            if packages.len() >= LARGEST_BATCH || self.plan.unfit.contains(persona) {
                continue;
            }
            if let Some(seat) = self.seat(&overlay, persona)?
                && read_key_package(&seat.key_package, self.record.suite, &self.record.room)
                    .is_ok_and(|package| package.key == person.key && package.hash == key_package)
            {
                packages.push((*persona, seat.key_package));
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
            let persona = PersonaKeys::from_bytes(&room.record.persona_key.0);
            let staged = room.group()?.stage(overlay, &persona, adds, removes, path)?;
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
            let channel = self.record.channel;
            Some(self.group()?.pending_access(&channel, counter.next())?)
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
            let mut seats = Vec::new();
            for add in &pending.ops.adds {
                seats.extend(self.seat(&overlay, &add.persona)?);
            }
            return Ok(Next::Send(Outgoing::HandOut {
                seats,
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
            room.group()?.drop_pending(overlay)?;
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
    pub(super) fn cut_is_due(&mut self, controls: bool, now: Now) -> bool {
        let Some(rank) = self.rank() else { return false };
        if self.keeps_together(now) {
            return false;
        }
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
