//! The one ingest path: every entry, live, caught up, after a welcome or after a restart, comes through here,
//! and moves ratchet, plaintext, cursor and outbox in one vault transaction.

use caucus_proto::codec;
use caucus_proto::envelope::{self, Body, Content, PartOf};
use caucus_proto::id::{EntryHash, IntentId, PersonaId, Position};
use caucus_proto::org::{Act, At, CommitOps, Deed, Denied, Effect, Input, Outcome, SignedHead, Standing};
use caucus_proto::wire::{Entry, Flag};

use super::describe;
use super::error::EngineError;
use super::record::{Health, InviteRecord, Job, LogRecord, RequestRecord, SecretKey, SentRecord};
use super::room::Room;
use crate::mls::{Incoming, IncomingCommit, MlsError};
use crate::vault::{Overlay, Place, Table};

/// Milliseconds after which somebody else greets whom the author of a commit did not.
const GREET_LATER_MS: u64 = 20_000;

/// What came of an entry, for those who wait.
#[derive(Debug, Default)]
pub struct Ingested {
    /// The log record, if the entry was new.
    pub record: Option<(Position, LogRecord)>,
    /// An own intent was judged where it landed.
    pub landed: Option<(IntentId, Result<Position, Denied>)>,
    /// The keys of the channel turned: its handles are of no more use.
    pub keys_turned: bool,
    /// The room cannot go on.
    pub stopped: bool,
    /// The effects, for whoever follows the body.
    pub effects: Vec<Effect>,
}

/// What an opened entry turned out to be.
enum Opened {
    Nothing(Denied),
    Notice,
    Act(Vec<u8>),
    Commit(Box<Arrived>),
    Part(Vec<u8>),
    /// Signed by oneself, and not known here: this device was set back.
    NotRemembered,
}

enum Arrived {
    Ours(CommitOps),
    Theirs(IncomingCommit),
}

impl Arrived {
    fn ops(&self) -> &CommitOps {
        match self {
            Self::Ours(ops) => ops,
            Self::Theirs(commit) => &commit.ops,
        }
    }
}

impl Room {
    /// Takes in one entry as the relay served it.
    ///
    /// # Errors
    /// `EngineError::Vault` if the vault cannot be written: the entry was then not taken in.
    pub fn ingest(&mut self, entry: &Entry) -> Result<Ingested, EngineError> {
        if entry.position <= self.cursor.position || self.is_stopped() {
            return Ok(Ingested {
                stopped: self.is_stopped(),
                ..Ingested::default()
            });
        }
        if entry.position != self.cursor.position.next() {
            let missed = entry.position.0 - self.cursor.position.0 - 1;
            return self.stop(
                entry.position,
                format!("{missed} entries before it are not there any more"),
            );
        }
        if entry.counter != self.cursor.counter {
            return self.stop(
                entry.position,
                format!(
                    "the relay names counter {} where {} is due",
                    entry.counter, self.cursor.counter
                ),
            );
        }
        let overlay = self.vault.overlay();
        match self.take_in(&overlay, entry) {
            Ok(ingested) => {
                overlay.commit()?;
                Ok(ingested)
            }
            Err(error) => {
                drop(overlay);
                self.reload()?;
                Err(error)
            }
        }
    }

    fn is_stopped(&self) -> bool {
        !matches!(self.cursor.health, Health::Open | Health::Forked { .. })
    }

    /// Reading goes no further; what was read stays.
    fn stop(&mut self, at: Position, why: String) -> Result<Ingested, EngineError> {
        self.cursor.health = Health::Unsynced { at, why };
        self.keep_cursor()?;
        Ok(Ingested {
            stopped: true,
            ..Ingested::default()
        })
    }

