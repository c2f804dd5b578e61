//! The format of one record of the log, and nothing about files.
//!
//! ```text
//! length    u32        bytes after the hash
//! hash      16         BLAKE3 over the segment's id and everything below
//! kind      u8         0 plain, 1 advance, 2 cut, 3 head, 4 gone, 5 mark
//! sequence  u64        of the whole log, one more with every record
//! first     u64        sequence of the first record of its batch
//! start     u32        offset in the segment at which its batch begins
//! channel   32
//! position  u64
//! counter   u64
//! expires   u64        hours
//! head      u32        bytes of the channel's head after this record; 0 for none
//! entry     u32        bytes of the entry
//! ```
//!
//! then the head and the entry. All numbers are big-endian. `first` and `start` tell a batch that a power
//! cut tore (nothing of it was acknowledged) from damage to something acknowledged.

use std::ops::Range;

use blake3::Hasher;
use bytes::{Buf, BufMut, BytesMut};
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::Flag;

/// Bytes before the body.
pub(super) const PREFIX: usize = 4 + HASH;

/// Bytes of the body before head and entry.
pub(super) const FIXED: usize = 1 + 8 + 8 + 4 + 32 + 8 + 8 + 8 + 4 + 4;

/// Largest head.
pub(super) const LARGEST_HEAD: usize = 64 * 1024;

/// Largest entry.
pub(super) const LARGEST_ENTRY: usize = 512 * 1024;

/// Largest record.
pub(super) const LARGEST: usize = PREFIX + FIXED + LARGEST_HEAD + LARGEST_ENTRY;

const HASH: usize = 16;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// An entry; a flagged one brings the head that follows it.
    Entry(Flag),
    /// The head of a channel: a new one, a changed one, or the same again before its day goes.
    Head,
    /// The channel is gone.
    Gone,
    /// Nothing; ends the batch before it.
    Mark,
}

/// Everything but head and entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) sequence: u64,
    pub(super) first: u64,
    pub(super) start: u32,
    pub(super) channel: ChannelId,
    pub(super) position: Position,
    pub(super) counter: Counter,
    pub(super) expires: Hours,
}

/// A record that was found intact in a buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) head: Range<usize>,
    pub(super) entry: Range<usize>,
    /// Bytes it takes.
    pub(super) size: usize,
}

/// Why bytes are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoRecord {
    /// The bytes end before it does.
    Short,
    /// Length, hash or content are wrong.
    Bad,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Entry(flag) => flag.byte(),
            Self::Head => 3,
            Self::Gone => 4,
            Self::Mark => 5,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Entry(Flag::Plain),
            1 => Self::Entry(Flag::Advance),
            2 => Self::Entry(Flag::Cut),
            3 => Self::Head,
            4 => Self::Gone,
            5 => Self::Mark,
            _ => return None,
        })
    }
}

/// Writes a record of a segment at the end of the buffer, and tells where in the buffer the entry lies.
pub(super) fn write(
    buffer: &mut BytesMut,
    segment: u64,
    header: &Header,
    head: &[u8],
    entry: &[u8],
) -> Range<usize> {
    let body = FIXED + head.len() + entry.len();
    buffer.reserve(PREFIX + body);
    let begin = buffer.len();
    buffer.put_u32(narrow(body));
    buffer.put_bytes(0, HASH);
    buffer.put_u8(header.kind.byte());
    buffer.put_u64(header.sequence);
    buffer.put_u64(header.first);
    buffer.put_u32(header.start);
    buffer.put_slice(&header.channel.0);
    buffer.put_u64(header.position.0);
    buffer.put_u64(header.counter.0);
    buffer.put_u64(header.expires.0);
    buffer.put_u32(narrow(head.len()));
    buffer.put_u32(narrow(entry.len()));
    buffer.put_slice(head);
    buffer.put_slice(entry);
    let hash = hash(segment, buffer.get(begin + PREFIX..).unwrap_or_default());
    if let Some(place) = buffer.get_mut(begin + 4..begin + PREFIX) {
        place.copy_from_slice(&hash);
    }
    buffer.len() - entry.len()..buffer.len()
}

