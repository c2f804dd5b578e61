//! What is to be done at the relay besides the room's own log. Each job is done at least once: it stands in the
//! vault until it is done.

use caucus_proto::id::EntryHash;
use caucus_proto::label::Label;
use caucus_proto::org::Application;
use caucus_proto::wire::{Change, Retention, Role};
use x25519_dalek::StaticSecret;

use super::answer::Reply;
use super::blob;
use super::error::EngineError;
use super::invite::put;
use super::record::{Job, WelcomeRecord};
use super::relay::patiently;
use super::room::Room;
use super::sealed::seal;
use crate::relay::{Connection, LinkError};
use crate::vault::Table;

/// Life of what is handed to applicants.
pub(super) const HANDED_LIFE: Retention = Retention::Month;

impl Room {
    /// The jobs that wait, by number.
    pub(super) fn jobs(&self) -> Result<Vec<(u64, Job)>, EngineError> {
        let overlay = self.vault.overlay();
        let mut jobs = Vec::new();
        for (number, _) in overlay.range(Table::Jobs, self.record.room.as_bytes(), 0, usize::MAX)? {
            if let Some(job) = overlay.get_value(&self.place(Table::Jobs, number))? {
                jobs.push((number, job));
            }
        }
        Ok(jobs)
    }

    /// A job is done, or needs no doing any more.
    pub(super) fn job_done(&self, number: u64, job: &Job) -> Result<(), EngineError> {
        let overlay = self.vault.overlay();
        if let Job::Greet { personas, .. } = job {
            for persona in personas {
                self.forget_request(&overlay, persona)?;
            }
        }
        overlay.delete(self.place(Table::Jobs, number));
        overlay.commit()?;
        Ok(())
    }

    /// Whether the people whom a job would greet have all spoken already.
    pub(super) fn were_greeted(&self, job: &Job) -> bool {
        match job {
            Job::Greet { personas, .. } => personas
                .iter()
                .all(|persona| self.cursor.heads.contains_key(persona)),
            Job::TellDeclined { .. } | Job::EndInvite { .. } => false,
        }
    }

    /// The requests of those whom a job greets.
    pub(super) fn greeted(&self, job: &Job) -> Result<Vec<Application>, EngineError> {
        let Job::Greet { personas, .. } = job else {
            return Ok(Vec::new());
        };
        let overlay = self.vault.overlay();
        let mut applications = Vec::new();
        for persona in personas {
            applications.extend(self.application(&overlay, persona)?);
        }
        Ok(applications)
    }
}

/// Does a job; `greeted` are the requests of those whom it greets.
pub(super) async fn run(
    connection: &Connection,
    job: &Job,
    greeted: &[Application],
    pass: impl Fn() -> Option<caucus_proto::wire::Pass>,
) -> Result<(), EngineError> {
    match job {
        Job::Greet {
            snapshot,
            position,
            running,
            counter,
            access,
            commit,
            ..
        } => {
            let snapshot = blob::put(connection, snapshot, HANDED_LIFE, pass()).await?;
            for application in greeted {
                let reply = Reply::Landed {
                    commit: *commit,
                    position: *position,
                    counter: *counter,
                    running: *running,
                    access: access.clone(),
                    snapshot: snapshot.clone(),
                };
                answer(connection, application, &reply).await?;
            }
            Ok(())
        }
        Job::TellDeclined { application, reason } => {
            let Ok(application) = Application::read(application) else {
                return Ok(());
            };
            let reply = Reply::Declined {
                reason: reason.clone(),
            };
            answer(connection, &application, &reply).await
        }
        Job::EndInvite { card, drop, control } => {
            let control = StaticSecret::from(control.0);
            for channel in [*card, *drop] {
                match patiently(|| connection.open(channel, Role::Control, &control)).await {
                    Ok(opened) => {
                        patiently(|| connection.change(opened.handle, Change::Delete)).await?;
                    }
                    // It is gone already.
                    Err(LinkError::Refused(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        }
    }
}

/// Hands welcome and tree of a commit to those it adds, before it is sent.
pub(super) async fn hand_out(
    connection: &Connection,
    room: &Facts,
    applications: &[Application],
    welcome: &WelcomeRecord,
    commit: EntryHash,
    pass: impl Fn() -> Option<caucus_proto::wire::Pass>,
) -> Result<(), EngineError> {
    let tree = blob::put(connection, &welcome.tree, HANDED_LIFE, pass()).await?;
    let welcome = blob::put(connection, &welcome.welcome, HANDED_LIFE, pass()).await?;
    for application in applications {
        let reply = Reply::Welcome {
            channel: room.channel,
            genesis: room.genesis.clone(),
            commit,
            welcome: welcome.clone(),
            tree: tree.clone(),
        };
        answer(connection, application, &reply).await?;
    }
    Ok(())
}

/// What a welcome says of the room.
pub(super) struct Facts {
    pub channel: caucus_proto::id::ChannelId,
    pub genesis: caucus_proto::org::Genesis,
}

/// Seals a reply to an applicant and drops it. A reply drop that is gone, or a key that is none, is the
/// applicant's own loss: it must hold up nobody else.
async fn answer(
    connection: &Connection,
    application: &Application,
    reply: &Reply,
) -> Result<(), EngineError> {
    let to = &application.reply;
    let Ok(sealed) = seal(&to.sealing, Label::SealedAnswer, &to.channel, reply) else {
        return Ok(());
    };
    match put(connection, to.channel, &StaticSecret::from(to.append), sealed).await {
        Err(EngineError::Relay(LinkError::Refused(_)) | EngineError::RoomState(_)) => Ok(()),
        other => other.map(|_| ()),
    }
}