    fn take_in(&mut self, overlay: &Overlay, entry: &Entry) -> Result<Ingested, EngineError> {
        let hash = EntryHash::of(&entry.bytes);
        let content = envelope::open(
            &self.cursor.access.envelope_key(),
            &self.record.channel,
            entry.counter,
            &entry.bytes,
        );
        let head = content
            .as_ref()
            .ok()
            .and_then(|content| self.authentic(&content.head));
        if let Some(head) = &head {
            self.compare(head, entry.position)?;
        }
        let mark = overlay.mark();
        let opened = match (content, &head) {
            (Ok(content), Some(head)) => self.open_body(overlay, content, head, &hash)?,
            _ => Opened::Nothing(Denied::Unprocessable),
        };
        let author = head.map(|head| (head.author, head.head.time));
        let at = At {
            position: entry.position,
            flagged: entry.flag.moves(),
            cut: entry.flag == Flag::Cut,
        };
        if matches!(opened, Opened::NotRemembered) {
            overlay.rollback(mark);
            self.cursor.health = Health::Unsynced {
                at: entry.position,
                why: "it is your own, and this device does not know it: an older copy was put back"
                    .to_owned(),
            };
            self.keep(overlay)?;
            return Ok(Ingested {
                stopped: true,
                ..Ingested::default()
            });
        }
        let act = match &opened {
            Opened::Act(bytes) => codec::decode::<Act>(bytes, codec::LIMIT).ok(),
            _ => None,
        };
        let deed = act.as_ref().and_then(|act| act.read_deed().ok());
        let subject = deed
            .as_ref()
            .and_then(describe::subject)
            .map(|persona| self.name_of(&persona));
        let input = match &opened {
            Opened::Act(bytes) => Input::Act(bytes),
            Opened::Commit(commit) => Input::Commit(commit.ops()),
            Opened::Notice => Input::Notice,
            Opened::Part(_) if !at.flagged => Input::Notice,
            Opened::Part(_) => Input::Nothing(Denied::WrongFlag),
            Opened::Nothing(denied) => Input::Nothing(denied.clone()),
            Opened::NotRemembered => Input::Nothing(Denied::Unprocessable),
        };
        let outcome = self.state.apply(at, author, &input);
        if let Outcome::UpgradeNeeded { floor } = outcome {
            overlay.rollback(mark);
            self.cursor.health = Health::NeedsUpgrade { floor };
            self.keep(overlay)?;
            return Ok(Ingested {
                stopped: true,
                ..Ingested::default()
            });
        }
        let done = matches!(outcome, Outcome::Done(_));
        let ours = matches!(&opened, Opened::Commit(commit) if matches!(commit.as_ref(), Arrived::Ours(_)));
        if let Opened::Part(bytes) = &opened
            && done
        {
            overlay.put_value(self.place(Table::Parts, entry.position.0), &(hash, bytes))?;
        }
        if let Opened::Commit(commit) = opened {
            match (*commit, done) {
                (Arrived::Ours(_), true) => self.group.merge_own(overlay)?,
                (Arrived::Ours(_), false) => self.group.drop_pending(overlay)?,
                (Arrived::Theirs(commit), true) => self.group.merge(overlay, commit)?,
                (Arrived::Theirs(_), false) => {
                    overlay.rollback(mark);
                    self.reload_group(overlay)?;
                }
            }
        } else if matches!(outcome, Outcome::NoOp(Denied::WrongFlag | Denied::Unprocessable)) {
            overlay.rollback(mark);
            self.reload_group(overlay)?;
        }

        self.cursor.running =
            self.cursor
                .running
                .then(entry.position, entry.counter, entry.flag.byte(), &entry.bytes);
        self.cursor.position = entry.position;
        if at.flagged {
            self.cursor.counter = self.cursor.counter.next();
            self.cursor.flagged = entry.position;
            overlay.delete_scope(Table::Parts, self.record.room.as_bytes());
            // Nothing made for the counter before can land any more.
            if self.pending.take().is_some() {
                if !ours {
                    self.group.drop_pending(overlay)?;
                }
                self.keep_pending(overlay)?;
            }
            overlay.delete_scope(Table::Sent, self.record.room.as_bytes());
        }
        if at.cut && done && self.group.is_active() {
            self.cursor.access = self.group.access(&self.record.channel, self.cursor.counter)?;
            self.cursor.cut = self.state.now();
        }
        let effects = match &outcome {
            Outcome::Done(effects) => effects.clone(),
            _ => Vec::new(),
        };
        let record = LogRecord {
            flag: entry.flag,
            author: author.map(|(persona, _)| persona),
            name: author.map_or_else(String::new, |(persona, _)| self.name_of(&persona)),
            time: author.map(|(_, time)| time),
            item: describe::item(&self.state, &outcome, subject.as_deref()),
            facts: self.facts(),
        };
        overlay.put_value(self.place(Table::Log, entry.position.0), &record)?;
        for effect in &effects {
            self.follow_up(
                overlay,
                effect,
                deed.as_ref(),
                author.map(|(persona, _)| persona),
                ours,
                &hash,
            )?;
        }
        let mine = author.is_some_and(|(persona, _)| persona == self.record.persona);
        let intent = act.filter(|_| mine).map(|act| act.id);
        let landed = self.settle(overlay, intent, &outcome, entry.position)?;
        self.keep(overlay)?;
        Ok(Ingested {
            record: Some((entry.position, record)),
            landed,
            keys_turned: at.cut,
            stopped: self.is_stopped(),
            effects,
        })
    }

