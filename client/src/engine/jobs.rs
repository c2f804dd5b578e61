//! What is to be done at the relay besides the room's own log. Each job is done at least once: it stands in the
//! vault until it is done.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use caucus_proto::id::{ChannelId, EntryHash};
use caucus_proto::label::Label;
use caucus_proto::org::Application;
use caucus_proto::org::history::LARGEST_HISTORY;
use caucus_proto::wire::{Change, Pass, RefusedBecause, Retention, Role};
use tokio::task::JoinSet;
use x25519_dalek::StaticSecret;

use super::answer::Reply;
use super::blob::{self, BlobRef};
use super::error::EngineError;
use super::follow::Cause;
use super::invite::put_within;
use super::record::{Job, SecretKey, WelcomeRecord};
use super::refuge;
use super::relay::patiently;
use super::requests::Seat;
use super::room::Room;
use super::sealed::seal;
use crate::relay::{Connection, LinkError};
use crate::vault::{Overlay, Table};

/// Milliseconds after which somebody else greets whom the author of a commit did not.
const GREET_LATER_MS: u64 = 20_000;

/// Jobs beyond which a request that leads nowhere is not answered any more.
pub(super) const ANSWERS: usize = 64;

/// Answers that are on their way at once.
const AT_ONCE: usize = 8;

/// How long one applicant may keep an answer waiting.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// Life of what is handed to applicants.
pub(super) const HANDED_LIFE: Retention = Retention::Month;

/// Jobs by number.
pub(super) type Jobs = Arc<Vec<(u64, Job)>>;

/// What memory has of the jobs that wait. With what they hand over they may be large, and they are asked for often.
#[derive(Default)]
pub(super) enum KnownJobs {
    /// They are to be read.
    #[default]
    Unread,
    /// A transaction changes them: what is read now may be what was there before.
    Changing,
    /// As the vault has them.
    Read(Jobs),
}

impl Room {
    /// The jobs that wait, by number.
    pub(super) fn jobs(&self) -> Result<Jobs, EngineError> {
        if let KnownJobs::Read(known) = &*self.known_jobs() {
            return Ok(Arc::clone(known));
        }
        let overlay = self.vault.overlay();
        let jobs = Arc::new(overlay.values(Table::Jobs, self.record.room.as_bytes(), 0)?);
        let mut known = self.known_jobs();
        if matches!(*known, KnownJobs::Unread) {
            *known = KnownJobs::Read(Arc::clone(&jobs));
        }
        Ok(jobs)
    }

    fn known_jobs(&self) -> MutexGuard<'_, KnownJobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This transaction changes them.
    pub(super) fn jobs_change(&self) {
        *self.known_jobs() = KnownJobs::Changing;
    }

    /// It is over.
    pub(super) fn jobs_changed(&self) {
        let mut known = self.known_jobs();
        if matches!(*known, KnownJobs::Changing) {
            *known = KnownJobs::Unread;
        }
    }

    /// The author of a commit greets those whom it seated at once; other keyholders later, if a newcomer stays silent.
    pub(super) fn keep_greeting(&mut self, overlay: &Overlay, cause: Cause<'_>) -> Result<(), EngineError> {
        let greeted = std::mem::take(&mut self.plan.greet);
        if greeted.is_empty() {
            return Ok(());
        }
        let job = Job::Greet {
            personas: greeted.iter().map(|(persona, _)| *persona).collect(),
            newcomers: (greeted.iter().filter(|(_, is_new)| *is_new))
                .map(|(persona, _)| *persona)
                .collect(),
            snapshot: self.given()?,
            position: self.cursor.position,
            running: self.cursor.running,
            counter: self.cursor.counter,
            access: self.cursor.access.clone(),
            commit: *cause.hash,
            after_ms: if cause.ours { 0 } else { GREET_LATER_MS },
        };
        self.keep_job(overlay, &job)
    }

    pub(super) fn keep_job(&self, overlay: &Overlay, job: &Job) -> Result<(), EngineError> {
        self.jobs_change();
        let number = overlay.next_number(Table::Jobs, self.record.room.as_bytes())?;
        overlay.put_value(self.place(Table::Jobs, number), job)?;
        Ok(())
    }

