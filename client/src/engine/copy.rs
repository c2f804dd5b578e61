//! The copy of a segment at another relay: a channel that follows from the segment's access secret and that relay's
//! address, so that whoever comes first makes it. Its entries hold entries of the log, each with its position: what stands
//! there twice counts once, and what does not follow counts for nothing.

use bytes::Bytes;
use caucus_proto::codec;
use caucus_proto::envelope::{self, AccessSecret, CommonKeys, Copied, EnvelopeKey, Joiner};
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::wire::{
    ChannelSpec, Entry, Pass, RefusedBecause, RelayAddress, Retention, Role, Served, bucket,
};
use x25519_dalek::StaticSecret;

use super::error::EngineError;
use super::refuge;
use super::relay::patiently;
use crate::relay::{Appended, Connection, LinkError, Opened};

/// Bytes of entries that are copied together.
const TOGETHER: usize = 48 * 1024;

/// Entries of a copy that are read once more than is needed.
const NEAR: u64 = 128;

/// How often an entry is put where somebody moves the copy's counter meanwhile.
const ATTEMPTS: usize = 8;

/// A copy, for those who have the segment's secret.
pub(super) struct Copy {
    keys: CommonKeys,
    channel: ChannelId,
    /// The channel that the log began in, and the key of the segment's envelopes.
    log: ChannelId,
    key: EnvelopeKey,
}

impl Copy {
    pub(super) fn of(access: &AccessSecret, relay: &RelayAddress, log: ChannelId) -> Self {
        let keys = access.copy(&relay.to_string()).keys();
        Self {
            channel: keys.channel(),
            keys,
            log,
            key: access.envelope_key(),
        }
    }

    pub(super) const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// A handle on it; none where nobody has made it.
    pub(super) async fn open(
        &self,
        connection: &Connection,
        role: Role,
    ) -> Result<Option<Opened>, EngineError> {
        let key: &StaticSecret = match role {
            Role::Append => &self.keys.append,
            Role::Read | Role::Control => &self.keys.read,
        };
        match patiently(|| connection.open(self.channel, role, key)).await {
            Ok(opened) => Ok(Some(opened)),
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The entries of the log that an entry of the copy holds, as far as they can be any.
    pub(super) fn entries(&self, joiner: &mut Joiner, entry: &Entry) -> Vec<Entry> {
        self.copied(entry)
            .into_iter()
            .filter_map(|copied| joiner.join(copied, &self.key, &self.log))
            .collect()
    }

    fn copied(&self, entry: &Entry) -> Vec<Copied> {
        envelope::open_bytes(&self.keys.envelope, &self.channel, Counter(0), &entry.bytes)
            .and_then(|bytes| codec::decode(&bytes, bucket::LARGEST))
            .unwrap_or_default()
    }

    /// After which entry of the copy everything stands that follows this position of the log. Where somebody put in what is
    /// false, it may be too late, and then the log cannot be read on there.
    pub(super) async fn start(
        &self,
        connection: &Connection,
        opened: &Opened,
        after: Position,
    ) -> Result<Position, EngineError> {
        let (mut low, mut high) = (0, opened.newest.0);
        while high.saturating_sub(low) > NEAR {
            let middle = low.midpoint(high);
            let mut reading = connection.read(opened.handle, Position(middle), false).await?;
            let first = match reading.next().await? {
                Served::Entry(entry) => self.copied(&entry).first().map(Copied::position),
                _ => None,
            };
            match first {
                Some(first) if first <= after => low = middle,
                _ => high = middle,
            }
        }
        Ok(Position(low.saturating_sub(NEAR)))
    }

    /// Appends entries of the log, in order; makes the copy if nobody has.
    pub(super) async fn append(
        &self,
        connection: &Connection,
        entries: &[Entry],
        pass: impl FnOnce() -> Option<Pass>,
    ) -> Result<(), EngineError> {
        let opened = match self.open(connection, Role::Append).await? {
            Some(opened) => opened,
            None => {
                let life = Retention::Month.min(connection.info().await?.plain);
                let spec = ChannelSpec {
                    plain: life,
                    flagged: life,
                    ..refuge::spec(&self.keys)
                };
                let pass = pass();
                match patiently(|| connection.create(&spec, &self.keys.creation, pass)).await {
                    // Somebody else was faster.
                    Ok(_) | Err(LinkError::Refused(RefusedBecause::Exists)) => {}
                    Err(error) => return Err(error.into()),
                }
                patiently(|| connection.open(self.channel, Role::Append, &self.keys.append)).await?
            }
        };
        let mut counter = opened.counter;
        let mut put = Ok(());
        for batch in self.batches(entries) {
            put = self.put(connection, &opened, &mut counter, &batch).await;
            if put.is_err() {
                break;
            }
        }
        let _ = connection.close(opened.handle).await;
        put
    }

    fn batches(&self, entries: &[Entry]) -> Vec<Vec<Copied>> {
        let (mut batches, mut last, mut size) = (Vec::new(), Vec::new(), 0_usize);
        for entry in entries {
            for copied in Copied::of(entry, &self.key, &self.log) {
                if !last.is_empty() && size.saturating_add(copied.size()) > TOGETHER {
                    batches.push(std::mem::take(&mut last));
                    size = 0;
                }
                size = size.saturating_add(copied.size());
                last.push(copied);
            }
        }
        if !last.is_empty() {
            batches.push(last);
        }
        batches
    }

    async fn put(
        &self,
        connection: &Connection,
        opened: &Opened,
        counter: &mut Counter,
        batch: &[Copied],
    ) -> Result<(), EngineError> {
        let content = codec::encode(&batch, bucket::LARGEST)?;
        let nonce = super::random::bytes()?;
        let sealed = envelope::seal_bytes(&self.keys.envelope, &self.channel, Counter(0), nonce, &content)?;
        let bytes = Bytes::from(sealed);
        for _ in 0..ATTEMPTS {
            match patiently(|| connection.append(opened.handle, *counter, bytes.clone())).await? {
                Appended::Stored(_) => return Ok(()),
                Appended::Moved { counter: now, .. } => *counter = now,
            }
        }
        Err(EngineError::RoomState(
            "somebody of the room disturbs the copy: its counter moves all the time".to_owned(),
        ))
    }
}
