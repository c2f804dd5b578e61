//! The pump of a room: keeps a connection, takes in what comes, sends what waits, and does the room's jobs.
//! It decides nothing about the body: the room does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::Position;
use caucus_proto::org::Power;
use caucus_proto::wire::{Change, Entry, RefusedBecause, Role, Served};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use x25519_dalek::StaticSecret;

use super::engine::Engine;
use super::error::EngineError;
use super::ingest::invite_number;
use super::invite::read_request;
use super::jobs::{self, Facts};
use super::live::LiveRoom;
use super::random;
use super::record::{Health, InviteRecord, Job};
use super::send::{Next, Now, Outgoing};
use crate::relay::{Appended, Backoff, Connection, Handle, LinkError, Reading};

/// How often the pump looks at what time alone makes due.
const TICK: Duration = Duration::from_secs(1);

/// Positions to which a reader's start is rounded, so that a cursor is no pseudonym.
const COARSE: u64 = 64;

/// Requests of applicants that may wait between a drop and the room.
const WAITING_DROPS: usize = 64;

/// How much longer each further keyholder leaves a request to those before.
const CARRY_TURN: Duration = Duration::from_secs(3);

/// How long an entry that the relay stored may take to come back.
const ECHO: Duration = Duration::from_secs(30);

/// Why a session with the relay ended.
enum Ended {
    /// The keys turned: open the next segment.
    NextSegment,
    /// The room needs no pump any more.
    Stopped,
}

/// Runs until the room needs it no more, or the task is ended.
pub(super) async fn run(engine: Engine, room: Arc<LiveRoom>) {
    let mut backoff = Backoff::default();
    loop {
        let ended = session(&engine, &room, &mut backoff).await;
        room.live.store(false, Ordering::Relaxed);
        match ended {
            Ok(Ended::NextSegment) => continue,
            Ok(Ended::Stopped) => {
                room.set_trouble(None);
                return;
            }
            Err(error) => {
                let at_least = match &error {
                    EngineError::Relay(LinkError::Draining { back_in_ms }) => Some(*back_in_ms),
                    _ => None,
                };
                room.set_trouble(Some(error.to_string()));
                let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), at_least);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

struct Session<'a> {
    engine: &'a Engine,
    room: &'a LiveRoom,
    connection: Connection,
    append: Handle,
    control: Option<Handle>,
    synced: bool,
    /// Nothing is sent before the log has come this far.
    await_position: Position,
    awaited_since: u64,
    /// Nothing is sent before this time.
    not_before: u64,
    control_tried: u64,
    drops: JoinSet<()>,
    watched: HashMap<u64, tokio::task::AbortHandle>,
    requests: mpsc::Sender<(InviteRecord, Entry)>,
    seen_jobs: HashMap<u64, u64>,
    refused_jobs: u64,
}

async fn session(engine: &Engine, room: &LiveRoom, backoff: &mut Backoff) -> Result<Ended, EngineError> {
    let (record, access, after, health) = {
        let room = room.room();
        let cursor = room.cursor();
        let first = cursor.position.0 - cursor.position.0 % COARSE;
        (
            room.record().clone(),
            cursor.access.clone(),
            Position(first),
            cursor.health.clone(),
        )
    };
    if !matches!(health, Health::Open | Health::Forked { .. }) {
        return Ok(Ended::Stopped);
    }
    let connection = engine.pool().connection(&record.relay, &record.persona).await?;
    let opened = connection
        .open(record.channel, Role::Read, &access.read_key())
        .await;
    let opened = match opened {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            room.room().mark_gone()?;
            return Ok(Ended::Stopped);
        }
        other => other?,
    };
    let mut reading = connection.read(opened.handle, after, true).await?;
    let append = connection
        .open(record.channel, Role::Append, &access.append_key())
        .await;
    let append = match append {
        // The segment is over already: read it to its end, then open the next.
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => return drain(room, engine, &mut reading).await,
        other => other?.handle,
    };
    room.set_trouble(None);
    let (sender, mut requests) = mpsc::channel(WAITING_DROPS);
    let mut session = Session {
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
        drops: JoinSet::new(),
        watched: HashMap::new(),
        requests: sender,
        seen_jobs: HashMap::new(),
        refused_jobs: 0,
    };
    session.open_control().await?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            served = reading.next() => {
                if let Some(ended) = session.served(served?)? {
                    return Ok(ended);
                }
                if session.synced {
                    backoff.succeeded();
                    session.work().await?;
                }
            }
            () = room.wake.notified(), if session.synced => session.work().await?,
            Some((invite, entry)) = requests.recv(), if session.synced => {
                session.carry(&invite, &entry)?;
                session.work().await?;
            }
            _ = tick.tick(), if session.synced => session.tick().await?,
        }
    }
}

