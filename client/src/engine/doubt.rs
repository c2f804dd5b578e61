//! Commits that may be a split view: some can process them and some cannot. Whoever took one in keeps what was
//! before it until more than half have shown its epoch, and goes back where it is found void. Whoever could not
//! process one says so, reads on without opening anything, and waits for the verdict ([`Tally`]).

use caucus_proto::envelope::{self, AccessSecret, Body, Content};
use caucus_proto::id::{Counter, EntryHash, Minutes, PersonaId, Position};
use caucus_proto::org::verdict::SILENCE;
use caucus_proto::org::{NoticeKind, Side, SignedHead, SignedNotice, Tally};
use caucus_proto::wire::{Entry, Flag};

use super::error::EngineError;
use super::ingest::Ingested;
use super::record::{Cursor, Health, Job, ShadowRecord, Void};
use super::room::Room;
use super::send::{Next, Now, Outgoing};
use crate::mls::Group;
use crate::vault::{Overlay, Table};

/// Number of the record of the open counts.
pub(super) const DOUBTS: u64 = 5;

/// Commits that may be in doubt at once, while fewer than half of all people show that they took them in; the
/// oldest gives way, and can then not be gone back behind.
pub(super) const MOST_DOUBTS: usize = 64;

/// Stretches of void commits that are remembered.
const MOST_VOIDS: usize = 16;

/// Milliseconds after an answer for which the keys are left alone.
const TOGETHER_MS: u64 = 2 * 60 * 1000;

/// Why whoever held alone asks for renewal.
const FOLLOWED: &str = "a commit that the others could take in";

/// Fewer people than this hold no vote: one of two who cannot process a commit asks for renewal.
const ELECTORATE: usize = 3;

/// What a device that holds has read without taking it in.
#[derive(Debug)]
pub(super) struct Skimmed {
    tally: Tally,
    entry: EntryHash,
    pub(super) position: Position,
    pub(super) counter: Counter,
    /// Access secret whose envelopes it can open.
    pub(super) access: AccessSecret,
    /// The segment that it can open is read to its end.
    pub(super) over: bool,
    pub(super) complained: bool,
    /// What is said in the refuge: it shows whether most others could follow, and nothing more.
    refuge: Tally,
    /// When this device complained there.
    since: Option<Minutes>,
}

impl Skimmed {
    fn is_about(&self, notice: &SignedNotice) -> bool {
        matches!(&notice.notice.kind, NoticeKind::Complaint { entry, .. } if *entry == self.entry)
    }
}

impl Room {
    /// How far this device has read, whether it took that in or not.
    #[must_use]
    pub fn read_to(&self) -> Position {
        match (&self.cursor.health, &self.plan.skimmed) {
            (Health::Holding { .. }, Some(skimmed)) => skimmed.position,
            _ => self.cursor.position,
        }
    }

    /// Whether enough people have voice for heads to decide over a commit.
    pub(super) fn has_electorate(&self) -> bool {
        self.state.voters().count() >= ELECTORATE
    }

    /// Whether commits of this person count for nothing here: one of theirs is complained of, or was found void.
    pub(super) fn is_void(&self, author: &PersonaId, at: Position) -> bool {
        let open = |tally: &Tally| tally.is_disputed() && tally.author() == *author && tally.position() < at;
        let found = |void: &Void| void.author == *author && void.from <= at && at <= void.to;
        self.doubts.iter().any(open) || self.cursor.voids.iter().any(found)
    }

    /// What this device would go back to, before an entry is taken in.
    pub(super) fn shadow(&self, overlay: &Overlay) -> Result<ShadowRecord, EngineError> {
        Ok(ShadowRecord {
            group: Group::copy(overlay, &self.record.room)?,
            cursor: self.cursor.clone(),
            state: self.state.clone(),
        })
    }