/// The record of a segment at the beginning of the bytes.
pub(super) fn read(segment: u64, bytes: &[u8]) -> Result<Found, NoRecord> {
    let Some((mut prefix, rest)) = bytes.split_at_checked(PREFIX) else {
        return Err(NoRecord::Short);
    };
    let length = prefix.get_u32() as usize;
    if !(FIXED..=LARGEST - PREFIX).contains(&length) {
        return Err(NoRecord::Bad);
    }
    let body = rest.get(..length).ok_or(NoRecord::Short)?;
    let (mut fields, _) = body.split_at_checked(FIXED).ok_or(NoRecord::Bad)?;
    let kind = Kind::of(fields.get_u8()).ok_or(NoRecord::Bad)?;
    let sequence = fields.get_u64();
    let first = fields.get_u64();
    let start = fields.get_u32();
    let mut channel = [0; 32];
    fields.copy_to_slice(&mut channel);
    let position = Position(fields.get_u64());
    let counter = Counter(fields.get_u64());
    let expires = Hours(fields.get_u64());
    let head = fields.get_u32() as usize;
    let entry = fields.get_u32() as usize;
    if head.saturating_add(entry).saturating_add(FIXED) != length {
        return Err(NoRecord::Bad);
    }
    if prefix != hash(segment, body) {
        return Err(NoRecord::Bad);
    }
    let head_at = PREFIX + FIXED;
    Ok(Found {
        header: Header {
            kind,
            sequence,
            first,
            start,
            channel: ChannelId(channel),
            position,
            counter,
            expires,
        },
        head: head_at..head_at + head,
        entry: head_at + head..head_at + head + entry,
        size: PREFIX + length,
    })
}

fn hash(segment: u64, body: &[u8]) -> [u8; HASH] {
    let mut hasher = Hasher::new();
    hasher.update(&segment.to_be_bytes());
    hasher.update(body);
    let whole = hasher.finalize();
    let mut short = [0; HASH];
    for (to, from) in short.iter_mut().zip(whole.as_bytes()) {
        *to = *from;
    }
    short
}

/// Lengths here are bounded far below what the type holds.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    const SNAPSHOT: &str = concat!(
        "0000005e",
        "7a15ae5b5103c018dd40e0496db72df6",
        "02",
        "0000000000000102",
        "0000000000000101",
        "00000040",
        "c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7",
        "0000000000000007",
        "0000000000000003",
        "0000000000077d30",
        "00000004",
        "00000005",
        "68656164",
        "656e747279",
    );

    fn header() -> Header {
        Header {
            kind: Kind::Entry(Flag::Cut),
            sequence: 0x0102,
            first: 0x0101,
            start: 0x40,
            channel: ChannelId([0xC7; 32]),
            position: Position(7),
            counter: Counter(3),
            expires: Hours(490_800),
        }
    }

    #[test]
    fn the_bytes_of_a_record_do_not_drift() {
        let mut buffer = BytesMut::new();
        write(&mut buffer, 9, &header(), b"head", b"entry");
        assert_eq!(HEXLOWER.encode(&buffer), SNAPSHOT);
        let found = read(9, &buffer).unwrap();
        assert_eq!(found.header, header());
        assert_eq!(&buffer[found.head], b"head");
        assert_eq!(&buffer[found.entry], b"entry");
        assert_eq!(found.size, buffer.len());
    }

    #[test]
    fn any_changed_bit_and_any_other_segment_is_noticed() {
        let mut buffer = BytesMut::new();
        write(&mut buffer, 9, &header(), b"head", b"entry");
        assert!(read(8, &buffer).is_err());
        for at in 0..buffer.len() * 8 {
            let mut bad = buffer.to_vec();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(read(9, &bad).is_err(), "bit {at}");
        }
        for len in 0..buffer.len() {
            assert_eq!(read(9, &buffer[..len]), Err(NoRecord::Short));
        }
    }
}
