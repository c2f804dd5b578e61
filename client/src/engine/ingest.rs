//! The one ingest path: every entry, live, caught up, after a welcome or after a restart, comes through here,
//! and moves ratchet, plaintext, cursor and outbox in one vault transaction.

use caucus_proto::codec;
use caucus_proto::envelope::{self, AccessSecret, Body, Content};
use caucus_proto::id::{EntryHash, IntentId, Minutes, PersonaId, Position};
use caucus_proto::org::{
    Act, At, CommitOps, Denied, Effect, Input, NoticeKind, Outcome, Remark, SignedHead, SignedNotice,
};
use caucus_proto::wire::{Entry, Flag};

use super::describe;
use super::error::EngineError;
use super::follow::Cause;
use super::live::Landing;
use super::record::{Health, LogRecord, Remarks};
use super::room::Room;
use crate::mls::{Group, Incoming, IncomingCommit, MlsError};
use crate::vault::{Overlay, Table};

/// What came of an entry, for those who wait.
#[derive(Debug, Default)]
pub struct Ingested {
    /// The log record, if the entry was new.
    pub record: Option<(Position, LogRecord)>,
    /// An own intent was judged where it landed.
    pub landed: Option<(IntentId, Landing)>,
    /// The keys of the channel turned: its handles are of no more use.
    pub keys_turned: bool,
    /// The room cannot go on.
    pub stopped: bool,
    /// The effects, for whoever follows the body.
    pub effects: Vec<Effect>,
}

/// What an opened entry turned out to be.
pub(super) enum Opened {
    Nothing(Denied),
    Notice(Box<SignedNotice>),
    Act(Vec<u8>),
    Commit(Box<Arrived>),
    Part(Vec<u8>),
    /// A signed commit that fails here and keeps every rule that everybody sees.
    Broken(CommitOps),
    /// Signed by oneself, and not known here: this device was set back.
    NotRemembered,
}

pub(super) enum Arrived {
    Ours(CommitOps),
    Theirs(IncomingCommit),
}