    /// A commit was taken in: it is in doubt until more than half have shown its epoch.
    pub(super) fn doubt(
        &mut self,
        overlay: &Overlay,
        shadow: &ShadowRecord,
        at: Position,
        entry: EntryHash,
        author: PersonaId,
        epoch: u64,
    ) -> Result<(), EngineError> {
        let voters = shadow.state.voters();
        self.doubts.push(Tally::open(at, entry, author, epoch, voters));
        overlay.put_value(self.place(Table::Snapshots, at.0), shadow)?;
        if self.doubts.len() > MOST_DOUBTS {
            let oldest = self.doubts.remove(0);
            overlay.delete(self.place(Table::Snapshots, oldest.position().0));
        }
        self.keep_doubts(overlay)
    }

    /// The keys turned by a commit: who cannot follow one that is in doubt reads nothing of what comes now.
    pub(super) fn part(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        self.doubts.iter_mut().for_each(Tally::part);
        self.keep_doubts(overlay)
    }

    /// A keyholder answered from this secret: who stopped at a commit in whose time it was in force, or later, reads
    /// on, and everybody says once more what they saw.
    pub(super) fn rejoin(&mut self, overlay: &Overlay, base: &AccessSecret) -> Result<(), EngineError> {
        let mut doubts = std::mem::take(&mut self.doubts);
        for tally in &mut doubts {
            let place = self.place(Table::Snapshots, tally.position().0);
            let shadow = overlay.get_value::<ShadowRecord>(&place)?;
            let reads_on =
                |cursor: &Cursor| cursor.access == *base || cursor.older.iter().any(|older| older == base);
            if shadow.is_some_and(|shadow| reads_on(&shadow.cursor)) {
                tally.rejoin();
                self.plan.speak = true;
                self.plan.rejoined = true;
            }
        }
        self.doubts = doubts;
        self.keep_doubts(overlay)
    }

    /// The first commit at which a cut has divided the room.
    pub(super) fn divided_at(&self) -> Option<Position> {
        let first = self.doubts.iter().find(|tally| tally.is_divided());
        first.map(Tally::position)
    }

    /// The access secret that was in force before a commit in doubt.
    pub(super) fn secret_at(&self, doubt: Position) -> Result<Option<AccessSecret>, EngineError> {
        let place = self.place(Table::Snapshots, doubt.0);
        let shadow = self.vault.overlay().get_value::<ShadowRecord>(&place)?;
        Ok(shadow.map(|shadow| shadow.cursor.access))
    }

    /// Whether the keys are not to turn now: those who could not follow a commit say so first.
    pub(super) fn keeps_together(&mut self, now: Now) -> bool {
        if std::mem::take(&mut self.plan.rejoined) {
            self.plan.no_cut_before = self.plan.no_cut_before.max(now.ms.saturating_add(TOGETHER_MS));
        }
        self.doubts.iter().any(Tally::is_disputed)
    }

    pub(super) fn keep_doubts(&self, overlay: &Overlay) -> Result<(), EngineError> {
        overlay.put_value(self.place(Table::Rooms, DOUBTS), &self.doubts)?;
        Ok(())
    }

    /// Counts what an entry says of the commits in doubt. True if one was found void: this device has gone back
    /// to before it, and reads on from there.
    pub(super) fn count(
        &mut self,
        overlay: &Overlay,
        at: Position,
        head: &SignedHead,
        notice: Option<&SignedNotice>,
    ) -> Result<bool, EngineError> {
        if self.doubts.is_empty() {
            return Ok(false);
        }
        let me = self.record.persona;
        let mut speak = false;
        for tally in self.doubts.iter_mut().filter(|tally| tally.position() < at) {
            let disputed = tally.is_disputed();
            hear(tally, head, notice);
            speak |= tally.is_disputed() && !disputed && !tally.has_spoken(&me);
        }
        self.plan.speak |= speak;
        let found = self.doubts.iter_mut().find_map(|tally| {
            (tally.verdict() == Some(Side::Void)).then(|| (tally.position(), tally.author()))
        });
        if let Some((from, author)) = found {
            let void = Void { author, from, to: at };
            return self.go_back(overlay, void);
        }
        let (settled, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.doubts)
            .into_iter()
            .partition(|tally| tally.clone().verdict() == Some(Side::Stands));
        self.doubts = open;
        for tally in settled {
            overlay.delete(self.place(Table::Snapshots, tally.position().0));
        }
        self.keep_doubts(overlay)?;
        Ok(false)
    }

