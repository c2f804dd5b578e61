//! What is sent to a room's relay while its log is followed, and what follows from the answers.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::envelope::Content;
use caucus_proto::id::{ChannelId, Counter, EntryHash, Position};
use caucus_proto::wire::{Access, Change, RefusedBecause, RelayAddress, Role, Served};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use x25519_dalek::StaticSecret;

use super::adrift;
use super::drops::Request;
use super::engine::Engine;
use super::error::EngineError;
use super::jobs::{self, Facts};
use super::lie::Lie;
use super::live::LiveRoom;
use super::pump::{Ended, take_in};
use super::record::Job;
use super::rosters;
use super::send::{Next, Now, Outgoing};
use super::succeed::tell_governing;
use crate::relay::{Appended, Connection, Handle, LinkError};

/// How long an entry that the relay stored may take to come back.
const ECHO: Duration = Duration::from_secs(30);

/// Milliseconds between two attempts to open the channel with one's control key, at first and at most.
const CONTROL_AGAIN: (u64, u64) = (3_000, 10 * 60 * 1000);

/// Milliseconds for which a cut is not tried again where the control handle is gone.
const CUT_AGAIN: u64 = 60_000;

/// Milliseconds for which nobody is added where the relay did not take what newcomers need.
const ADD_AGAIN: u64 = 60_000;

/// Milliseconds for which nothing is asked beside the log where the relay refused that.
const REFUSED_MS: u64 = 15_000;

/// A connection to the room's relay, with its handles, and what waits for what.
pub(super) struct Session<'a> {
    pub(super) engine: &'a Engine,
    pub(super) room: &'a LiveRoom,
    pub(super) connection: Connection,
    append: Handle,
    control: Option<Handle>,
    synced: bool,
    /// Nothing is sent before the log has come this far.
    await_position: Position,
    /// Since when nothing of it came.
    awaited_since: u64,
    /// Nothing is sent before this time.
    not_before: u64,
    control_tried: u64,
    control_pause: u64,
    pub(super) drops: JoinSet<()>,
    pub(super) watched: HashMap<u64, tokio::task::AbortHandle>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) refuges: HashMap<ChannelId, tokio::task::AbortHandle>,
    pub(super) found: mpsc::Sender<Content>,
    seen_jobs: HashMap<u64, u64>,
    refused_jobs: u64,
}

impl<'a> Session<'a> {
    /// A session that has read nothing yet.
    pub(super) fn new(
        engine: &'a Engine,
        room: &'a LiveRoom,
        connection: Connection,
        append: Handle,
        requests: mpsc::Sender<Request>,
        found: mpsc::Sender<Content>,
    ) -> Self {
        Self {
            engine,
            room,
            connection,
            append,
            control: None,
            synced: false,
            await_position: Position(0),
            awaited_since: 0,
            not_before: 0,
            control_tried: 0,
            control_pause: CONTROL_AGAIN.0,
            drops: JoinSet::new(),
            watched: HashMap::new(),
            requests,
            refuges: HashMap::new(),
            found,
            seen_jobs: HashMap::new(),
            refused_jobs: 0,
        }
    }

    /// Whether the log was read to its end.
    pub(super) const fn is_synced(&self) -> bool {
        self.synced
    }

    fn now(&self) -> Now {
        self.engine.now()
    }

    pub(super) fn served(&mut self, served: Served) -> Result<Option<Ended>, EngineError> {
        match served {
            Served::Entry(entry) => {
                self.room.compare_stored(&entry, self.now().minutes)?;
                if take_in(self.room, self.engine, &entry)? {
                    self.engine.changed();
                    return Ok(Some(Ended::Halted));
                }
                self.awaited_since = self.now().ms;
                if entry.position >= self.await_position {
                    self.await_position = Position(0);
                }
            }
            Served::CaughtUp { newest } => {
                self.room.room().judge_end(newest)?;
                self.room.room().end_by_copy()?;
                self.synced = true;
                self.room.set_trouble(None);
                self.room.live.store(true, Ordering::Relaxed);
                self.room.note_lost(None);
                self.room.room().mark_synced(self.now().minutes)?;
                self.engine.changed();
            }
            Served::End => return Ok(Some(Ended::SegmentOver)),
            Served::Gone | Served::Refused(RefusedBecause::NotOpened | RefusedBecause::HandleEnded) => {
                self.room.room().mark_gone()?;
                return Ok(Some(Ended::Gone));
            }
            Served::Refused(because) => return Err(LinkError::Refused(because).into()),
        }
        Ok(None)
    }

