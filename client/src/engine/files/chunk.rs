//! The chunks of a file: which there are, how they are sealed, what they hash to. No files, no relay.

use bytes::{Buf, Bytes};
use caucus_proto::envelope::EnvelopeKey;
use caucus_proto::id::{ChannelId, Counter};
use caucus_proto::label::{Label, derive, hash};
use caucus_proto::org::FileSecret;
use caucus_proto::wire::bucket;
use x25519_dalek::StaticSecret;

use super::cipher;
use crate::engine::error::EngineError;
use crate::engine::random;

/// Bytes of a file in a chunk; the last one has fewer.
pub(super) const CHUNK: u64 = (bucket::LARGEST - 1024) as u64;

/// Hash of a chunk.
pub(super) type Digest = [u8; 32];

/// A file as its chunks see it.
#[derive(Clone)]
pub(super) struct Sheet {
    channel: ChannelId,
    key: EnvelopeKey,
    size: u64,
}

impl Sheet {
    pub(super) fn new(channel: ChannelId, secret: &FileSecret, size: u64) -> Self {
        Self {
            channel,
            key: EnvelopeKey::from_bytes(derive(Label::FileKey, &secret.0, &[])),
            size,
        }
    }

    /// How many chunks it has.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.size.div_ceil(CHUNK)).unwrap_or(u32::MAX)
    }

    /// Bytes of a chunk.
    pub(super) fn length(&self, index: u32) -> usize {
        let left = self.size.saturating_sub(start(index));
        usize::try_from(left.min(CHUNK)).unwrap_or_default()
    }

    /// Bytes of the chunks that are there.
    pub(super) fn bytes_of<T>(&self, there: &[Option<T>]) -> u64 {
        let there = (0..).zip(there).filter(|(_, one)| one.is_some());
        there.map(|(index, _)| self.length(index) as u64).sum()
    }

    /// Seals a chunk, with its index before it, into one bucket.
    pub(super) fn seal(&self, index: u32, data: &[u8]) -> Result<Bytes, EngineError> {
        let index = index.to_be_bytes();
        let content = [index.as_slice(), data];
        Ok(cipher::seal(&self.key, &self.channel, random::bytes()?, &content)?.into())
    }

    /// Opens a chunk: which one it is, and what is in it. None if it is damaged or none of this file.
    pub(super) fn open(&self, counter: Counter, sealed: Bytes) -> Option<(u32, Bytes)> {
        let mut content = cipher::open(&self.key, &self.channel, counter, sealed)?;
        let index = content.try_get_u32().ok()?;
        (index < self.count() && content.len() == self.length(index)).then_some((index, content))
    }

    /// What the whole hashes to; none while a chunk is missing.
    pub(super) fn hash(&self, digests: &[Option<Digest>]) -> Option<Digest> {
        let digests: Vec<Digest> = digests.iter().copied().collect::<Option<_>>()?;
        let size = self.size.to_be_bytes();
        let parts: Vec<&[u8]> = std::iter::once(size.as_slice())
            .chain(digests.iter().map(<[u8; 32]>::as_slice))
            .collect();
        Some(hash(Label::File, &parts))
    }
}

/// Where a chunk begins in its file.
pub(super) fn start(index: u32) -> u64 {
    u64::from(index) * CHUNK
}

/// What a chunk hashes to.
pub(super) fn digest(index: u32, data: &[u8]) -> Digest {
    hash(Label::FileChunk, &[&index.to_be_bytes(), data])
}

/// Secret read key of a file's channel.
pub(super) fn read_key(secret: &FileSecret) -> StaticSecret {
    derive(Label::ReadKey, &secret.0, &[b"file"]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(size: u64) -> Sheet {
        Sheet::new(ChannelId([1; 32]), &FileSecret([2; 32]), size)
    }

    #[test]
    fn a_file_is_as_many_chunks_as_it_needs() {
        for (size, count, last) in [(0, 0, 0), (1, 1, 1), (CHUNK, 1, CHUNK), (CHUNK + 7, 2, 7)] {
            let sheet = sheet(size);
            assert_eq!(sheet.count(), count);
            assert_eq!(sheet.length(count.saturating_sub(1)) as u64, last);
        }
    }

    #[test]
    fn a_full_chunk_fills_the_largest_bucket_and_comes_out_as_it_went_in() {
        let sheet = sheet(2 * CHUNK);
        let data = vec![7; CHUNK as usize];
        let sealed = sheet.seal(1, &data).unwrap();
        assert_eq!(sealed.len(), bucket::LARGEST);
        assert_eq!(sheet.open(Counter(0), sealed), Some((1, data.into())));
    }

    #[test]
    fn a_chunk_that_was_touched_or_is_of_another_file_does_not_open() {
        let sealed = sheet(10).seal(0, &[7; 10]).unwrap();
        for at in [0, 30, sealed.len() - 1] {
            let mut touched = sealed.to_vec();
            touched[at] ^= 1;
            assert_eq!(sheet(10).open(Counter(0), touched.into()), None);
        }
        assert_eq!(sheet(10).open(Counter(1), sealed.clone()), None);
        assert_eq!(
            sheet(11).open(Counter(0), sealed.clone()),
            None,
            "its length is another"
        );
        let beyond = sheet(10).seal(1, &[7; 10]).unwrap();
        assert_eq!(sheet(10).open(Counter(0), beyond), None, "there is no such chunk");
        let other = Sheet::new(ChannelId([9; 32]), &FileSecret([2; 32]), 10);
        assert_eq!(other.open(Counter(0), sealed), None);
    }

    #[test]
    fn the_same_file_sent_twice_shares_nothing() {
        let data = vec![7; 4_000];
        let again = Sheet::new(ChannelId([3; 32]), &FileSecret([4; 32]), 4_000);
        let sealed = [
            sheet(4_000).seal(0, &data).unwrap(),
            sheet(4_000).seal(0, &data).unwrap(),
            again.seal(0, &data).unwrap(),
        ];
        let blocks: Vec<_> = sealed.iter().flat_map(|bytes| bytes.chunks(16)).collect();
        let distinct: std::collections::HashSet<_> = blocks.iter().collect();
        assert_eq!(distinct.len(), blocks.len());
    }

    #[test]
    fn a_whole_has_a_hash_only_where_every_chunk_is_there_and_in_its_place() {
        let sheet = sheet(CHUNK + 1);
        let (first, second) = (digest(0, b"a"), digest(1, b"b"));
        assert_eq!(sheet.hash(&[Some(first), None]), None);
        let whole = sheet.hash(&[Some(first), Some(second)]);
        assert!(whole.is_some());
        assert_ne!(whole, sheet.hash(&[Some(second), Some(first)]));
    }
}