    /// Goes back to before a commit that was found void; everything from there on is judged again.
    fn go_back(&mut self, overlay: &Overlay, void: Void) -> Result<bool, EngineError> {
        let place = self.place(Table::Snapshots, void.from.0);
        let scope = self.record.room;
        for (number, _) in overlay.range(Table::Log, scope.as_bytes(), void.from.0, usize::MAX)? {
            overlay.delete(self.place(Table::Log, number));
        }
        let Some(shadow) = overlay.get_value::<ShadowRecord>(&place)? else {
            self.cursor.health = Health::Unsynced {
                at: void.from,
                why: "a commit was found void that this device cannot take back".to_owned(),
            };
            return Ok(true);
        };
        self.group = Group::put_back(overlay, &self.record.room, &shadow.group)?;
        if let Some(group) = &mut self.group {
            group.drop_pending(overlay)?;
        }
        self.pending = None;
        self.keep_pending(overlay)?;
        let seen = self.cursor.seen.min(shadow.cursor.position);
        self.take_state(shadow.state);
        self.cursor = shadow.cursor;
        self.cursor.seen = seen;
        self.cursor.health = Health::Open;
        self.go_back_to_site(overlay)?;
        self.settle_keys(overlay)?;
        self.remember_void(void);
        for (number, _) in overlay.range(Table::Snapshots, scope.as_bytes(), void.from.0, usize::MAX)? {
            overlay.delete(self.place(Table::Snapshots, number));
        }
        self.jobs_change();
        for (number, job) in overlay.values::<Job>(Table::Jobs, scope.as_bytes(), 0)? {
            if matches!(job, Job::Greet { position, .. } if position >= void.from) {
                overlay.delete(self.place(Table::Jobs, number));
            }
        }
        overlay.delete_scope(Table::Sent, scope.as_bytes());
        overlay.delete_scope(Table::Parts, scope.as_bytes());
        self.doubts.retain(|tally| tally.position() < void.from);
        self.keep_doubts(overlay)?;
        self.send_again(overlay)?;
        self.keep(overlay)?;
        Ok(true)
    }

    fn remember_void(&mut self, void: Void) {
        self.cursor.voids.push(void);
        let excess = self.cursor.voids.len().saturating_sub(MOST_VOIDS);
        self.cursor.voids.drain(..excess);
    }

    /// A signed commit could not be processed: reading goes on, and nothing is taken in.
    pub(super) fn hold(
        &mut self,
        overlay: &Overlay,
        entry: &Entry,
        author: PersonaId,
    ) -> Result<Ingested, EngineError> {
        self.cursor.health = Health::Holding { at: entry.position };
        self.keep(overlay)?;
        self.begin_skimming(entry, author);
        Ok(Ingested::default())
    }

    fn begin_skimming(&mut self, entry: &Entry, author: PersonaId) {
        let voters = self.state.voters();
        let hash = EntryHash::of(&entry.bytes);
        let mut tally = Tally::open(entry.position, hash, author, self.epoch(), voters);
        let refuge = tally.clone();
        if entry.flag == Flag::Cut {
            tally.part();
        }
        self.plan.skimmed = Some(Skimmed {
            tally,
            refuge,
            since: None,
            entry: hash,
            position: entry.position,
            counter: entry.counter.next(),
            access: self.cursor.access.clone(),
            over: false,
            complained: false,
        });
    }

