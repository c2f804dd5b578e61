//! The format of one record of the log, and nothing about files.
//!
//! ```text
//! version   u8         2
//! length    u24        bytes after the hash
//! hash      16         BLAKE3 over the segment's id and everything below
//! fields    u8         bytes of the fields
//! fields               through the codec:
//!   kind        0 plain, 1 advance, 2 cut, 3 head, 4 gone, 5 mark
//!   sequence    of the whole log, one more with every record
//!   earlier     records of its batch before it
//!   before      bytes of its batch before it, in its segment
//!   channel     32
//!   position
//!   counter
//!   expires     hours
//!   head        bytes of the channel's head after this record; 0 for none
//! head, entry
//! ```
//!
//! Numbers outside the codec are big-endian. `earlier` and `before` tell a batch that a power cut tore (nothing of
//! it was acknowledged) from damage to something acknowledged.
//!
//! Records of version 1 are read as long as there are some, and no longer written: they had the same fields, 85
//! bytes with all numbers in full width, the sequence of their batch's first record for `earlier`, the offset in
//! the segment at which it begins for `before`, and the length of the entry at the end.

use std::ops::Range;

use blake3::Hasher;
use bytes::{Buf, BufMut, BytesMut};
use caucus_proto::codec;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::Flag;
use serde::{Deserialize, Serialize};

/// Most bytes of a record beside head and entry.
pub(super) const FRAME: usize = PREFIX + 1 + MOST_FIELDS;

/// Largest head.
pub(super) const LARGEST_HEAD: usize = 64 * 1024;

/// Largest entry.
pub(super) const LARGEST_ENTRY: usize = 512 * 1024;

/// Largest record.
pub(super) const LARGEST: usize = FRAME + LARGEST_HEAD + LARGEST_ENTRY;

/// Bytes before the body.
const PREFIX: usize = 4 + HASH;

/// Bytes that the fields may take: a channel and eight numbers of nine bytes.
const MOST_FIELDS: usize = 32 + 8 * 9;

const HASH: usize = 16;

const VERSION: u8 = 2;

/// Bytes of the body of version 1 before head and entry.
const FIXED_1: usize = 1 + 8 + 8 + 4 + 32 + 8 + 8 + 8 + 4 + 4;

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

/// What the codec writes of a header.
#[derive(Serialize, Deserialize)]
struct Fields {
    kind: u8,
    sequence: u64,
    earlier: u64,
    before: u32,
    channel: ChannelId,
    position: Position,
    counter: Counter,
    expires: Hours,
    head: u32,
}

/// Writes a record of a segment at the end of the buffer, which holds what its batch has written into the segment so
/// far, and tells where in the buffer the entry lies.
pub(super) fn write(
    buffer: &mut BytesMut,
    segment: u64,
    header: &Header,
    head: &[u8],
    entry: &[u8],
) -> Range<usize> {
    let begin = buffer.len();
    let fields = Fields {
        kind: header.kind.byte(),
        sequence: header.sequence,
        earlier: header.sequence.saturating_sub(header.first),
        before: narrow(begin),
        channel: header.channel,
        position: header.position,
        counter: header.counter,
        expires: header.expires,
        head: narrow(head.len()),
    };
    // Eight numbers and an id always encode.
    let fields = codec::encode(&fields, MOST_FIELDS).unwrap_or_default();
    let body = 1 + fields.len() + head.len() + entry.len();
    buffer.reserve(PREFIX + body);
    buffer.put_u32(u32::from(VERSION) << 24 | narrow(body));
    buffer.put_bytes(0, HASH);
    buffer.put_u8(u8::try_from(fields.len()).unwrap_or(0));
    buffer.put_slice(&fields);
    buffer.put_slice(head);
    buffer.put_slice(entry);
    let hash = hash(segment, buffer.get(begin + PREFIX..).unwrap_or_default());
    if let Some(place) = buffer.get_mut(begin + 4..begin + PREFIX) {
        place.copy_from_slice(&hash);
    }
    buffer.len() - entry.len()..buffer.len()
}

/// The record at an offset of a segment, from there on.
pub(super) fn read(segment: u64, offset: u64, bytes: &[u8]) -> Result<Found, NoRecord> {
    let Some((mut prefix, rest)) = bytes.split_at_checked(PREFIX) else {
        return Err(NoRecord::Short);
    };
    let word = prefix.get_u32();
    let (version, length) = (word >> 24, (word & 0x00FF_FFFF) as usize);
    if length > LARGEST - PREFIX || ![0, u32::from(VERSION)].contains(&version) {
        return Err(NoRecord::Bad);
    }
    let body = rest.get(..length).ok_or(NoRecord::Short)?;
    let whole = || prefix == hash(segment, body);
    let (header, fixed, head) = match version {
        0 => read_1(body).filter(|_| whole()).ok_or(NoRecord::Bad)?,
        _ => read_2(offset, body).filter(|_| whole()).ok_or(NoRecord::Bad)?,
    };
    let head_at = PREFIX + fixed;
    let entry_at = head_at + head;
    Ok(Found {
        header,
        head: head_at..entry_at,
        entry: entry_at..PREFIX + length,
        size: PREFIX + length,
    })
}