/// Reads a segment that is over to its end.
async fn drain(room: &LiveRoom, engine: &Engine, reading: &mut Reading) -> Result<Ended, EngineError> {
    loop {
        match reading.next().await? {
            Served::Entry(entry) => {
                if take_in(room, engine, &entry)? {
                    return Ok(Ended::Stopped);
                }
            }
            Served::CaughtUp { .. } => {}
            Served::End => return Ok(Ended::NextSegment),
            Served::Gone | Served::Refused(_) => {
                room.room().mark_gone()?;
                return Ok(Ended::Stopped);
            }
        }
    }
}

/// Takes in one entry; true if the room is stopped by it.
fn take_in(room: &LiveRoom, engine: &Engine, entry: &Entry) -> Result<bool, EngineError> {
    let ingested = room.room().ingest(entry)?;
    if let Some((id, landing)) = ingested.landed {
        room.land(id, landing);
    }
    if let Some(record) = ingested.record {
        // Nobody following is no error.
        let _ = room.log.send(record);
    }
    if !ingested.effects.is_empty() {
        engine.changed();
    }
    Ok(ingested.stopped)
}

impl Session<'_> {
    fn now(&self) -> Now {
        self.engine.now()
    }

    fn served(&mut self, served: Served) -> Result<Option<Ended>, EngineError> {
        match served {
            Served::Entry(entry) => {
                if take_in(self.room, self.engine, &entry)? {
                    self.engine.changed();
                    return Ok(Some(Ended::Stopped));
                }
                if entry.position >= self.await_position {
                    self.await_position = Position(0);
                }
            }
            Served::CaughtUp { .. } => {
                self.synced = true;
                self.room.live.store(true, Ordering::Relaxed);
                self.room.room().mark_synced(self.now().minutes)?;
                self.engine.changed();
            }
            Served::End => return Ok(Some(Ended::NextSegment)),
            Served::Gone | Served::Refused(RefusedBecause::NotOpened | RefusedBecause::HandleEnded) => {
                self.room.room().mark_gone()?;
                return Ok(Some(Ended::Stopped));
            }
            Served::Refused(because) => return Err(LinkError::Refused(because).into()),
        }
        Ok(None)
    }

    async fn tick(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        self.room.room().mark_synced(now.minutes)?;
        if self.await_position > Position(0)
            && now.ms.saturating_sub(self.awaited_since) > ECHO.as_millis() as u64
        {
            // The relay says that it stored something and does not serve it.
            return Err(EngineError::RoomState(
                "the relay does not serve what it says it stored".to_owned(),
            ));
        }
        self.work().await
    }

    /// Everything there is to do now.
    async fn work(&mut self) -> Result<(), EngineError> {
        self.room.room().name_control_key()?;
        self.send().await?;
        self.set_controls().await?;
        self.watch_drops()?;
        self.do_jobs().await
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
                    applications,
                    welcome,
                    commit,
                }) => {
                    let facts = {
                        let room = self.room.room();
                        Facts {
                            channel: room.record().channel,
                            genesis: room.state().genesis.clone(),
                        }
                    };
                    let pass = || self.engine.take_pass(&self.relay());
                    jobs::hand_out(&self.connection, &facts, &applications, &welcome, commit, pass).await?;
                    self.room.room().handed()?;
                }
                Next::Send(Outgoing::Append { counter, bytes }) => {
                    let bytes = Bytes::from(bytes);
                    let answer = self.connection.append(self.append, counter, bytes).await;
                    self.answered(answer)?;
                }
                Next::Send(Outgoing::Commit {
                    counter,
                    bytes,
                    cut: None,
                }) => {
                    let bytes = Bytes::from(bytes);
                    let answer = self.connection.advance(self.append, counter, bytes).await;
                    self.answered(answer)?;
                }
                Next::Send(Outgoing::Commit {
                    counter,
                    bytes,
                    cut: Some(access),
                }) => {
                    let Some(control) = self.control else {
                        self.room.room().cut_refused(now.ms.saturating_add(60_000))?;
                        continue;
                    };
                    let bytes = Bytes::from(bytes);
                    let answer = self
                        .connection
                        .cut(control, counter, bytes, access, Vec::new())
                        .await;
                    match answer {
                        Err(LinkError::Refused(RefusedBecause::TooFast { retry_ms })) => {
                            let until = now.ms.saturating_add(u64::from(retry_ms));
                            self.room.room().cut_refused(until)?;
                        }
                        Err(LinkError::Refused(
                            RefusedBecause::WrongHandle | RefusedBecause::HandleEnded,
                        )) => {
                            self.control = None;
                            self.room.room().cut_refused(now.ms.saturating_add(60_000))?;
                        }
                        Ok(Appended::Moved { .. }) => {
                            // So that it lands the next time. Once in ten minutes; if not, without.
                            let _ = self.connection.hold(control, 10).await;
                            self.answered(answer)?;
                        }
                        answer => self.answered(answer)?,
                    }
                }
            }
        }
    }

    /// What follows from the relay's answer to an entry: until the log shows it, nothing more is sent.
    fn answered(&mut self, answer: Result<Appended, LinkError>) -> Result<(), EngineError> {
        let now = self.now().ms;
        match answer {
            Ok(Appended::Stored(position)) => self.expect(position, now),
            Ok(Appended::Moved { newest, .. }) => self.expect(newest, now),
            Err(LinkError::Refused(
                RefusedBecause::TooFast { retry_ms } | RefusedBecause::Held { retry_ms },
            )) => {
                self.not_before = now.saturating_add(u64::from(retry_ms).max(10));
                self.wake_later(u64::from(retry_ms).max(10));
            }
            // The keys turned: the reading ends, and the next segment is opened.
            Err(LinkError::Refused(RefusedBecause::HandleEnded)) => {
                self.not_before = now.saturating_add(1_000)
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

    fn expect(&mut self, position: Position, now: u64) {
        if position > self.room.room().cursor().position {
            self.await_position = position;
            self.awaited_since = now;
        }
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

    fn relay(&self) -> caucus_proto::wire::RelayAddress {
        self.room.room().record().relay.clone()
    }

    async fn open_control(&mut self) -> Result<(), EngineError> {
        let (channel, secret) = {
            let room = self.room.room();
            if !room.is_keyholder() {
                self.control = None;
                return Ok(());
            }
            (
                room.record().channel,
                StaticSecret::from(room.record().control_key.0),
            )
        };
        self.control_tried = self.now().ms;
        match self.connection.open(channel, Role::Control, &secret).await {
            Ok(opened) => {
                self.control = Some(opened.handle);
                self.room.room().controls_found()?;
                Ok(())
            }
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Controls follow the office: the keyholders' named keys, and nobody else's.
    async fn set_controls(&mut self) -> Result<(), EngineError> {
        if self.control.is_none() {
            if self.room.room().is_keyholder() && self.now().ms.saturating_sub(self.control_tried) > 3_000 {
                self.open_control().await?;
            }
            if self.control.is_none() {
                return Ok(());
            }
        }
        let Some(control) = self.control else {
            return Ok(());
        };
        let wanted = self.room.room().controls_wanted()?;
        if let Some((keys, controls, solo)) = wanted {
            match self
                .connection
                .change(control, Change::Controls { controls, solo })
                .await
            {
                Ok(_) => self.room.room().controls_set(keys)?,
                Err(LinkError::Refused(_)) => self.control = None,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Follows the drops of open invites, where this person may admit.
    fn watch_drops(&mut self) -> Result<(), EngineError> {
        while self.drops.try_join_next().is_some() {}
        let invites = {
            let room = self.room.room();
            if room.holds(Power::Admit) && room.may_act().is_ok() {
                room.invites()?
            } else {
                Vec::new()
            }
        };
        let open: HashMap<u64, InviteRecord> = invites
            .into_iter()
            .filter(|invite| self.room.room().state().invites.contains_key(&invite.id))
            .map(|invite| (invite_number(&invite.id), invite))
            .collect();
        self.watched.retain(|number, task| {
            let keep = open.contains_key(number) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for (number, invite) in open {
            if !self.watched.contains_key(&number) {
                // The second keyholder waits a little: one carrier is enough.
                let turn = self.room.room().rank().unwrap_or(1).min(8) as u32;
                let task = watch_drop(
                    self.connection.clone(),
                    invite,
                    self.requests.clone(),
                    CARRY_TURN * turn,
                );
                self.watched.insert(number, self.drops.spawn(task));
            }
        }
        Ok(())
    }

    /// Carries a request from a drop into the log; one that cannot be carried is answered.
    fn carry(&mut self, invite: &InviteRecord, entry: &Entry) -> Result<(), EngineError> {
        let mut room = self.room.room();
        if let Some(application) = read_request(invite, &entry.bytes) {
            room.carry(application)?;
        }
        room.drop_read(invite_number(&invite.id), entry.position)
    }

    async fn do_jobs(&mut self) -> Result<(), EngineError> {
        let now = self.now().ms;
        if now < self.refused_jobs {
            return Ok(());
        }
        let jobs = self.room.room().jobs()?;
        self.seen_jobs
            .retain(|number, _| jobs.iter().any(|(job, _)| job == number));
        for (number, job) in jobs {
            let since = *self.seen_jobs.entry(number).or_insert(now);
            let after_ms = match &job {
                Job::Greet { after_ms, .. } => *after_ms,
                Job::TellDeclined { .. } | Job::EndInvite { .. } => 0,
            };
            if after_ms > 0 && self.room.room().were_greeted(&job) {
                self.room.room().job_done(number, &job)?;
                continue;
            }
            if now.saturating_sub(since) < after_ms {
                continue;
            }
            let greeted = self.room.room().greeted(&job)?;
            let pass = || self.engine.take_pass(&self.relay());
            match jobs::run(&self.connection, &job, &greeted, pass).await {
                Ok(()) => {
                    let mut room = self.room.room();
                    room.job_done(number, &job)?;
                    if matches!(job, Job::Greet { .. }) {
                        // So that newcomers soon see others attest what they were given.
                        room.want_heartbeat(now);
                    }
                }
                Err(EngineError::Relay(LinkError::Refused(because))) => {
                    self.room.set_trouble(Some(because.to_string()));
                    self.refused_jobs = now.saturating_add(15_000);
                    return Ok(());
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

/// Follows one drop for as long as it lives.
async fn watch_drop(
    connection: Connection,
    invite: InviteRecord,
    requests: mpsc::Sender<(InviteRecord, Entry)>,
    turn: Duration,
) {
    let key = StaticSecret::from(invite.read.0);
    let Ok(opened) = connection.open(invite.drop, Role::Read, &key).await else {
        // It may not be there yet, or not any more: the pump tries again at its next tick.
        tokio::time::sleep(Duration::from_secs(5)).await;
        return;
    };
    let Ok(mut reading) = connection.read(opened.handle, invite.cursor, true).await else {
        return;
    };
    while let Ok(served) = reading.next().await {
        match served {
            Served::Entry(entry) => {
                tokio::time::sleep(turn).await;
                if requests.send((invite.clone(), entry)).await.is_err() {
                    return;
                }
            }
            Served::CaughtUp { .. } => {}
            _ => return,
        }
    }
}
