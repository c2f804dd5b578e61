//! The index of a segment: in memory while the segment grows, afterwards a sorted file beside it.
//!
//! ```text
//! magic 8, entries u64, last sequence u64, bytes of the log u64, hash 16 of header and sparse part
//! entries, sorted: channel 32, position u64, offset u32, size u32, bytes of the entry u32
//! sparse part, for every block of 64 entries: the first 8 bytes of its first channel, 8 bytes of its hash
//! ```
//!
//! Header and sparse part are checked on opening, a block when it is read. One that is not what it was is an
//! `io::ErrorKind::InvalidData`: the segment is then indexed anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::{Buf, BufMut};
use caucus_proto::id::{ChannelId, Position};

use crate::store::StoreError;
use crate::store::embedded::disk;

const MAGIC: &[u8; 8] = b"caucusx2";
const HEADER: usize = 8 + 8 + 8 + 8 + 16;
const ENTRY: usize = 32 + 8 + 4 + 4 + 4;
const BLOCK: usize = 64;
/// Bytes of a block in the sparse part.
const SPARSE: usize = 8 + 8;

/// Where a record lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) offset: u32,
    /// Bytes of the record.
    pub(super) size: u32,
    /// Bytes of the entry in it.
    pub(super) bytes: u32,
}

/// The index of a segment that grows.
pub(super) type Live = BTreeMap<(ChannelId, Position), Place>;

/// The index file of a segment that is complete.
#[derive(Debug)]
pub(super) struct Sealed {
    file: File,
    entries: u64,
    /// First channel and hash of each block, shortened.
    sparse: Vec<(u64, u64)>,
    /// Sequence of the segment's last record.
    pub(super) last_sequence: u64,
    /// Bytes of the segment.
    pub(super) log_bytes: u64,
    /// Bytes of the index file.
    pub(super) bytes: u64,
}

impl Sealed {
    /// Writes the file, durable and under its name only when it is whole.
    pub(super) fn write(
        path: &Path,
        live: &Live,
        last_sequence: u64,
        log_bytes: u64,
    ) -> Result<(), StoreError> {
        let broken = |error: io::Error| disk::failed("write", path, &error);
        let draft = path.with_extension("tmp");
        let file = disk::open(&draft)?;
        file.set_len(0).map_err(broken)?;
        let mut packed = Vec::with_capacity(live.len() * ENTRY);
        for ((channel, position), place) in live {
            packed.put_slice(&channel.0);
            packed.put_u64(position.0);
            packed.put_u32(place.offset);
            packed.put_u32(place.size);
            packed.put_u32(place.bytes);
        }
        let sparse: Vec<u8> = packed
            .chunks(BLOCK * ENTRY)
            .flat_map(|block| [first_of(block), check(block)])
            .flat_map(u64::to_be_bytes)
            .collect();
        let mut header = Vec::with_capacity(HEADER);
        header.put_slice(MAGIC);
        header.put_u64(live.len() as u64);
        header.put_u64(last_sequence);
        header.put_u64(log_bytes);
        let hash = hash(&header, &sparse);
        header.put_slice(&hash);
        for part in [&header, &packed, &sparse] {
            (&file).write_all(part).map_err(broken)?;
        }
        disk::blur(&file);
        file.sync_all().map_err(broken)?;
        fs::rename(&draft, path).map_err(broken)?;
        path.parent().map_or(Ok(()), disk::sync_folder)
    }