impl Arrived {
    const fn ops(&self) -> &CommitOps {
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
    /// `EngineError::Contradicted` if the relay shows another history than it did: nothing was taken in.
    pub fn ingest(&mut self, entry: &Entry) -> Result<Ingested, EngineError> {
        self.freshen()?;
        if self.is_stopped() {
            return Ok(Ingested::halted());
        }
        if matches!(self.cursor.health, Health::Holding { .. }) {
            return self.skim(entry);
        }
        if entry.position <= self.cursor.position {
            self.judge_entry(entry)?;
            return Ok(Ingested::default());
        }
        if entry.position != self.cursor.position.next() {
            let missed = entry.position.0 - self.cursor.position.0 - 1;
            let why = format!("{missed} entries before it are not there any more");
            return self.transact(|room, overlay| room.stop(overlay, entry.position, why));
        }
        self.judge_entry(entry)?;
        self.transact(|room, overlay| room.take_in(overlay, entry))
    }

    fn is_stopped(&self) -> bool {
        !matches!(
            self.cursor.health,
            Health::Open | Health::Holding { .. } | Health::Forked { .. } | Health::Gone
        )
    }

    /// Reading goes no further; what was read stays.
    fn stop(&mut self, overlay: &Overlay, at: Position, why: String) -> Result<Ingested, EngineError> {
        self.cursor.health = Health::Unsynced { at, why };
        self.keep(overlay)?;
        Ok(Ingested::halted())
    }

    fn take_in(&mut self, overlay: &Overlay, entry: &Entry) -> Result<Ingested, EngineError> {
        let hash = EntryHash::of(&entry.bytes);
        let (content, base) = self.unseal(entry);
        let head = content.as_ref().and_then(|content| self.authentic(content));
        if let Some(head) = &head {
            self.compare(overlay, head, entry.position)?;
        }
        let mark = overlay.mark();
        let shadow = match entry.flag.moves() && self.has_electorate() && self.group.is_some() {
            true => Some(self.shadow(overlay)?),
            false => None,
        };
        let opened = match (content, &head) {
            (Some(content), Some(head)) => self.open_body(overlay, content, head)?,
            _ => Opened::Nothing(Denied::Unprocessable),
        };
        if matches!(opened, Opened::NotRemembered) {
            overlay.rollback(mark);
            let why = "it is your own, and this device does not know it: an older copy was put back";
            return self.stop(overlay, entry.position, why.to_owned());
        }
        if let (Opened::Broken(ops), Some(head)) = (&opened, &head)
            && self.is_to_be_held(entry, &head.author, ops)
        {
            overlay.rollback(mark);
            self.reload_group(overlay)?;
            if self.has_electorate() {
                return self.hold(overlay, entry, head.author);
            }
            let why = "a commit that this device could not process";
            return self.stop(overlay, entry.position, why.to_owned());
        }
        let author = head.map(|head| (head.author, head.head.time));
        let at = At {
            position: entry.position,
            flagged: entry.flag.moves(),
            cut: entry.flag == Flag::Cut,
            seen: self.seen(overlay, head.as_ref(), entry.position)?,
        };
        let act = match &opened {
            Opened::Act(bytes) => codec::decode::<Act>(bytes, codec::LIMIT).ok(),
            _ => None,
        };
        let notice = match &opened {
            Opened::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        let deed = act.as_ref().and_then(|act| act.read_deed().ok());
        let subject = deed
            .as_ref()
            .and_then(describe::subject)
            .map(|persona| self.name_of(&persona));
        let input = match (&opened, author) {
            // The same for who could process it and who could not.
            (Opened::Commit(_) | Opened::Broken(_), Some((author, _)))
                if self.is_void(&author, at.position) =>
            {
                Input::Nothing(Denied::Disputed)
            }
            _ => input(&opened),
        };
        let outcome = self.state.apply(at, author, &input);
        let outcome = self.by_the_log(overlay, author.map(|(persona, _)| persona), outcome)?;
        // The log keeps the root after each entry.
        self.state.settle();
        if let Outcome::UpgradeNeeded { floor } = outcome {
            overlay.rollback(mark);
            self.reload_group(overlay)?;
            self.cursor.health = Health::NeedsUpgrade { floor };
            self.keep(overlay)?;
            return Ok(Ingested::halted());
        }
        let done = matches!(outcome, Outcome::Done(_));
        let unopened = matches!(outcome, Outcome::NoOp(Denied::WrongFlag | Denied::Unprocessable));
        if unopened || (!done && matches!(opened, Opened::Commit(_) | Opened::Broken(_))) {
            // It leaves no trace in the ratchets.
            overlay.rollback(mark);
            self.reload_group(overlay)?;
        }
        if let (Opened::Commit(commit), true, Some((author, _))) = (&opened, done, author)
            && !(commit.ops().adds.is_empty() && commit.ops().removes.is_empty())
        {
            // What is left begins anew to wait: for them first.
            self.plan.executor = Some(author);
            self.plan.unexecuted_since = None;
        }
        let ours = matches!(&opened, Opened::Commit(commit) if matches!(commit.as_ref(), Arrived::Ours(_)));
        let epoch = self.epoch();
        match opened {
            Opened::Commit(commit) => {
                // Without a path it is the same for all who are in the epoch: nobody's complaint counts.
                let divides = done && commit.ops().path.is_some();
                self.execute(overlay, *commit, done, at, head.as_ref())?;
                if let (Some(shadow), Some((author, _)), true) =
                    (&shadow, author, divides && self.group.is_some())
                {
                    self.doubt(overlay, shadow, at.position, hash, author, epoch)?;
                }
            }
            Opened::Part(bytes) if done => {
                if let Some((author, _)) = author {
                    self.keep_part(overlay, author, entry.position, hash, bytes)?;
                }
            }
            _ => {}
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
        }
        if self.epoch() != epoch || self.group.is_none() {
            // Nothing made for the epoch before can be opened any more.
            overlay.delete_scope(Table::Sent, self.record.room.as_bytes());
            if self.pending.take().is_some() {
                self.keep_pending(overlay)?;
            }
            if let Some(group) = &mut self.group {
                group.drop_pending(overlay)?;
            }
        }
        if at.cut && done {
            let channel = self.record.channel;
            let next = match (&notice, &self.group) {
                (Some(_), _) => Some(base.answer(&channel, self.cursor.counter)),
                (None, Some(group)) => Some(group.access(&channel, self.cursor.counter)?),
                (None, None) => None,
            };
            if let Some(next) = next {
                self.turn_keys(next);
            }
            match &notice {
                Some(_) => self.rejoin(overlay, &base)?,
                None => self.part(overlay)?,
            }
        }
        let effects = match &outcome {
            Outcome::Done(effects) => effects.clone(),
            _ => Vec::new(),
        };
        let turned = at.cut && done && self.group.is_some();
        let answers = effects.iter().find_map(|effect| match effect {
            Effect::Remarked { remark } => match &**remark {
                Remark::Reply { to, .. } => Some(*to),
                _ => None,
            },
            _ => None,
        });
        let record = LogRecord {
            flag: entry.flag,
            author: author.map(|(persona, _)| persona),
            name: author.map_or_else(String::new, |(persona, _)| self.name_of(&persona)),
            time: author.map(|(_, time)| time),
            item: describe::item(&self.state, &outcome, subject.as_deref()),
            facts: self.facts(),
            act: act.as_ref().map(|act| act.id),
            remarks: Remarks {
                answers,
                ..Remarks::default()
            },
        };
        overlay.put_value(self.place(Table::Log, entry.position.0), &record)?;
        let cause = Cause {
            deed: deed.as_ref(),
            author: record.author,
            notice: notice.as_deref(),
            ours,
            hash: &hash,
        };
        for effect in &effects {
            self.follow_up(overlay, effect, cause)?;
        }
        self.keep_greeting(overlay, cause)?;
        if at.cut {
            self.close_invites(overlay)?;
        }
        if let Some(notice) = notice.as_deref().filter(|_| done) {
            self.pass_on(notice);
            if let (NoticeKind::Heard(heads), Some((by, time))) = (&notice.notice.kind, author)
                && by == notice.author
            {
                self.hear_heads(overlay, (by, time), heads)?;
            }
        }
        self.settle_keys(overlay)?;
        if at.flagged {
            self.forget_spare_keys(overlay)?;
        }
        if !effects.is_empty() {
            self.weigh();
        }
        if turned {
            self.speak_in_refuge(overlay, time_of(author))?;
        }
        let mine = record.author == Some(self.record.persona);
        let intent = act.filter(|_| mine).map(|act| act.id);
        let landed = self.settle(overlay, intent, &outcome)?;
        self.keep(overlay)?;
        if let Some(head) = &head
            && self.count(overlay, at.position, head, notice.as_deref())?
        {
            self.keep(overlay)?;
            return Ok(Ingested::halted());
        }
        Ok(Ingested {
            record: Some((entry.position, record)),
            landed,
            keys_turned: at.cut,
            stopped: self.take_moved() || self.is_stopped(),
            effects,
        })
    }

    /// What an entry holds, and the access secret that opened it. An answer to a cut comes from a secret before it.
    fn unseal(&self, entry: &Entry) -> (Option<Content>, AccessSecret) {
        let open = |access: &AccessSecret| {
            let key = access.envelope_key();
            envelope::open(&key, &self.record.channel, entry.counter, &entry.bytes).ok()
        };
        let now = &self.cursor.access;
        if let Some(content) = open(now) {
            return (Some(content), now.clone());
        }
        let before = self.cursor.older.iter().rev();
        let answer = before.filter(|_| entry.flag == Flag::Cut).find_map(|access| {
            let content = open(access).filter(|content| matches!(content.body, Body::Notice(_)));
            content.map(|content| (Some(content), access.clone()))
        });
        answer.unwrap_or_else(|| (None, now.clone()))
    }

    fn open_body(
        &mut self,
        overlay: &Overlay,
        content: Content,
        head: &SignedHead,
    ) -> Result<Opened, EngineError> {
        let message = match content.body {
            Body::Notice(notice) => {
                // Others may carry it in, from the refuge.
                return Ok(if self.is_signed(&notice) {
                    Opened::Notice(Box::new(notice))
                } else {
                    Opened::Nothing(Denied::Unprocessable)
                });
            }
            Body::Part(bytes) => return Ok(Opened::Part(bytes)),
            Body::Parts(parts) => match self.joined(overlay, &head.author, &parts)? {
                Some(message) => message,
                None => return Ok(Opened::Nothing(Denied::Unprocessable)),
            },
            Body::Mls(message) => message,
        };
        if head.author == self.record.persona {
            return self.own(overlay, head);
        }
        let incoming = match self.group()?.process(overlay, &message) {
            Ok(incoming) => incoming,
            Err(MlsError::Storage(error)) => return Err(error.into()),
            Err(MlsError::Broken { author, ops }) if author == head.author => {
                return Ok(Opened::Broken(*ops));
            }
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

    /// Executes a commit that the machine allowed, or undoes what opening it did.
    fn execute(
        &mut self,
        overlay: &Overlay,
        commit: Arrived,
        done: bool,
        at: At,
        head: Option<&SignedHead>,
    ) -> Result<(), EngineError> {
        match (commit, done) {
            (Arrived::Ours(_), true) => self.group()?.merge_own(overlay)?,
            // The relay shows it without its flag: it may still come with it.
            (Arrived::Ours(_), false) if !at.flagged => {}
            (Arrived::Ours(_), false) => {
                self.pending = None;
                self.keep_pending(overlay)?;
                self.group()?.drop_pending(overlay)?;
                if let Some(head) = head {
                    self.forget_sent(overlay, head.head.body)?;
                }
            }
            (Arrived::Theirs(commit), true) => {
                let removes_us = commit.removes_us();
                self.group()?.merge(overlay, commit)?;
                if removes_us {
                    Group::forget(overlay, &self.record.room)?;
                    self.group = None;
                }
            }
            (Arrived::Theirs(_), false) => {}
        }
        Ok(())
    }

    /// Whether a commit that fails here is for everybody's heads to decide. What the machine or a verdict refuses
    /// anyway is a no-op for everybody.
    fn is_to_be_held(&self, entry: &Entry, author: &PersonaId, ops: &CommitOps) -> bool {
        entry.flag.moves()
            && !self.is_void(author, entry.position)
            && self.state.judge_commit(author, ops).is_ok()
    }

    fn reload_group(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        if let Some(group) = Group::load(overlay, &self.record.room)? {
            self.group = Some(group);
            self.know_bearers();
        }
        Ok(())
    }
}

impl Ingested {
    /// The room cannot go on as it did.
    pub(super) fn halted() -> Self {
        Self {
            stopped: true,
            ..Self::default()
        }
    }
}

fn time_of(author: Option<(PersonaId, Minutes)>) -> Minutes {
    author.map_or(Minutes(0), |(_, time)| time)
}

fn input(opened: &Opened) -> Input<'_> {
    match opened {
        Opened::Act(bytes) => Input::Act(bytes),
        Opened::Commit(commit) => Input::Commit(commit.ops()),
        Opened::Notice(notice) => Input::Notice(notice),
        Opened::Part(_) => Input::Part,
        Opened::Nothing(denied) => Input::Nothing(denied.clone()),
        Opened::Broken(_) | Opened::NotRemembered => Input::Nothing(Denied::Unprocessable),
    }
}
