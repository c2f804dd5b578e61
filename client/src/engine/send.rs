//! What to send next: a pending commit, a commit that executes what was decided, an intent, a heartbeat. What
//! leaves stands in the vault before it leaves.

use caucus_proto::codec;
use caucus_proto::envelope::{self, Body, Content};
use caucus_proto::error::Misuse;
use caucus_proto::id::{Counter, EntryHash, Minutes, Nonce, PersonaId, Position};
use caucus_proto::org::judge::LARGEST_BATCH;
use caucus_proto::org::{
    Act, Application, Deed, Denied, Head, Notice, NoticeKind, Power, SignedHead, SignedNotice, Standing,
};
use caucus_proto::wire::{Access, bucket};

use super::error::EngineError;
use super::random;
use super::record::{
    HeadFacts, Health, OutboxRecord, PendingRecord, RequestRecord, SentRecord, WelcomeRecord,
};
use super::room::Room;
use crate::mls::{Staged, read_key_package};
use crate::vault::{Overlay, Place, Table};

/// Milliseconds that each further person waits before executing what the one before did not.
const TURN_MS: u64 = 4_000;

/// Milliseconds that decisions still in the outbox are waited for, so that one commit executes many.
const GATHER_MS: u64 = 3_000;

/// Minutes between two cuts at the latest.
const CUT_EVERY: u64 = 7 * 24 * 60;

/// Bytes of an MLS message that fit an entry beside its head.
const LARGEST_MESSAGE: usize = bucket::LARGEST - 1024;

/// The time, as a shell passes it in.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Minutes since 1970.
    pub minutes: Minutes,
    /// Milliseconds since 1970.
    pub ms: u64,
}

/// What to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// A plain entry.
    Append {
        /// Under this counter.
        counter: Counter,
        /// One bucket.
        bytes: Vec<u8>,
    },
    /// First hand welcome and tree of the pending commit to those it adds, then call [`Room::handed`].
    HandOut {
        /// To whom.
        applications: Vec<Application>,
        /// What.
        welcome: WelcomeRecord,
        /// The commit.
        commit: EntryHash,
    },
    /// The pending commit.
    Commit {
        /// Under this counter.
        counter: Counter,
        /// One bucket.
        bytes: Vec<u8>,
        /// The keys of the segment after it, where it is to cut.
        cut: Option<Access>,
    },
}

/// The next thing to do, or why a waiting intent was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Send this.
    Send(Outgoing),
    /// The machine refuses an intent that was fine when it was submitted.
    Refused(caucus_proto::id::IntentId, Denied),
    /// Nothing now.
    Nothing,
}