    pub(super) async fn tick(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        self.room.room().mark_synced(now.minutes)?;
        if self.await_position > Position(0)
            && now.ms.saturating_sub(self.awaited_since) > ECHO.as_millis() as u64
        {
            return Err(EngineError::Contradicted(Lie::Withheld {
                said: self.await_position,
                shown: self.room.room().read_to(),
            }));
        }
        self.work().await
    }

    /// Gives the handles back: they are few on a connection.
    pub(super) async fn close(self) {
        for handle in [Some(self.append), self.control].into_iter().flatten() {
            let _ = self.connection.close(handle).await;
        }
    }

    /// Somebody was heard in a refuge.
    pub(super) fn heard(&self, content: Content) -> Result<(), EngineError> {
        self.room.room().found_in_refuge(content)?;
        self.engine.changed();
        Ok(())
    }

    /// Everything there is to do now.
    pub(super) async fn work(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        self.room.room().tend_decisions(now)?;
        self.room.room().take_over()?;
        self.room.room().name_control_key()?;
        if self.synced {
            self.room.room().tend_between(now)?;
            rosters::tend(self.engine, self.room)?;
        }
        self.send().await?;
        self.set_controls().await?;
        self.answer_for_others().await?;
        self.reissue().await?;
        self.watch_drops()?;
        self.watch_refuges();
        self.do_jobs().await
    }

