//! Blobs: what is too large for an entry, or meant for several people at once. A channel of sealed chunks that
//! nobody can append to or change once it is written.

use bytes::Bytes;
use caucus_proto::envelope::{self, EnvelopeKey};
use caucus_proto::error::PeerFault;
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::label::{Label, derive, hash};
use caucus_proto::wire::{Access, ChannelSpec, Pass, Retention, Role, SLOTS, Served, bucket};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};

use super::error::EngineError;
use super::random;
use super::record::SecretKey;
use super::relay::patiently;
use crate::relay::{Appended, Connection};

/// Largest blob.
pub(super) const LARGEST: usize = 32 * 1024 * 1024;

const CHUNK: usize = bucket::LARGEST - 1024;

/// Where a blob is and what opens it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its channel.
    pub channel: ChannelId,
    /// The secret that its read key and its chunks' key come from.
    pub secret: SecretKey,
    /// Bytes.
    pub size: u32,
    /// Hash of the bytes.
    pub hash: [u8; 32],
}

/// Why a blob could not be had.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BlobError {
    /// Larger than any blob.
    #[error("{0} bytes are more than a blob may have")]
    TooLarge(u64),
    /// A chunk does not open.
    #[error("a chunk of the blob is damaged: {0}")]
    Chunk(PeerFault),
    /// The whole is not what its reference says.
    #[error("the blob is not what its reference says")]
    Different,
    /// The relay has fewer chunks than there should be.
    #[error("the blob is not whole at the relay")]
    Missing,
}

impl BlobRef {
    fn read_key(&self) -> StaticSecret {
        derive(Label::ReadKey, &self.secret.0, &[b"blob"]).into()
    }

    fn chunk_key(&self) -> EnvelopeKey {
        EnvelopeKey::from_bytes(derive(Label::BlobKey, &self.secret.0, &[]))
    }
}

/// Writes bytes as a blob.
///
/// # Errors
/// `EngineError`.
pub(super) async fn put(
    connection: &Connection,
    bytes: &[u8],
    life: Retention,
    pass: Option<Pass>,
) -> Result<BlobRef, EngineError> {
    let size = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= LARGEST)
        .ok_or(BlobError::TooLarge(bytes.len() as u64))?;
    let creation = StaticSecret::from(random::bytes::<32>()?);
    let append = StaticSecret::from(random::bytes::<32>()?);
    let secret = SecretKey(random::bytes()?);
    let mut blob = BlobRef {
        channel: ChannelId([0; 32]),
        secret,
        size,
        hash: hash(Label::BlobKey, &[bytes]),
    };
    let spec = ChannelSpec {
        creation_key: PublicKey::from(&creation).to_bytes(),
        salt: random::bytes()?,
        access: Access {
            append: PublicKey::from(&append).to_bytes(),
            read: PublicKey::from(&blob.read_key()).to_bytes(),
        },
        controls: random_controls()?,
        solo: true,
        plain: life,
        flagged: life,
        counter: Counter(0),
        after: Position(0),
    };
    blob.channel = spec.id();
    patiently(|| connection.create(&spec, &creation, pass)).await?;
    let opened = patiently(|| connection.open(blob.channel, Role::Append, &append)).await?;
    for chunk in bytes.chunks(CHUNK) {
        let sealed = envelope::seal_bytes(
            &blob.chunk_key(),
            &blob.channel,
            Counter(0),
            random::bytes()?,
            chunk,
        )?;
        let sealed = Bytes::from(sealed);
        match patiently(|| connection.append(opened.handle, Counter(0), sealed.clone())).await? {
            Appended::Stored(_) => {}
            Appended::Moved { .. } => return Err(BlobError::Different.into()),
        }
    }
    // Handles are few on a connection; a blob is written once.
    let _ = connection.close(opened.handle).await;
    Ok(blob)
}

/// Fetches a blob.
///
/// # Errors
/// `EngineError::Blob` if it is not what its reference says.
pub async fn fetch(connection: &Connection, blob: &BlobRef) -> Result<Vec<u8>, EngineError> {
    let size = blob.size as usize;
    if size > LARGEST {
        return Err(BlobError::TooLarge(u64::from(blob.size)).into());
    }
    let key = blob.read_key();
    let opened = patiently(|| connection.open(blob.channel, Role::Read, &key)).await?;
    let mut reading = connection.read(opened.handle, Position(0), false).await?;
    let mut bytes = Vec::new();
    while bytes.len() < size {
        match reading.next().await? {
            Served::Entry(entry) => {
                let chunk =
                    envelope::open_bytes(&blob.chunk_key(), &blob.channel, entry.counter, &entry.bytes)
                        .map_err(BlobError::Chunk)?;
                // Every chunk is full but the last, so nothing can be served for ever.
                if chunk.len() != CHUNK.min(size - bytes.len()) {
                    return Err(BlobError::Different.into());
                }
                bytes.extend_from_slice(&chunk);
            }
            Served::CaughtUp { .. } => {}
            _ => return Err(BlobError::Missing.into()),
        }
    }
    drop(reading);
    let _ = connection.close(opened.handle).await;
    if bytes.len() != size || hash(Label::BlobKey, &[&bytes]) != blob.hash {
        return Err(BlobError::Different.into());
    }
    Ok(bytes)
}

/// Control slots that nobody holds.
///
/// # Errors
/// `EngineError::Random`.
pub(super) fn random_controls() -> Result<[[u8; 32]; SLOTS], EngineError> {
    let mut controls = [[0; 32]; SLOTS];
    for slot in &mut controls {
        *slot = random::bytes()?;
    }
    Ok(controls)
}