impl Room {
    /// What to send next. `controls` says whether this device has a control handle on the channel.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn next(&mut self, now: Now, controls: bool) -> Result<Next, EngineError> {
        if self.cursor.health != Health::Open || self.plan.in_flight {
            return Ok(Next::Nothing);
        }
        if let Some(pending) = &self.pending {
            return Ok(Next::Send(self.pending_out(pending)?));
        }
        let waiting = self.state.unexecuted().next().is_some();
        if !waiting {
            self.plan.unexecuted_since = None;
        } else if self.plan.unexecuted_since.is_none() {
            self.plan.unexecuted_since = Some(now.ms);
        }
        let since = self
            .plan
            .unexecuted_since
            .map_or(0, |since| now.ms.saturating_sub(since));
        let unsent = self
            .outbox
            .iter()
            .find(|(_, item)| item.landed.is_none())
            .map(|(number, item)| (*number, item.clone()));
        let gather = unsent.is_some() && since < GATHER_MS;
        if waiting && !gather && since >= self.turn_ms() && self.execute(now, controls)? {
            return self.staged();
        }
        if let Some((number, item)) = unsent {
            return self.send_intent(number, &item, now);
        }
        if self.cut_is_due(controls, now) && !waiting {
            let overlay = self.vault.overlay();
            let staged = self.group.stage(&overlay, &self.persona, &[], &[], true)?;
            self.keep_commit(overlay, staged, true, now)?;
            return self.staged();
        }
        if now.minutes >= self.cursor.refresh && !waiting {
            self.cursor.refresh = self.next_refresh(now)?;
            let overlay = self.vault.overlay();
            self.keep(&overlay)?;
            let staged = self.group.stage(&overlay, &self.persona, &[], &[], true)?;
            self.keep_commit(overlay, staged, false, now)?;
            return self.staged();
        }
        if self.plan.heartbeat_at.is_some_and(|at| now.ms >= at) {
            self.plan.heartbeat_at = None;
            let notice = self.notice(NoticeKind::Heartbeat)?;
            let bytes = self.entry(Body::Notice(notice), now, false)?;
            return Ok(Next::Send(Outgoing::Append {
                counter: self.cursor.counter,
                bytes,
            }));
        }
        Ok(Next::Nothing)
    }

    /// Welcome and tree of the pending commit were handed out.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn handed(&mut self) -> Result<(), EngineError> {
        if let Some(welcome) = self.pending.as_mut().and_then(|pending| pending.welcome.as_mut()) {
            welcome.handed = true;
        }
        let overlay = self.vault.overlay();
        self.keep_pending(&overlay)?;
        overlay.commit()?;
        Ok(())
    }

    /// The relay lets this device not cut before then: the pending commit goes as an advance, and the cut later.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn cut_refused(&mut self, until_ms: u64) -> Result<(), EngineError> {
        self.plan.no_cut_before = until_ms;
        let only_cuts = self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.ops.removes.is_empty() && pending.ops.adds.is_empty());
        if let Some(pending) = &mut self.pending {
            pending.cut = false;
            pending.access = None;
        }
        let overlay = self.vault.overlay();
        if only_cuts {
            self.pending = None;
            self.group.drop_pending(&overlay)?;
        }
        self.keep_pending(&overlay)?;
        overlay.commit()?;
        Ok(())
    }

    /// An entry is under way to the relay, or was answered.
    pub fn in_flight(&mut self, under_way: bool) {
        self.plan.in_flight = under_way;
    }

    /// A heartbeat is wanted soon, so that others' histories are attested.
    pub fn want_heartbeat(&mut self, at_ms: u64) {
        let at = self.plan.heartbeat_at.map_or(at_ms, |before| before.min(at_ms));
        self.plan.heartbeat_at = Some(at);
    }

    fn turn_ms(&self) -> u64 {
        let turn = self.rank().unwrap_or(3);
        TURN_MS.saturating_mul(turn as u64)
    }

    fn staged(&self) -> Result<Next, EngineError> {
        match &self.pending {
            Some(pending) => Ok(Next::Send(self.pending_out(pending)?)),
            None => Ok(Next::Nothing),
        }
    }

    fn pending_out(&self, pending: &PendingRecord) -> Result<Outgoing, EngineError> {
        if let Some(welcome) = pending.welcome.as_ref().filter(|welcome| !welcome.handed) {
            let overlay = self.vault.overlay();
            let mut applications = Vec::new();
            for add in &pending.ops.adds {
                if let Some(application) = self.application(&overlay, &add.persona)? {
                    applications.push(application);
                }
            }
            return Ok(Outgoing::HandOut {
                applications,
                welcome: welcome.clone(),
                commit: pending.hash,
            });
        }
        let cut = pending
            .access
            .as_ref()
            .filter(|_| pending.cut)
            .map(caucus_proto::envelope::AccessSecret::access);
        Ok(Outgoing::Commit {
            counter: pending.counter,
            bytes: pending.entry.clone(),
            cut,
        })
    }

    /// Stages the commit that executes what was decided: removals first, with a cut where this device may.
    fn execute(&mut self, now: Now, controls: bool) -> Result<bool, EngineError> {
        let mut removes = Vec::new();
        let mut adds = Vec::new();
        for (persona, person) in self.state.unexecuted() {
            match person.standing {
                Standing::Going { .. } if *persona != self.record.persona => removes.push(*persona),
                Standing::Admitted { .. } => adds.push(*persona),
                _ => {}
            }
        }
        if self.myself().is_none_or(|person| !person.is_present()) {
            return Ok(false);
        }
        let overlay = self.vault.overlay();
        if !removes.is_empty() {
            removes.truncate(LARGEST_BATCH);
            let staged = self.group.stage(&overlay, &self.persona, &[], &removes, true)?;
            let cut = controls && now.ms >= self.plan.no_cut_before;
            self.keep_commit(overlay, staged, cut, now)?;
            return Ok(true);
        }
        let mut packages = Vec::new();
        for persona in adds {
            // One whose key package is no good must hold up nobody else.
            if packages.len() < LARGEST_BATCH
                && let Some(application) = self.application(&overlay, &persona)?
                && read_key_package(&application.key_package, self.record.suite, &self.record.room)
                    .is_ok_and(|package| package.persona == persona)
            {
                packages.push(application.key_package);
            }
        }
        if packages.is_empty() || self.rank().is_none() {
            return Ok(false);
        }
        let staged = self.group.stage(&overlay, &self.persona, &packages, &[], false)?;
        self.keep_commit(overlay, staged, false, now)?;
        Ok(true)
    }

    fn cut_is_due(&self, controls: bool, now: Now) -> bool {
        let Some(rank) = self.rank() else { return false };
        let age = self.state.now().0.saturating_sub(self.cursor.cut.0);
        let weekly = age > CUT_EVERY.saturating_add(60 * rank as u64);
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

    pub(super) fn application(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<Application>, EngineError> {
        for (number, _) in overlay.range(Table::Requests, b"", 0, usize::MAX)? {
            if let Some(record) =
                overlay.get_value::<RequestRecord>(&Place::new(Table::Requests, b"", number))?
                && record.room == self.record.room
                && record.persona == *persona
            {
                return Ok(Application::read(&record.application).ok());
            }
        }
        Ok(None)
    }

    /// Keeps a staged commit as pending, with the bytes of its entry.
    fn keep_commit(
        &mut self,
        overlay: Overlay,
        staged: Staged,
        cut: bool,
        now: Now,
    ) -> Result<(), EngineError> {
        let access = if cut {
            Some(
                self.group
                    .pending_access(&self.record.channel, self.cursor.counter.next())?,
            )
        } else {
            None
        };
        let body = if staged.message.len() > LARGEST_MESSAGE {
            return Err(EngineError::TooLarge(Misuse::TooLarge {
                size: staged.message.len(),
                limit: LARGEST_MESSAGE,
            }));
        } else {
            Body::Mls(staged.message)
        };
        let entry = self.entry(body, now, true)?;
        let welcome = match (staged.welcome, staged.tree) {
            (Some(welcome), Some(tree)) => Some(WelcomeRecord {
                welcome,
                tree,
                handed: false,
            }),
            _ => None,
        };
        self.pending = Some(PendingRecord {
            hash: EntryHash::of(&entry),
            entry,
            counter: self.cursor.counter,
            cut,
            ops: staged.ops,
            access,
            welcome,
        });
        self.keep_pending(&overlay)?;
        overlay.commit()?;
        Ok(())
    }

    fn send_intent(&mut self, number: u64, item: &OutboxRecord, now: Now) -> Result<Next, EngineError> {
        let deed: Deed = codec::decode(&item.deed, codec::LIMIT).map_err(|_| Denied::Malformed)?;
        let act = Act::new(item.id, self.state.position, &deed)?;
        let next = self.state.position.next();
        let overlay = self.vault.overlay();
        if let Err(denied) = self.state.judge(next, &self.record.persona, &act) {
            self.outbox.remove(&number);
            overlay.delete(self.place(Table::Outbox, number));
            overlay.commit()?;
            return Ok(Next::Refused(item.id, denied));
        }
        let act = codec::encode(&act, codec::LIMIT)?;
        let message = self.group.seal(&overlay, &act)?;
        let chat = matches!(deed, Deed::Say { .. });
        let bytes = self.entry(Body::Mls(message), now, !chat)?;
        let sent = SentRecord {
            act,
            counter: self.cursor.counter,
        };
        overlay.put_value(self.sent_place(&EntryHash::of(&bytes)), &sent)?;
        overlay.commit()?;
        Ok(Next::Send(Outgoing::Append {
            counter: self.cursor.counter,
            bytes,
        }))
    }

    /// Seals a body with one's head into an entry. For chat the head is rounded down to the last flagged entry.
    fn entry(&self, body: Body, now: Now, exact: bool) -> Result<Vec<u8>, EngineError> {
        let (position, facts) = if exact {
            (self.cursor.position, self.facts_at(self.cursor.position)?)
        } else {
            let rounded = self.cursor.flagged.max(self.record.joined_at);
            (rounded, self.facts_at(rounded)?)
        };
        let head = Head {
            position,
            running: facts.running,
            epoch: facts.epoch,
            authenticator: facts.authenticator,
            root: facts.root,
            time: now.minutes,
        };
        let digest = SignedHead::digest(&self.record.room, &self.record.persona, &head);
        let content = Content {
            head: SignedHead {
                author: self.record.persona,
                head,
                signature: self.persona.sign(&digest),
            },
            body,
        };
        Ok(envelope::seal(
            &self.cursor.access.envelope_key(),
            &self.record.channel,
            self.cursor.counter,
            random::bytes()?,
            &content,
        )?)
    }

    fn facts_at(&self, position: Position) -> Result<HeadFacts, EngineError> {
        Ok(match self.log_at(position)? {
            Some(record) => record.facts,
            None => self.facts(),
        })
    }

    fn notice(&self, kind: NoticeKind) -> Result<SignedNotice, EngineError> {
        let notice = Notice {
            kind,
            nonce: Nonce(random::bytes()?),
        };
        let digest = SignedNotice::digest(&self.record.room, &self.record.persona, &notice);
        Ok(SignedNotice {
            author: self.record.persona,
            notice,
            signature: self.persona.sign(&digest),
        })
    }

    /// Whether this device's control key is named and it should hold a control handle.
    #[must_use]
    pub fn is_keyholder(&self) -> bool {
        self.holds(Power::Keys)
    }
}