/// The header, the bytes before the head, and those of the head.
fn read_2(offset: u64, body: &[u8]) -> Option<(Header, usize, usize)> {
    let (size, rest) = body.split_first()?;
    let size = usize::from(*size);
    let fields: Fields = codec::decode(rest.get(..size)?, MOST_FIELDS).ok()?;
    let (fixed, head) = (1 + size, fields.head as usize);
    let header = Header {
        kind: Kind::of(fields.kind)?,
        sequence: fields.sequence,
        first: fields.sequence.checked_sub(fields.earlier)?,
        start: u32::try_from(offset.checked_sub(u64::from(fields.before))?).ok()?,
        channel: fields.channel,
        position: fields.position,
        counter: fields.counter,
        expires: fields.expires,
    };
    (fixed + head <= body.len()).then_some((header, fixed, head))
}

fn read_1(body: &[u8]) -> Option<(Header, usize, usize)> {
    let (mut fields, _) = body.split_at_checked(FIXED_1)?;
    let kind = Kind::of(fields.get_u8())?;
    let sequence = fields.get_u64();
    let first = fields.get_u64();
    let start = fields.get_u32();
    let mut channel = [0; 32];
    fields.copy_to_slice(&mut channel);
    let header = Header {
        kind,
        sequence,
        first,
        start,
        channel: ChannelId(channel),
        position: Position(fields.get_u64()),
        counter: Counter(fields.get_u64()),
        expires: Hours(fields.get_u64()),
    };
    let (head, entry) = (fields.get_u32() as usize, fields.get_u32() as usize);
    (FIXED_1 + head + entry == body.len()).then_some((header, FIXED_1, head))
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
        "02000038",
        "0de36c5f150caeb20e683ed8461c4432",
        "2e",
        "02",
        "fb0102",
        "01",
        "00",
        "c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7",
        "07",
        "03",
        "fc00077d30",
        "04",
        "68656164",
        "656e747279",
    );

    /// The same as version 1 wrote it.
    const SNAPSHOT_1: &str = concat!(
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

    const OFFSET: u64 = 0x40;

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

    fn is_what_was_written(bytes: &[u8]) {
        let found = read(9, OFFSET, bytes).unwrap();
        assert_eq!(found.header, header());
        assert_eq!(&bytes[found.head], b"head");
        assert_eq!(&bytes[found.entry], b"entry");
        assert_eq!(found.size, bytes.len());
    }

    #[test]
    fn the_bytes_of_a_record_do_not_drift() {
        let mut buffer = BytesMut::new();
        write(&mut buffer, 9, &header(), b"head", b"entry");
        assert_eq!(HEXLOWER.encode(&buffer), SNAPSHOT);
        is_what_was_written(&buffer);
        is_what_was_written(&HEXLOWER.decode(SNAPSHOT_1.as_bytes()).unwrap());
    }

    #[test]
    fn a_record_knows_where_its_batch_begins() {
        let mut buffer = BytesMut::new();
        let later = Header {
            sequence: 0x0103,
            ..header()
        };
        write(&mut buffer, 9, &header(), b"head", b"entry");
        let place = buffer.len();
        write(&mut buffer, 9, &later, b"", b"entry");
        let found = read(9, OFFSET + place as u64, &buffer[place..]).unwrap();
        assert_eq!(found.header, later);
    }

    #[test]
    fn the_largest_fields_fit_into_their_frame() {
        let header = Header {
            kind: Kind::Mark,
            sequence: u64::MAX,
            first: 0,
            start: 0,
            channel: ChannelId([0xFF; 32]),
            position: Position(u64::MAX),
            counter: Counter(u64::MAX),
            expires: Hours(u64::MAX),
        };
        let mut buffer = BytesMut::new();
        write(&mut buffer, 9, &header, b"", b"");
        assert!(buffer.len() <= FRAME);
        assert_eq!(read(9, 0, &buffer).unwrap().header, header);
    }

    #[test]
    fn any_changed_bit_and_any_other_segment_is_noticed() {
        let mut buffer = BytesMut::new();
        write(&mut buffer, 9, &header(), b"head", b"entry");
        for whole in [buffer.to_vec(), HEXLOWER.decode(SNAPSHOT_1.as_bytes()).unwrap()] {
            assert!(read(8, OFFSET, &whole).is_err());
            for at in 0..whole.len() * 8 {
                let mut bad = whole.clone();
                bad[at / 8] ^= 1 << (at % 8);
                assert!(read(9, OFFSET, &bad).is_err(), "bit {at}");
            }
            for len in 0..whole.len() {
                assert_eq!(read(9, OFFSET, &whole[..len]), Err(NoRecord::Short));
            }
        }
    }
}
