//! What can be asked of a relay, one method a request, and what comes back.

use bytes::Bytes;
use caucus_proto::error::{Misuse, PeerFault};
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::proof::Purpose;
use caucus_proto::wire::{
    Access, Answer, Change, ChangeId, ChannelSpec, Pass, Proof, RelayInfo, Request, Role, SegmentReader,
    Waiting,
};
use x25519_dalek::{PublicKey, StaticSecret};

use super::connection::{Connection, Handle};
use super::error::{LinkError, Sent};

/// A channel that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// For the requests that follow.
    pub handle: Handle,
    /// The channel's counter.
    pub counter: Counter,
    /// Position of the newest entry.
    pub newest: Position,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// It is durable.
    Stored(Position),
    /// The counter named was not the channel's: nothing was stored.
    Moved {
        /// The channel's counter.
        counter: Counter,
        /// Position of the newest entry.
        newest: Position,
    },
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It is done.
    Done,
    /// It waits for a second keyholder, or for its time.
    Waits {
        /// Its name.
        change: ChangeId,
        /// The hour at which it happens by itself.
        due: Hours,
    },
}

impl Connection {
    /// Makes a new channel. `creation_secret` is the secret half of `spec.creation_key`; it is used for
    /// nothing else and destroyed by the caller afterwards.
    ///
    /// # Errors
    /// `LinkError`; if it may be done, opening the channel tells.
    pub async fn create(
        &self,
        spec: &ChannelSpec,
        creation_secret: &StaticSecret,
        pass: Option<Pass>,
    ) -> Result<(), LinkError> {
        let proof = self.prove(creation_secret, &spec.id(), Purpose::Create)?;
        let spec = spec.clone();
        match self.ask(Request::Create { spec, proof, pass }).await? {
            Answer::Created => Ok(()),
            _ => Err(self.answered_beside()),
        }
    }

    /// Opens a channel in a role with the secret of the channel's key for it.
    ///
    /// # Errors
    /// `LinkError`; `Refused(NotOpened)` for an unknown channel, a wrong key and an expired one alike.
    pub async fn open(
        &self,
        channel: ChannelId,
        role: Role,
        secret: &StaticSecret,
    ) -> Result<Opened, LinkError> {
        let proof = self.prove(secret, &channel, Purpose::Open(role))?;
        let request = Request::Open {
            channel,
            role,
            key: PublicKey::from(secret).to_bytes(),
            proof,
        };
        match self.ask(request).await? {
            Answer::Opened {
                handle,
                counter,
                newest,
            } => Ok(Opened {
                handle: self.handle(handle),
                counter,
                newest,
            }),
            _ => Err(self.answered_beside()),
        }
    }

    /// Gives a handle back.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn close(&self, handle: Handle) -> Result<(), LinkError> {
        let handle = self.number(handle)?;
        self.ask_done(Request::Close { handle }).await
    }

    /// Appends one plain entry: exactly one bucket of bytes.
    ///
    /// # Errors
    /// `LinkError`; if it may be done, only reading tells.
    pub async fn append(
        &self,
        handle: Handle,
        counter: Counter,
        bytes: Bytes,
    ) -> Result<Appended, LinkError> {
        let handle = self.number(handle)?;
        self.ask_appended(Request::Append {
            handle,
            counter,
            bytes,
        })
        .await
    }

    /// Appends one entry that moves the counter.
    ///
    /// # Errors
    /// `LinkError`; if it may be done, only reading tells.
    pub async fn advance(
        &self,
        handle: Handle,
        counter: Counter,
        bytes: Bytes,
    ) -> Result<Appended, LinkError> {
        let handle = self.number(handle)?;
        self.ask_appended(Request::Advance {
            handle,
            counter,
            bytes,
        })
        .await
    }

    /// Appends one entry that moves the counter and turns the keys to `access`; `readers` are read keys
    /// added to earlier segments.
    ///
    /// # Errors
    /// `LinkError`; if it may be done, only reading tells.
    pub async fn cut(
        &self,
        handle: Handle,
        counter: Counter,
        bytes: Bytes,
        access: Access,
        readers: Vec<SegmentReader>,
    ) -> Result<Appended, LinkError> {
        let handle = self.number(handle)?;
        self.ask_appended(Request::Cut {
            handle,
            counter,
            bytes,
            access,
            readers,
        })
        .await
    }

    /// Suspends others' appends for at most 60 seconds, so that a cut lands.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn hold(&self, handle: Handle, seconds: u8) -> Result<(), LinkError> {
        let handle = self.number(handle)?;
        self.ask_done(Request::Hold { handle, seconds }).await
    }

    /// Asks for a change that needs two keyholders, or time.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn change(&self, handle: Handle, change: Change) -> Result<Changed, LinkError> {
        let handle = self.number(handle)?;
        match self.ask(Request::Change { handle, change }).await? {
            Answer::Done => Ok(Changed::Done),
            Answer::Waits { change, due } => Ok(Changed::Waits { change, due }),
            _ => Err(self.answered_beside()),
        }
    }

    /// Takes a waiting change back.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn cancel(&self, handle: Handle, change: ChangeId) -> Result<(), LinkError> {
        let handle = self.number(handle)?;
        self.ask_done(Request::Cancel { handle, change }).await
    }

    /// Which changes wait.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn changes(&self, handle: Handle) -> Result<Vec<Waiting>, LinkError> {
        let handle = self.number(handle)?;
        match self.ask(Request::Changes { handle }).await? {
            Answer::Changes(waiting) => Ok(waiting),
            _ => Err(self.answered_beside()),
        }
    }

    /// What this relay promises. Its text is the relay's word: not to be shown as it is.
    ///
    /// # Errors
    /// `LinkError`.
    pub async fn info(&self) -> Result<RelayInfo, LinkError> {
        match self.ask(Request::Info).await? {
            Answer::Info(info) => Ok(info),
            _ => Err(self.answered_beside()),
        }
    }

    /// An answer of another kind than the request asks for.
    fn answered_beside(&self) -> LinkError {
        self.misbehaved(PeerFault::Malformed);
        LinkError::Peer {
            fault: PeerFault::Malformed,
            sent: Sent::Maybe,
        }
    }

    fn prove(
        &self,
        secret: &StaticSecret,
        channel: &ChannelId,
        purpose: Purpose,
    ) -> Result<Proof, LinkError> {
        Proof::make(secret, channel, purpose, self.binding()).map_err(|misuse| match misuse {
            Misuse::LowOrderKey => {
                self.misbehaved(PeerFault::Malformed);
                LinkError::Peer {
                    fault: PeerFault::Malformed,
                    sent: Sent::No,
                }
            }
            Misuse::TooLarge { .. } | Misuse::NoRandomness => LinkError::Misuse(misuse),
        })
    }

    async fn ask_done(&self, request: Request) -> Result<(), LinkError> {
        match self.ask(request).await? {
            Answer::Done => Ok(()),
            _ => Err(self.answered_beside()),
        }
    }

    async fn ask_appended(&self, request: Request) -> Result<Appended, LinkError> {
        match self.ask(request).await? {
            Answer::Stored { position } => Ok(Appended::Stored(position)),
            Answer::Moved { counter, newest } => Ok(Appended::Moved { counter, newest }),
            _ => Err(self.answered_beside()),
        }
    }
}