    /// The head, if the one it names signed it.
    fn authentic(&self, head: &SignedHead) -> Option<SignedHead> {
        let person = self.state.person(&head.author)?;
        head.verify(&self.record.room, &person.key).ok().map(|()| *head)
    }

    /// Law 5: a head that contradicts what this device was shown is a fork.
    fn compare(&mut self, head: &SignedHead, at: Position) -> Result<(), EngineError> {
        let named = head.head.position;
        let agrees = if named >= at {
            // Nobody can have seen what stands after their own entry.
            false
        } else {
            match self.log_at(named)? {
                None => return Ok(()),
                Some(record) => {
                    record.facts.running == head.head.running
                        && record.facts.epoch == head.head.epoch
                        && record.facts.authenticator == head.head.authenticator
                        && record.facts.root == head.head.root
                }
            }
        };
        if agrees {
            let latest = self.cursor.heads.entry(head.author).or_default();
            *latest = named.max(*latest);
        } else if self.cursor.health == Health::Open {
            self.cursor.health = Health::Forked {
                at: named,
                by: head.author,
            };
            let overlay = self.vault.overlay();
            overlay.put_value(self.place(Table::Evidence, at.0), head)?;
            overlay.commit()?;
        }
        Ok(())
    }

    fn open_body(
        &mut self,
        overlay: &Overlay,
        content: Content,
        head: &SignedHead,
        hash: &EntryHash,
    ) -> Result<Opened, EngineError> {
        let message = match content.body {
            Body::Notice(notice) => {
                let by_author = notice.author == head.author
                    && self
                        .state
                        .person(&notice.author)
                        .is_some_and(|person| notice.verify(&self.record.room, &person.key).is_ok());
                return Ok(if by_author {
                    Opened::Notice
                } else {
                    Opened::Nothing(Denied::Unprocessable)
                });
            }
            Body::Part(bytes) => return Ok(Opened::Part(bytes)),
            Body::Parts(parts) => match self.joined(overlay, &parts)? {
                Some(message) => message,
                None => return Ok(Opened::Nothing(Denied::Unprocessable)),
            },
            Body::Mls(message) => message,
        };
        if head.author == self.record.persona {
            return self.own(overlay, hash);
        }
        let incoming = match self.group.process(overlay, &message) {
            Ok(incoming) => incoming,
            Err(MlsError::Storage(error)) => return Err(error.into()),
            Err(_) => return Ok(Opened::Nothing(Denied::Unprocessable)),
        };
        Ok(match incoming {
            Incoming::Message { author, plaintext } if author == head.author => Opened::Act(plaintext),
            Incoming::Commit(commit) if commit.author == head.author => {
                Opened::Commit(Box::new(Arrived::Theirs(*commit)))
            }
            _ => Opened::Nothing(Denied::Unprocessable),
        })
    }

    /// One's own entries are known by their hash: MLS does not open them.
    fn own(&self, overlay: &Overlay, hash: &EntryHash) -> Result<Opened, EngineError> {
        if let Some(pending) = &self.pending
            && pending.hash == *hash
        {
            return Ok(Opened::Commit(Box::new(Arrived::Ours(pending.ops.clone()))));
        }
        let sent: Option<SentRecord> = overlay.get_value(&self.sent_place(hash))?;
        Ok(match sent {
            Some(sent) => Opened::Act(sent.act),
            None => Opened::NotRemembered,
        })
    }

    pub(super) fn sent_place(&self, hash: &EntryHash) -> Place {
        // The first eight bytes tell entries of one counter apart; the record is under its room's scope, so that
        // all of a room go at once.
        let number = hash
            .0
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.place(Table::Sent, number)
    }