    /// A job is done, or needs no doing any more.
    pub(super) fn job_done(&mut self, number: u64, job: &Job) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            if let Job::Greet { personas, .. } = job {
                for persona in personas {
                    room.forget_request(overlay, persona)?;
                    room.forget_renewal(overlay, persona);
                }
            }
            room.jobs_change();
            overlay.delete(room.place(Table::Jobs, number));
            Ok(())
        })
    }

    /// Whether the people whom a job would greet have all spoken already.
    pub(super) fn were_greeted(&self, job: &Job) -> bool {
        match job {
            Job::Greet { personas, .. } => personas
                .iter()
                .all(|persona| self.cursor.heads.contains_key(persona)),
            Job::TellDeclined { .. }
            | Job::TellOut { .. }
            | Job::EndInvite { .. }
            | Job::EndDrop { .. }
            | Job::SpeakInRefuge { .. }
            | Job::TakeHistory { .. }
            | Job::TellGoverning { .. } => false,
        }
    }

    /// What the newcomers are handed whom a job greets.
    pub(super) fn handed_by_job(&self, job: &Job) -> Result<Option<Vec<u8>>, EngineError> {
        match job {
            Job::Greet {
                newcomers, position, ..
            } if !newcomers.is_empty() => self.history(*position),
            _ => Ok(None),
        }
    }

    /// The requests of those whom a job greets.
    pub(super) fn greeted(&self, job: &Job) -> Result<Vec<Seat>, EngineError> {
        let Job::Greet { personas, .. } = job else {
            return Ok(Vec::new());
        };
        let overlay = self.vault.overlay();
        let mut seats = Vec::new();
        for persona in personas {
            seats.extend(self.seat(&overlay, persona)?);
        }
        Ok(seats)
    }
}

/// Does a job; `greeted` are the requests of those whom it greets, and `history` is what newcomers among them are handed.
pub(super) async fn run(
    connection: &Connection,
    job: &Job,
    greeted: &[Seat],
    history: Option<&[u8]>,
    pass: impl Fn() -> Option<Pass>,
) -> Result<(), EngineError> {
    match job {
        Job::Greet {
            newcomers,
            snapshot,
            position,
            running,
            counter,
            access,
            commit,
            ..
        } => {
            let snapshot = blob::put(connection, snapshot, HANDED_LIFE, pass()).await?;
            let history = match history {
                Some(bytes) => put_history(connection, bytes, pass()).await?,
                None => None,
            };
            let reply = |history| Reply::Landed {
                commit: *commit,
                position: *position,
                counter: *counter,
                running: *running,
                access: access.clone(),
                snapshot: snapshot.clone(),
                history,
            };
            let (new, known): (Vec<_>, Vec<_>) = (greeted.iter().cloned())
                .partition(|seat| history.is_some() && newcomers.contains(&seat.persona));
            answer_all(connection, &known, &reply(None)).await?;
            answer_all(connection, &new, &reply(history)).await
        }
        Job::TellDeclined { application, reason } => {
            let Ok(application) = Application::read(application) else {
                return Ok(());
            };
            let reply = Reply::Declined {
                reason: reason.clone(),
            };
            answer_all(connection, &[application.into()], &reply).await
        }
        Job::TellOut {
            persona,
            reply,
            answer,
        } => {
            let seat = Seat {
                persona: *persona,
                key_package: Vec::new(),
                reply: reply.clone(),
            };
            answer_all(connection, &[seat], answer).await
        }
        Job::SpeakInRefuge { refuge, content } => refuge::put(connection, refuge, content, pass()).await,
        Job::EndInvite { card, drop, control } => {
            delete(connection, *card, control).await?;
            delete(connection, *drop, control).await
        }
        Job::EndDrop { drop, control } => delete(connection, *drop, control).await,
        Job::TakeHistory { .. } | Job::TellGoverning { .. } => Ok(()),
    }
}