    /// Reads an entry while holding.
    pub(super) fn skim(&mut self, entry: &Entry) -> Result<Ingested, EngineError> {
        let Health::Holding { at } = self.cursor.health else {
            return Ok(Ingested::default());
        };
        if entry.position < at {
            self.judge_entry(entry)?;
            return Ok(Ingested::default());
        }
        let skimmed = self.plan.skimmed.as_ref().filter(|_| entry.position > at);
        let access = skimmed.map_or(&self.cursor.access, |skimmed| &skimmed.access);
        let content = envelope::open(
            &access.envelope_key(),
            &self.record.channel,
            entry.counter,
            &entry.bytes,
        );
        let content = content.ok();
        let head = content.as_ref().and_then(|content| self.authentic(content));
        if entry.position == at {
            // Read again after a restart: the count begins anew.
            if let Some(head) = &head {
                self.begin_skimming(entry, head.author);
            }
            return Ok(Ingested::default());
        }
        let notice = content.as_ref().and_then(|content| match &content.body {
            Body::Notice(notice) if self.is_signed(notice) => Some(notice),
            _ => None,
        });
        let answers = entry.flag == Flag::Cut
            && notice
                .zip(head.as_ref())
                .is_some_and(|(notice, head)| self.state.judge_answer(&head.author, notice).is_ok());
        let (me, channel) = (self.record.persona, self.record.channel);
        let Some(skimmed) = &mut self.plan.skimmed else {
            return Ok(Ingested::default());
        };
        if entry.position != skimmed.position.next() {
            return Ok(Ingested::default());
        }
        skimmed.position = entry.position;
        if entry.flag.moves() {
            skimmed.counter = entry.counter.next();
        }
        if answers {
            skimmed.access = skimmed.access.answer(&channel, skimmed.counter);
            skimmed.over = false;
            skimmed.tally.rejoin();
            skimmed.complained = skimmed.tally.has_spoken(&me);
        }
        if let Some(head) = &head {
            hear(&mut skimmed.tally, head, notice);
        }
        skimmed.complained |= skimmed.tally.has_spoken(&me);
        if entry.flag == Flag::Cut && !answers {
            skimmed.tally.part();
        }
        self.decide(entry.position)
    }

    /// The complaint stands in the refuge.
    pub(super) fn complained(&mut self) {
        if let Some(skimmed) = &mut self.plan.skimmed {
            skimmed.complained = true;
        }
    }

    /// The segment that this device can open is read to its end. True if it cannot derive the keys of the next:
    /// it holds, or the cut was none.
    pub(super) fn segment_over(&mut self) -> bool {
        match (&self.cursor.health, &mut self.plan.skimmed) {
            (Health::Holding { .. }, Some(skimmed)) => {
                skimmed.over = true;
                true
            }
            _ => self.state.access != self.cursor.position && self.secret_before().is_some(),
        }
    }

    /// The access secret whose segment is to be read, and from where.
    pub(super) fn reads(&self) -> (AccessSecret, Position) {
        match (&self.cursor.health, &self.plan.skimmed) {
            (Health::Holding { .. }, Some(skimmed)) => (skimmed.access.clone(), skimmed.position),
            _ => (self.cursor.access.clone(), self.cursor.position),
        }
    }

    /// What was said in the refuge of the secret that this device still has, while it holds. Others may hear other
    /// things there, so it makes nothing void; but where more than half show that they could follow, or nobody
    /// answered for a day, this device asks for renewal.
    pub(super) fn hear_refuge(
        &mut self,
        contents: &[Content],
        now: Minutes,
    ) -> Result<Ingested, EngineError> {
        let me = self.record.persona;
        for content in contents {
            let head = self.authentic(content);
            let notice = match &content.body {
                Body::Notice(notice) if self.is_signed(notice) => Some(notice),
                _ => None,
            };
            if let (Some(head), Some(skimmed)) = (head, &mut self.plan.skimmed) {
                if head.author == me && notice.is_some_and(|notice| skimmed.is_about(notice)) {
                    skimmed.since.get_or_insert(head.head.time);
                }
                hear(&mut skimmed.refuge, &head, notice);
            }
        }
        let (Health::Holding { at }, Some(skimmed)) = (&self.cursor.health, &mut self.plan.skimmed) else {
            return Ok(Ingested::default());
        };
        let alone = skimmed.refuge.verdict() == Some(Side::Stands);
        let waited = |since: Minutes| now.0.saturating_sub(since.0) > SILENCE;
        let why = match (alone, skimmed.since.is_some_and(waited)) {
            (true, _) => FOLLOWED,
            (false, true) => {
                "the keys turned after a commit that this device could not process, and nobody answered"
            }
            (false, false) => return Ok(Ingested::default()),
        };
        let at = *at;
        self.transact(|room, overlay| {
            room.plan.skimmed = None;
            room.cursor.health = Health::Unsynced {
                at,
                why: why.to_owned(),
            };
            room.keep(overlay)?;
            Ok(Ingested::halted())
        })
    }