    fn joined(&self, overlay: &Overlay, parts: &[PartOf]) -> Result<Option<Vec<u8>>, EngineError> {
        let mut message = Vec::new();
        for part in parts {
            let kept: Option<(EntryHash, Vec<u8>)> =
                overlay.get_value(&self.place(Table::Parts, part.position.0))?;
            match kept {
                Some((hash, bytes)) if hash == part.entry => message.extend_from_slice(&bytes),
                _ => return Ok(None),
            }
        }
        Ok((!message.is_empty()).then_some(message))
    }

    fn reload_group(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        if let Some(group) = crate::mls::Group::load(overlay, &self.record.room)? {
            self.group = group;
        }
        Ok(())
    }

    /// An own intent was judged where it landed; and what more than half attest is not kept any longer.
    fn settle(
        &mut self,
        overlay: &Overlay,
        intent: Option<IntentId>,
        outcome: &Outcome,
        position: Position,
    ) -> Result<Option<(IntentId, Result<Position, Denied>)>, EngineError> {
        let mut landed = None;
        if let Some(id) = intent {
            let number = self
                .outbox
                .iter()
                .find(|(_, item)| item.id == id)
                .map(|(number, _)| *number);
            let verdict = match outcome {
                Outcome::NoOp(denied) if *denied != Denied::Repeated => Err(denied.clone()),
                _ => Ok(position),
            };
            if let Some(number) = number {
                match (&verdict, self.outbox.get_mut(&number)) {
                    (Ok(_), Some(item)) => {
                        item.landed.get_or_insert(position);
                        overlay.put_value(self.place(Table::Outbox, number), &self.outbox.get(&number))?;
                    }
                    _ => {
                        self.outbox.remove(&number);
                        overlay.delete(self.place(Table::Outbox, number));
                    }
                }
            }
            landed = Some((id, verdict));
        }
        self.forget_attested(overlay)?;
        Ok(landed)
    }

    fn forget_attested(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        let mut heads: Vec<Position> = self
            .state
            .present()
            .map(|(persona, _)| {
                if *persona == self.record.persona {
                    self.cursor.position
                } else {
                    self.cursor.heads.get(persona).copied().unwrap_or_default()
                }
            })
            .collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        // More than half have reached this position.
        let attested = heads.get(heads.len() / 2).copied().unwrap_or_default();
        let settled: Vec<u64> = self
            .outbox
            .iter()
            .filter(|(_, item)| item.landed.is_some_and(|landed| landed <= attested))
            .map(|(number, _)| *number)
            .collect();
        for number in settled {
            self.outbox.remove(&number);
            overlay.delete(self.place(Table::Outbox, number));
        }
        Ok(())
    }

    /// What an effect makes this device remember or do.
    fn follow_up(
        &mut self,
        overlay: &Overlay,
        effect: &Effect,
        deed: Option<&Deed>,
        author: Option<PersonaId>,
        ours: bool,
        hash: &EntryHash,
    ) -> Result<(), EngineError> {
        match effect {
            Effect::Invited { invite, drop, .. } => {
                let keys = self.cursor.access.invite(invite);
                let number = invite_number(invite);
                let place = self.place(Table::Invites, number);
                // Where this device opened it, the record with the link is there already.
                let own = overlay
                    .get_value::<InviteRecord>(&place)?
                    .and_then(|record| record.own);
                let record = InviteRecord {
                    id: *invite,
                    drop: *drop,
                    read: SecretKey(keys.read.to_bytes()),
                    sealing: SecretKey(*keys.sealing.bytes()),
                    cursor: Position(0),
                    own,
                };
                overlay.put_value(place, &record)?;
            }
            Effect::Revoked { invite } => self.end_invite(overlay, invite_number(invite))?,
            Effect::Applied { persona, .. } => {
                if let Some(Deed::Apply { application }) = deed {
                    self.keep_request(overlay, persona, application)?;
                }
            }
            Effect::Declined { persona, reason } => {
                if let Some(request) = self.forget_request(overlay, persona)?
                    && author == Some(self.record.persona)
                {
                    self.keep_job(
                        overlay,
                        &Job::TellDeclined {
                            application: request.application,
                            reason: reason.clone(),
                        },
                    )?;
                }
            }
            Effect::Unseated { persona } => {
                for (number, _) in
                    overlay.range(Table::Invites, self.record.room.as_bytes(), 0, usize::MAX)?
                {
                    self.end_invite(overlay, number)?;
                }
                if *persona == self.record.persona {
                    let removed = self
                        .state
                        .person(persona)
                        .is_some_and(|person| matches!(person.standing, Standing::Gone { by: Some(_), .. }));
                    self.cursor.health = Health::Out { removed };
                    self.outbox.clear();
                    overlay.delete_scope(Table::Outbox, self.record.room.as_bytes());
                    overlay.delete_scope(Table::Jobs, self.record.room.as_bytes());
                }
            }
            Effect::Seated { persona } => self.keep_greeting(overlay, persona, ours, hash)?,
            Effect::Said { .. }
            | Effect::Admitted { .. }
            | Effect::Removed { .. }
            | Effect::Left
            | Effect::ControlNamed { .. }
            | Effect::FloorRaised { .. }
            | Effect::Refreshed => {}
        }
        Ok(())
    }