    async fn answer_for_others(&mut self) -> Result<(), EngineError> {
        let divided = self.room.room().answers_for_others(self.now().ms)?;
        if let Some((at, base)) = divided {
            adrift::answer(self.engine, self.room, &self.connection, at, &base).await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), EngineError> {
        loop {
            let now = self.now();
            if !self.synced || self.await_position > Position(0) || now.ms < self.not_before {
                return Ok(());
            }
            let next = self.room.room().next(now, self.control.is_some())?;
            match next {
                Next::Nothing => return Ok(()),
                Next::Refused(id, denied) => self.room.land(id, Err(denied)),
                Next::Send(Outgoing::HandOut {
                    seats,
                    welcome,
                    commit,
                }) => {
                    let facts = {
                        let room = self.room.room();
                        Facts {
                            channel: room.record().channel,
                            lies_in: room.record().lies_in(),
                            genesis: room.state().genesis.clone(),
                        }
                    };
                    let pass = || self.engine.take_pass(&self.relay());
                    let handed =
                        jobs::hand_out(&self.connection, &facts, &seats, &welcome, commit, pass).await;
                    match handed {
                        Ok(()) => self.room.room().handed(commit)?,
                        // What people say goes on without the newcomers.
                        Err(EngineError::Relay(LinkError::Refused(because))) => {
                            self.room.set_trouble(Some(because.to_string()));
                            let until = now.ms.saturating_add(ADD_AGAIN);
                            self.room.room().hand_out_refused(until)?;
                            if self.room.room().is_handing() {
                                self.not_before = until;
                            }
                        }
                        Err(error) => return Err(error),
                    }
                }
                Next::Send(Outgoing::Append { counter, bytes }) => {
                    let hash = EntryHash::of(&bytes);
                    let bytes = Bytes::from(bytes);
                    let answer = self.connection.append(self.append, counter, bytes).await;
                    self.answered(answer, hash)?;
                }
                Next::Send(Outgoing::Commit { counter, bytes, cut }) => {
                    self.commit(counter, Bytes::from(bytes), cut, now.ms).await?;
                }
            }
        }
    }

    async fn commit(
        &mut self,
        counter: Counter,
        bytes: Bytes,
        cut: Option<Access>,
        now: u64,
    ) -> Result<(), EngineError> {
        let hash = EntryHash::of(&bytes);
        let Some(access) = cut else {
            let answer = self.connection.advance(self.append, counter, bytes).await;
            return self.answered(answer, hash);
        };
        let Some(control) = self.control else {
            return self.room.room().cut_refused(now.saturating_add(CUT_AGAIN));
        };
        let answer = self
            .connection
            .cut(control, counter, bytes, access, Vec::new())
            .await;
        match answer {
            Err(LinkError::Refused(RefusedBecause::TooFast { retry_ms })) => {
                let until = now.saturating_add(u64::from(retry_ms));
                self.room.room().cut_refused(until)
            }
            Err(LinkError::Refused(RefusedBecause::WrongHandle | RefusedBecause::HandleEnded)) => {
                self.control = None;
                self.room.room().cut_refused(now.saturating_add(CUT_AGAIN))
            }
            Ok(Appended::Moved { .. }) => {
                // So that it lands the next time. Once in ten minutes; if not, without.
                let _ = self.connection.hold(control, 10).await;
                self.answered(answer, hash)
            }
            answer => self.answered(answer, hash),
        }
    }

    /// What follows from the relay's answer to an entry: until the log shows it, nothing more is sent.
    fn answered(&mut self, answer: Result<Appended, LinkError>, hash: EntryHash) -> Result<(), EngineError> {
        let now = self.now().ms;
        match answer {
            Ok(Appended::Stored(position)) => {
                self.room.set_trouble(None);
                self.expect(position, now)?;
                self.room.note_stored(position, hash);
            }
            Ok(Appended::Moved { newest, .. }) => self.expect(newest, now)?,
            Err(LinkError::Refused(
                RefusedBecause::TooFast { retry_ms } | RefusedBecause::Held { retry_ms },
            )) => {
                self.not_before = now.saturating_add(u64::from(retry_ms).max(10));
                self.wake_later(u64::from(retry_ms).max(10));
            }
            // The keys turned: the reading ends, and the next segment is opened.
            Err(LinkError::Refused(RefusedBecause::HandleEnded)) => {
                self.not_before = now.saturating_add(1_000);
            }
            Err(LinkError::Refused(
                because @ (RefusedBecause::ChannelFull
                | RefusedBecause::RelayFull
                | RefusedBecause::StoreFailed),
            )) => {
                self.room.set_trouble(Some(because.to_string()));
                self.not_before = now.saturating_add(15_000);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Waits for the log to come this far. A relay that names what was read already would be asked for ever.
    fn expect(&mut self, position: Position, now: u64) -> Result<(), EngineError> {
        self.room.room().judge_new(position)?;
        self.await_position = position;
        self.awaited_since = now;
        Ok(())
    }

    fn wake_later(&mut self, ms: u64) {
        let engine = self.engine.clone();
        let room = self.room.room().id();
        self.drops.spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            if let Some(room) = engine.room(&room) {
                room.wake.notify_one();
            }
        });
    }

    pub(super) fn relay(&self) -> RelayAddress {
        self.room.room().record().relay.clone()
    }

    pub(super) async fn open_control(&mut self) -> Result<(), EngineError> {
        let (channel, secret) = {
            let room = self.room.room();
            if !room.is_keyholder() {
                self.control = None;
                return Ok(());
            }
            (
                room.record().lies_in(),
                StaticSecret::from(room.record().control_key.0),
            )
        };
        self.control_tried = self.now().ms;
        match self.connection.open(channel, Role::Control, &secret).await {
            Ok(opened) => {
                self.control = Some(opened.handle);
                self.control_pause = CONTROL_AGAIN.0;
                self.room.room().controls_found()?;
                Ok(())
            }
            // It is not set yet, or waits for its time.
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
                self.control_pause = self.control_pause.saturating_mul(2).min(CONTROL_AGAIN.1);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Controls follow the office: the keyholders' named keys, and nobody else's.
    async fn set_controls(&mut self) -> Result<(), EngineError> {
        if self.control.is_none() {
            let pause = self.now().ms.saturating_sub(self.control_tried);
            if pause > self.control_pause && self.room.room().is_keyholder() {
                self.open_control().await?;
            }
            if self.control.is_none() {
                return Ok(());
            }
        }
        let Some(control) = self.control else {
            return Ok(());
        };
        let wanted = self.room.room().controls_wanted();
        if let Some((keys, controls, solo)) = wanted {
            match self
                .connection
                .change(control, Change::Controls { controls, solo })
                .await
            {
                Ok(_) => self.room.room().controls_set(keys)?,
                // For a moment only: it is asked again.
                Err(LinkError::Refused(
                    RefusedBecause::TooFast { .. }
                    | RefusedBecause::Held { .. }
                    | RefusedBecause::RelayFull
                    | RefusedBecause::StoreFailed,
                )) => {}
                Err(LinkError::Refused(RefusedBecause::WrongHandle | RefusedBecause::HandleEnded)) => {
                    self.control = None;
                }
                Err(LinkError::Refused(_)) => self.room.room().controls_refused(keys),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether the relay refused what is asked beside the log a moment ago.
    pub(super) fn was_refused(&self) -> bool {
        self.now().ms < self.refused_jobs
    }

    /// The relay refuses what is asked beside the log: not asked again for a moment.
    pub(super) fn refused(&mut self, because: RefusedBecause) {
        self.room.set_trouble(Some(because.to_string()));
        self.refused_jobs = self.now().ms.saturating_add(REFUSED_MS);
    }

    /// Whom a commit before a move seated is greeted where they asked.
    async fn relay_of(&self, job: &Job) -> Option<Connection> {
        let Job::Greet { position, .. } = job else {
            return Some(self.connection.clone());
        };
        let (before, (persona, purpose)) = {
            let room = self.room.room();
            (room.relay_before(*position), room.asks_as())
        };
        match before {
            Some(relay) => self.engine.connection(&relay, &persona, purpose).await.ok(),
            None => Some(self.connection.clone()),
        }
    }

    async fn do_jobs(&mut self) -> Result<(), EngineError> {
        let now = self.now().ms;
        if self.was_refused() {
            return Ok(());
        }
        let jobs = self.room.room().jobs()?;
        self.seen_jobs
            .retain(|number, _| jobs.iter().any(|(job, _)| job == number));
        for (number, job) in jobs.iter() {
            let number = *number;
            let since = *self.seen_jobs.entry(number).or_insert(now);
            let after_ms = match job {
                Job::Greet { after_ms, .. } => *after_ms,
                Job::TellDeclined { .. }
                | Job::TellOut { .. }
                | Job::EndInvite { .. }
                | Job::EndDrop { .. }
                | Job::SpeakInRefuge { .. }
                | Job::TakeHistory { .. }
                | Job::TellGoverning { .. } => 0,
            };
            if after_ms > 0 && self.room.room().were_greeted(job) {
                self.room.room().job_done(number, job)?;
                continue;
            }
            if now.saturating_sub(since) < after_ms {
                continue;
            }
            if let Job::TakeHistory { history, came } = job {
                let fetched = jobs::fetch_history(&self.connection, history).await?;
                let mut room = self.room.room();
                if let Some(bytes) = fetched {
                    // What may not be taken is left alone: others' words are nothing that one waits for.
                    let _ = room.take_history(&bytes, *came)?;
                }
                room.job_done(number, job)?;
                drop(room);
                self.engine.changed();
                continue;
            }
            if let Job::TellGoverning { channel } = job {
                if tell_governing(self.engine, self.room, *channel)? {
                    self.room.room().job_done(number, job)?;
                }
                continue;
            }
            let greeted = self.room.room().greeted(job)?;
            let history = self.room.room().handed_by_job(job)?;
            let pass = || self.engine.take_pass(&self.relay());
            let connection = match self.relay_of(job).await {
                Some(connection) => connection,
                // What lay there is lost with it; who was to be greeted asks to be renewed.
                None => {
                    self.room.room().job_done(number, job)?;
                    continue;
                }
            };
            match jobs::run(&connection, job, &greeted, history.as_deref(), pass).await {
                Ok(()) => {
                    let mut room = self.room.room();
                    room.job_done(number, job)?;
                    if matches!(job, Job::Greet { .. }) {
                        // So that newcomers soon see others attest what they were given.
                        room.want_heartbeat(now);
                    }
                }
                Err(EngineError::Relay(LinkError::Refused(because))) => {
                    self.refused(because);
                    // What the relay refuses of one job must not hold up the others.
                    continue;
                }
                Err(error) => return Err(error),
            }
            if matches!(job, Job::Greet { .. }) {
                Box::pin(self.send()).await?;
            }
        }
        Ok(())
    }
}