    /// Acts on the verdict, if it has fallen with the entry at this position.
    fn decide(&mut self, position: Position) -> Result<Ingested, EngineError> {
        let (Health::Holding { at }, Some(skimmed)) = (&self.cursor.health, &mut self.plan.skimmed) else {
            return Ok(Ingested::default());
        };
        let at = *at;
        let (author, verdict) = (skimmed.tally.author(), skimmed.tally.verdict());
        match verdict {
            None => Ok(Ingested::default()),
            Some(side) => self.transact(|room, overlay| {
                room.cursor.health = match side {
                    Side::Void => Health::Open,
                    Side::Stands => Health::Unsynced {
                        at,
                        why: FOLLOWED.to_owned(),
                    },
                };
                if side == Side::Void {
                    room.remember_void(Void {
                        author,
                        from: at,
                        to: position,
                    });
                }
                room.plan.skimmed = None;
                room.keep(overlay)?;
                Ok(Ingested::halted())
            }),
        }
    }

    /// Whether the one whom a notice names signed it.
    pub(super) fn is_signed(&self, notice: &SignedNotice) -> bool {
        // What is said to the whole body is signed for its governing room, and counts in every other one too.
        let room = match &notice.notice.kind {
            NoticeKind::Leave | NoticeKind::Accept { .. } => self.state.genesis.room(),
            _ => self.record.room,
        };
        self.state
            .person(&notice.author)
            .is_some_and(|person| notice.verify(&room, &person.key).is_ok())
    }

    /// Says, once, that a commit could not be processed.
    pub(super) fn complain(&mut self, now: Now) -> Result<Next, EngineError> {
        let (Health::Holding { at }, Some(skimmed)) = (&self.cursor.health, &self.plan.skimmed) else {
            return Ok(Next::Nothing);
        };
        if skimmed.complained {
            return Ok(Next::Nothing);
        }
        let (counter, access) = (skimmed.counter, skimmed.access.clone());
        let kind = NoticeKind::Complaint {
            position: *at,
            entry: skimmed.entry,
        };
        let body = Body::Notice(self.notice(kind)?);
        let bytes = self.entry_under(&access, counter, body, now.minutes, true)?;
        Ok(Next::Send(Outgoing::Append { counter, bytes }))
    }

    /// The complaint as it goes into a refuge, once; none where there is nothing to complain of.
    pub(super) fn complaint(&mut self, now: Now) -> Result<Option<Content>, EngineError> {
        let (Health::Holding { at }, Some(skimmed)) = (&self.cursor.health, &self.plan.skimmed) else {
            return Ok(None);
        };
        if skimmed.complained {
            return Ok(None);
        }
        let kind = NoticeKind::Complaint {
            position: *at,
            entry: skimmed.entry,
        };
        let body = Body::Notice(self.notice(kind)?);
        Ok(Some(self.content(body, now.minutes, true)?))
    }
}

fn hear(tally: &mut Tally, head: &SignedHead, notice: Option<&SignedNotice>) {
    tally.head(&head.author, &head.head);
    if let Some(SignedNotice { author, notice, .. }) = notice {
        match &notice.kind {
            NoticeKind::Complaint { position, entry } => {
                tally.complaint(author, *position, entry, head.head.time);
            }
            NoticeKind::Renewal { .. } => tally.renewal(author),
            NoticeKind::Heartbeat
            | NoticeKind::Answer { .. }
            | NoticeKind::Successor { .. }
            | NoticeKind::Follow { .. }
            | NoticeKind::Leave
            | NoticeKind::Accept { .. }
            | NoticeKind::Elsewhere { .. }
            | NoticeKind::Stranded { .. }
            | NoticeKind::Relocated { .. }
            | NoticeKind::Heard(_) => {}
        }
    }
}