    /// The author of the commit greets at once; other keyholders later, if the newcomer stays silent.
    fn keep_greeting(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaId,
        ours: bool,
        hash: &EntryHash,
    ) -> Result<(), EngineError> {
        if !ours && self.rank().is_none() {
            return Ok(());
        }
        // One job greets everybody whom this commit seated: the first of them makes it.
        let rows = overlay.range(Table::Jobs, self.record.room.as_bytes(), 0, usize::MAX)?;
        for (number, _) in rows {
            let place = self.place(Table::Jobs, number);
            if let Some(Job::Greet {
                mut personas,
                snapshot,
                position,
                running,
                counter,
                access,
                commit,
                after_ms,
            }) = overlay.get_value::<Job>(&place)?
                && commit == *hash
            {
                personas.push(*persona);
                let job = Job::Greet {
                    personas,
                    snapshot,
                    position,
                    running,
                    counter,
                    access,
                    commit,
                    after_ms,
                };
                overlay.put_value(place, &job)?;
                return Ok(());
            }
        }
        let job = Job::Greet {
            personas: vec![*persona],
            snapshot: self.state.snapshot()?,
            position: self.cursor.position,
            running: self.cursor.running,
            counter: self.cursor.counter,
            access: self.cursor.access.clone(),
            commit: *hash,
            after_ms: if ours { 0 } else { GREET_LATER_MS },
        };
        self.keep_job(overlay, &job)
    }

    pub(super) fn keep_job(&self, overlay: &Overlay, job: &Job) -> Result<(), EngineError> {
        let number = overlay
            .range(Table::Jobs, self.record.room.as_bytes(), 0, usize::MAX)?
            .last()
            .map_or(1, |(last, _)| last.saturating_add(1));
        overlay.put_value(self.place(Table::Jobs, number), job)?;
        Ok(())
    }

    fn end_invite(&self, overlay: &Overlay, number: u64) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, number);
        if let Some(record) = overlay.get_value::<InviteRecord>(&place)?
            && let Some(own) = record.own
        {
            let job = Job::EndInvite {
                card: own.card,
                drop: record.drop,
                control: own.control,
            };
            self.keep_job(overlay, &job)?;
        }
        overlay.delete(place);
        Ok(())
    }

    /// Gives a request a number that stays the same on this device until it is decided.
    fn keep_request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
        application: &[u8],
    ) -> Result<(), EngineError> {
        let counter = Place::new(Table::Requests, b"next", 0);
        let number: u64 = overlay.get_value(&counter)?.unwrap_or(1);
        overlay.put_value(counter, &number.saturating_add(1))?;
        let record = RequestRecord {
            room: self.record.room,
            persona: *persona,
            application: application.to_vec(),
        };
        overlay.put_value(Place::new(Table::Requests, b"", number), &record)?;
        Ok(())
    }

    pub(super) fn forget_request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<RequestRecord>, EngineError> {
        for (number, _) in overlay.range(Table::Requests, b"", 0, usize::MAX)? {
            let place = Place::new(Table::Requests, b"", number);
            if let Some(record) = overlay.get_value::<RequestRecord>(&place)?
                && record.room == self.record.room
                && record.persona == *persona
            {
                overlay.delete(place);
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// The number under which this device keeps an invite.
pub(super) fn invite_number(invite: &IntentId) -> u64 {
    invite
        .0
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