/// Lays down what newcomers are handed. They come in without it where the relay does not take it.
async fn put_history(
    connection: &Connection,
    bytes: &[u8],
    pass: Option<Pass>,
) -> Result<Option<BlobRef>, EngineError> {
    match blob::put(connection, bytes, HANDED_LIFE, pass).await {
        Ok(blob) => Ok(Some(blob)),
        Err(EngineError::Relay(LinkError::Refused(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fetches what was handed to this device; none where that is not there, or larger than it may be.
pub(super) async fn fetch_history(
    connection: &Connection,
    history: &BlobRef,
) -> Result<Option<Vec<u8>>, EngineError> {
    if history.size as usize > LARGEST_HISTORY {
        return Ok(None);
    }
    match blob::fetch(connection, history).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(EngineError::Blob(_) | EngineError::Relay(LinkError::Refused(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a channel of one purpose. What cannot be deleted ends with its time.
pub(super) async fn delete(
    connection: &Connection,
    channel: ChannelId,
    control: &SecretKey,
) -> Result<(), EngineError> {
    let control = StaticSecret::from(control.0);
    let opened = match patiently(|| connection.open(channel, Role::Control, &control)).await {
        // It is gone already.
        Err(LinkError::Refused(_)) => return Ok(()),
        other => other?,
    };
    let deleted = patiently(|| connection.change(opened.handle, Change::Delete)).await;
    let _ = connection.close(opened.handle).await;
    match deleted {
        Ok(_) | Err(LinkError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Hands welcome and tree of a commit to those it adds, before it is sent.
pub(super) async fn hand_out(
    connection: &Connection,
    room: &Facts,
    seats: &[Seat],
    welcome: &WelcomeRecord,
    commit: EntryHash,
    pass: impl Fn() -> Option<Pass>,
) -> Result<(), EngineError> {
    let tree = blob::put(connection, &welcome.tree, HANDED_LIFE, pass()).await?;
    let welcome = blob::put(connection, &welcome.welcome, HANDED_LIFE, pass()).await?;
    let reply = Reply::Welcome {
        channel: room.channel,
        lies_in: room.lies_in,
        genesis: room.genesis.clone(),
        commit,
        welcome,
        tree,
    };
    answer_all(connection, seats, &reply).await
}

/// What a welcome says of the room.
pub(super) struct Facts {
    pub channel: caucus_proto::id::ChannelId,
    pub lies_in: caucus_proto::id::ChannelId,
    pub genesis: caucus_proto::org::Genesis,
}

/// Seals a reply to applicants and drops it, a few at a time.
async fn answer_all(connection: &Connection, seats: &[Seat], reply: &Reply) -> Result<(), EngineError> {
    for few in seats.chunks(AT_ONCE) {
        let mut answers = JoinSet::new();
        for seat in few {
            let to = &seat.reply;
            // A key that is none is the applicant's own loss.
            if let Ok(sealed) = seal(&to.sealing, Label::SealedAnswer, &to.channel, reply) {
                let (connection, channel, append) =
                    (connection.clone(), to.channel, StaticSecret::from(to.append));
                answers.spawn(async move { answer(&connection, channel, &append, sealed).await });
            }
        }
        while let Some(answered) = answers.join_next().await {
            answered.unwrap_or(Ok(()))?;
        }
    }
    Ok(())
}

/// Drops one answer. What is wrong with the reply drop is the applicant's own loss, and so is one that the
/// applicant keeps busy: it must hold up nobody else.
async fn answer(
    connection: &Connection,
    channel: ChannelId,
    append: &StaticSecret,
    sealed: Vec<u8>,
) -> Result<(), EngineError> {
    match put_within(ANSWER_PATIENCE, connection, channel, append, sealed).await {
        Err(EngineError::Relay(LinkError::Refused(because))) if is_of_the_drop(because) => Ok(()),
        Err(EngineError::RoomState(_)) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Whether the relay refuses this drop, and not everything.
const fn is_of_the_drop(because: RefusedBecause) -> bool {
    matches!(
        because,
        RefusedBecause::NotOpened
            | RefusedBecause::WrongHandle
            | RefusedBecause::HandleEnded
            | RefusedBecause::NoBucket
            | RefusedBecause::NotAllowed
            | RefusedBecause::TooFast { .. }
            | RefusedBecause::Held { .. }
            | RefusedBecause::ChannelFull
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_one_drop_is_told_from_what_is_wrong_with_the_relay() {
        let retry_ms = 60_000;
        for because in [
            RefusedBecause::NotOpened,
            RefusedBecause::Held { retry_ms },
            RefusedBecause::TooFast { retry_ms },
            RefusedBecause::ChannelFull,
        ] {
            assert!(is_of_the_drop(because), "{because:?}");
        }
        for because in [
            RefusedBecause::RelayFull,
            RefusedBecause::StoreFailed,
            RefusedBecause::TooMany,
            RefusedBecause::Draining,
        ] {
            assert!(!is_of_the_drop(because), "{because:?}");
        }
    }
}
