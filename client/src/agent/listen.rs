//! The agent's life: takes the home's lock, listens on its socket, ends cleanly.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::geteuid;
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::home::{Home, HomeError};
use super::serve::{self, Shared};
use crate::app::{App, Code, Problem};

/// Most connections at a time.
pub(super) const CONNECTIONS: usize = 64;

/// How often the agent looks whether it has been idle for long enough to lock.
const IDLE_CHECK: Duration = Duration::from_secs(3);

/// Pause after a connection that could not be accepted (no more file handles).
const BREATH: Duration = Duration::from_millis(100);

/// An agent that listens.
pub struct Agent {
    app: App,
    home: Home,
    listener: UnixListener,
    /// Held as long as this process is the home's agent.
    _lock: File,
    /// Whose connections it takes.
    uid: u32,
}

/// Why an agent does not start.
#[derive(Debug, Error)]
pub enum AgentError {
    /// There is one for this home.
    #[error("another agent runs for this home folder")]
    Runs,
    /// The home folder is no good.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The socket cannot be made.
    #[error("the agent's socket cannot be made: {0}")]
    Socket(#[from] io::Error),
}

impl Agent {
    /// Takes the home's lock and listens on its socket. A socket that a dead agent left is replaced.
    ///
    /// # Errors
    /// `AgentError`.
    pub fn bind(home: Home, app: App) -> Result<Self, AgentError> {
        home.prepare()?;
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(home.lock_file())?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => AgentError::Runs,
            TryLockError::Error(error) => AgentError::Socket(error),
        })?;
        match fs::remove_file(home.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // Nobody else reaches into the folder, so that no moment passes in which the socket is open to others.
        let listener = home.with_socket(|path| UnixListener::bind(path))?;
        fs::set_permissions(home.socket(), Permissions::from_mode(0o600))?;
        Ok(Self {
            app,
            home,
            listener,
            _lock: lock,
            uid: geteuid().as_raw(),
        })
    }

    /// Takes connections of another user id only.
    #[cfg(test)]
    pub(super) fn only_for(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// Serves until `end` is there or somebody asks it to stop; then locks and removes the socket.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            app: self.app.clone(),
            socket: self.home.socket(),
            stop,
        });
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut idle = tokio::time::interval(IDLE_CHECK);
        idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                _ = async { stopped.wait_for(|stopped| *stopped).await.is_ok() } => break,
                _ = idle.tick() => {
                    self.app.lock_if_idle().await;
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == self.uid) {
                            continue;
                        }
                        match Arc::clone(&slots).try_acquire_owned() {
                            Ok(slot) => {
                                let shared = Arc::clone(&shared);
                                tokio::spawn(async move {
                                    serve::connection(stream, shared).await;
                                    drop(slot);
                                });
                            }
                            Err(_) => serve::turn_away(stream),
                        }
                    }
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
            }
        }
        // The lock is still held, so that this is our own socket.
        let _ = fs::remove_file(self.home.socket());
        self.app.lock().await;
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        let message = error.to_string();
        match error {
            AgentError::Runs => Self::new(
                Code::Agent,
                message,
                "use it as it is, or end it with `caucus agent --stop`",
            ),
            AgentError::Home(error) => error.into(),
            AgentError::Socket(_) => Self::new(
                Code::Agent,
                message,
                "look at the home folder's disk and rights, or choose another with --home",
            ),
        }
    }
}