    /// Opens the file; none if there is none or it is not whole.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.try_exists().unwrap_or(false) {
            return Ok(None);
        }
        let file = disk::open_to_read(path)?;
        Self::load(file).map_err(|error| disk::failed("read", path, &error))
    }

    fn load(file: File) -> io::Result<Option<Self>> {
        let bytes = file.metadata()?.len();
        let mut header = [0; HEADER];
        if bytes < HEADER as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let (fixed, hash_read) = header.split_at(HEADER - 16);
        let Some(mut fields) = fixed.strip_prefix(MAGIC) else {
            return Ok(None);
        };
        let entries = fields.get_u64();
        let last_sequence = fields.get_u64();
        let log_bytes = fields.get_u64();
        let sparse_bytes = entries.div_ceil(BLOCK as u64).saturating_mul(SPARSE as u64);
        let expected = entries
            .checked_mul(ENTRY as u64)
            .and_then(|table| table.checked_add((HEADER as u64).checked_add(sparse_bytes)?));
        if expected != Some(bytes) {
            return Ok(None);
        }
        let mut packed = vec![0; usize::try_from(sparse_bytes).unwrap_or(0)];
        file.read_exact_at(&mut packed, bytes - sparse_bytes)?;
        if hash_read != hash(fixed, &packed) {
            return Ok(None);
        }
        let mut packed = packed.as_slice();
        let mut sparse = Vec::with_capacity(packed.len() / SPARSE);
        while packed.has_remaining() {
            sparse.push((packed.get_u64(), packed.get_u64()));
        }
        Ok(Some(Self {
            file,
            entries,
            sparse,
            last_sequence,
            log_bytes,
            bytes,
        }))
    }

    /// Records of a channel after a position, in order, at most `limit`.
    pub(super) fn find(
        &self,
        channel: ChannelId,
        after: Position,
        limit: usize,
    ) -> io::Result<Vec<(Position, Place)>> {
        let wanted = prefix(&channel);
        // The run of blocks that can begin with this channel, and the one before them.
        let mut low = self
            .sparse
            .partition_point(|(first, _)| *first < wanted)
            .saturating_sub(1);
        let mut high = self.sparse.partition_point(|(first, _)| *first <= wanted);
        let mut found = Vec::new();
        if high == 0 {
            return Ok(found);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let first = self.block(middle)?.first().map(|(key, _)| *key);
            if first.is_some_and(|first| first <= (channel, after)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        for number in low..self.sparse.len() {
            for ((of, position), place) in self.block(number)? {
                if (of, position) <= (channel, after) {
                    continue;
                }
                if of != channel || found.len() >= limit {
                    return Ok(found);
                }
                found.push((position, place));
            }
        }
        Ok(found)
    }

    fn block(&self, number: usize) -> io::Result<Vec<((ChannelId, Position), Place)>> {
        let first = (number * BLOCK) as u64;
        let count = self.entries.saturating_sub(first).min(BLOCK as u64);
        let mut packed = vec![0; usize::try_from(count).unwrap_or(0) * ENTRY];
        self.file
            .read_exact_at(&mut packed, HEADER as u64 + first * ENTRY as u64)?;
        if self.sparse.get(number).map(|(_, check)| *check) != Some(check(&packed)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let entries = packed.chunks_exact(ENTRY).map(|mut fields| {
            let mut channel = [0; 32];
            fields.copy_to_slice(&mut channel);
            let position = Position(fields.get_u64());
            let place = Place {
                offset: fields.get_u32(),
                size: fields.get_u32(),
                bytes: fields.get_u32(),
            };
            ((ChannelId(channel), position), place)
        });
        Ok(entries.collect())
    }
}

fn prefix(channel: &ChannelId) -> u64 {
    first_of(&channel.0)
}

fn first_of(block: &[u8]) -> u64 {
    block
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

fn check(block: &[u8]) -> u64 {
    first_of(blake3::hash(block).as_bytes())
}

fn hash(header: &[u8], sparse: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(sparse);
    let whole = *hasher.finalize().as_bytes();
    let (short, _) = whole.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    *short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_index_finds_what_the_live_one_had() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.idx");
        let mut live = Live::new();
        for n in 0..2000_u32 {
            // Channel 7 runs over many blocks; the others share prefixes in pairs.
            let mut id = [if n % 2 == 0 { 7 } else { (n % 50) as u8 }; 32];
            id[31] = if n % 2 == 0 { 0 } else { (n % 3) as u8 };
            let place = Place {
                offset: n,
                size: n + 1,
                bytes: n + 2,
            };
            live.insert((ChannelId(id), Position(u64::from(n))), place);
        }
        Sealed::write(&path, &live, 77, 1234).unwrap();
        let sealed = Sealed::open(&path).unwrap().unwrap();
        assert_eq!((sealed.last_sequence, sealed.log_bytes), (77, 1234));
        let mut channels: Vec<_> = live.keys().map(|(channel, _)| *channel).collect();
        channels.dedup();
        channels.push(ChannelId([0xFF; 32]));
        channels.push(ChannelId([0; 32]));
        for channel in channels {
            for after in (0..2001).step_by(97) {
                for limit in [1, 10, 10_000] {
                    let expected: Vec<_> = live
                        .range((channel, Position(after + 1))..=(channel, Position(u64::MAX)))
                        .map(|((_, position), place)| (*position, *place))
                        .take(limit)
                        .collect();
                    assert_eq!(sealed.find(channel, Position(after), limit).unwrap(), expected);
                }
            }
        }
    }

    #[test]
    fn the_bytes_of_an_index_file_do_not_drift() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.idx");
        let place = Place {
            offset: 0x0102,
            size: 0x0304,
            bytes: 0x0500,
        };
        let live = Live::from([
            ((ChannelId([0xA1; 32]), Position(6)), place),
            ((ChannelId([0xB2; 32]), Position(7)), place),
        ]);
        Sealed::write(&path, &live, 8, 9).unwrap();
        let expected = [
            "6361756375737832",
            "0000000000000002",
            "0000000000000008",
            "0000000000000009",
            "eafd6ffcbc2fd6edfb8d096e9c1f9a13",
            &"a1".repeat(32),
            "0000000000000006000001020000030400000500",
            &"b2".repeat(32),
            "0000000000000007000001020000030400000500",
            "a1a1a1a1a1a1a1a1a3a078a79cdbdf2c",
        ];
        let bytes = fs::read(&path).unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), expected.concat());
    }

    #[test]
    fn an_index_that_is_not_whole_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.idx");
        let place = Place {
            offset: 0,
            size: 1,
            bytes: 1,
        };
        let live = Live::from([((ChannelId([1; 32]), Position(1)), place)]);
        Sealed::write(&path, &live, 1, 1).unwrap();
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(Sealed::open(&path).unwrap().is_none(), "{len}");
        }
    }
}
