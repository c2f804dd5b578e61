//! Integers, frames and transport parameters as they go over the wire (RFC 9000, sections 16, 18 and 19).

use std::collections::BTreeSet;

use super::OWN_ID;

/// A variable-length integer (RFC 9000, section 16).
///
/// # Panics
/// Above 2^62.
#[must_use]
pub fn integer(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().to_vec(),
        _ => {
            assert!(value < 1 << 62);
            (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec()
        }
    }
}

pub(super) fn take_integer(bytes: &mut &[u8]) -> Option<u64> {
    let first = *bytes.first()?;
    let (own, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    *bytes = rest;
    let value = own.iter().enumerate().fold(0, |value, (place, byte)| {
        let byte = if place == 0 { byte & 0x3f } else { *byte };
        value << 8 | u64::from(byte)
    });
    Some(value)
}

/// A STREAM frame with offset and length.
#[must_use]
pub fn stream(id: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
    let parts = [
        vec![0x0e],
        integer(id),
        integer(offset),
        integer(bytes.len() as u64),
        bytes.to_vec(),
    ];
    parts.concat()
}

/// A CRYPTO frame.
#[must_use]
pub fn crypto(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [
        vec![6],
        integer(offset),
        integer(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

/// A transport parameter.
#[must_use]
pub fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    [integer(id), integer(value.len() as u64), value.to_vec()].concat()
}

/// What an ordinary client announces, with these windows.
#[must_use]
pub fn parameters(data: u64, stream: u64) -> Vec<u8> {
    [
        parameter(0x01, &integer(60_000)),
        parameter(0x04, &integer(data)),
        parameter(0x05, &integer(stream)),
        parameter(0x0f, &OWN_ID),
    ]
    .concat()
}

/// An ACK of these packets and no others: a relay leaves numbers out to find those who acknowledge what never came.
pub(super) fn acknowledgement(came: &BTreeSet<u64>) -> Vec<u8> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in came.iter().rev() {
        match ranges.last_mut() {
            Some((_, least)) if *least == number + 1 => *least = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let Some((largest, least)) = ranges.first().copied() else {
        return vec![1];
    };
    let mut ack = [
        vec![2],
        integer(largest),
        vec![0],
        integer(ranges.len() as u64 - 1),
    ]
    .concat();
    ack.extend(integer(largest - least));
    for two in ranges.windows(2) {
        ack.extend(integer(two[0].1 - two[1].0 - 2));
        ack.extend(integer(two[1].0 - two[1].1));
    }
    ack
}
