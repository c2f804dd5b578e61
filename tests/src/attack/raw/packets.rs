//! Packets and their protection (RFC 9000, section 17; RFC 9001, section 5), and the first of them.

use rustls::Side;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Connection, Keys, Version};

use super::OWN_ID;
use super::frames::{integer, take_integer};
use crate::attack::trust::Anybody;

/// The smallest datagram that may carry an Initial (RFC 9000, section 14.1).
pub const SMALLEST_INITIAL: usize = 1_200;
pub(super) const TAG: usize = 16;

/// Keys of an Initial for whom the client calls `to`.
///
/// # Panics
/// If the library lacks AES-128-GCM for QUIC.
#[must_use]
pub fn initial_keys(to: &[u8]) -> Keys {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let quic = suite.quic.expect("it is good for QUIC");
    Keys::initial(Version::V1, suite, quic, to, Side::Client)
}

/// An Initial with these frames, padded to the smallest datagram.
#[must_use]
pub fn initial(to: &[u8], token: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
    let keys = initial_keys(to);
    long_packet(
        &keys,
        0,
        (to, &OWN_ID),
        Some(token),
        number,
        frames,
        SMALLEST_INITIAL,
    )
}

pub(super) fn long_packet(
    keys: &Keys,
    kind: u8,
    (to, from): (&[u8], &[u8]),
    token: Option<&[u8]>,
    number: u32,
    frames: &[u8],
    least: usize,
) -> Vec<u8> {
    let mut header = vec![0xc3 | kind << 4, 0, 0, 0, 1, to.len() as u8];
    header.extend_from_slice(to);
    header.push(from.len() as u8);
    header.extend_from_slice(from);
    if let Some(token) = token {
        header.extend(integer(token.len() as u64));
        header.extend_from_slice(token);
    }
    let mut payload = frames.to_vec();
    let whole = header.len() + 2 + 4 + payload.len() + TAG;
    payload.resize(payload.len().max(4) + least.saturating_sub(whole), 0);
    let length = 4 + payload.len() + TAG;
    header.extend((length as u16 | 0x4000).to_be_bytes());
    seal(keys, header, number, payload)
}

pub(super) fn short_packet(keys: &Keys, to: &[u8], number: u32, frames: &[u8], phase: bool) -> Vec<u8> {
    let mut header = vec![0x43 | u8::from(phase) << 2];
    header.extend_from_slice(to);
    let mut payload = frames.to_vec();
    payload.resize(payload.len().max(4), 0);
    seal(keys, header, number, payload)
}

/// Adds the packet number, encrypts, and protects the header (RFC 9001, section 5).
fn seal(keys: &Keys, mut header: Vec<u8>, number: u32, mut payload: Vec<u8>) -> Vec<u8> {
    let place = header.len();
    header.extend(number.to_be_bytes());
    let tag = keys
        .local
        .packet
        .encrypt_in_place(u64::from(number), &header, &mut payload)
        .expect("a key that encrypts");
    let mut packet = [header, payload, tag.as_ref().to_vec()].concat();
    let sample = packet[place + 4..place + 4 + keys.local.header.sample_len()].to_vec();
    let (first, rest) = packet.split_at_mut(1);
    keys.local
        .header
        .encrypt_in_place(&sample, &mut first[0], &mut rest[place - 1..place + 3])
        .expect("a key that protects");
    packet
}

/// Bytes of a ClientHello that a relay takes, with these transport parameters.
///
/// # Panics
/// If the library refuses.
#[must_use]
pub fn client_hello(parameters: Vec<u8>) -> (Connection, Vec<u8>) {
    let tls = ClientConnection::new(
        Anybody::config(),
        Version::V1,
        ServerName::try_from("relay").expect("a name"),
        parameters,
    )
    .expect("a client of TLS");
    let mut tls = Connection::Client(tls);
    let mut hello = Vec::new();
    assert!(tls.write_hs(&mut hello).is_none());
    (tls, hello)
}

/// The bytes of TLS in an Initial of a client: offsets and pieces. None if it is no Initial, or not a client's first.
#[must_use]
pub fn pieces_of_hello(datagram: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut packet = datagram.to_vec();
    if packet.first()? & 0xf0 != 0xc0 {
        return None;
    }
    let mut rest = packet.get(5..)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (length, more) = rest.split_first()?;
        let (id, more) = more.split_at_checked(usize::from(*length))?;
        ids.push(id.to_vec());
        rest = more;
    }
    let token = take_integer(&mut rest)?;
    rest = rest.get(usize::try_from(token).ok()?..)?;
    let length = take_integer(&mut rest)?;
    let place = packet.len() - rest.len();
    let suite = TLS13_AES_128_GCM_SHA256.tls13()?;
    let keys = Keys::initial(Version::V1, suite, suite.quic?, ids.first()?, Side::Server);
    let end = place + usize::try_from(length).ok()?;
    let packet = packet.get_mut(..end)?;
    let sample = packet.get(place + 4..place + 20)?.to_vec();
    let (head, tail) = packet.split_at_mut(1);
    let protected = &mut tail[place - 1..place + 3];
    keys.remote
        .header
        .decrypt_in_place(&sample, &mut head[0], protected)
        .ok()?;
    let size = usize::from(head[0] & 3) + 1;
    let number = protected[..size]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (header, payload) = packet.split_at_mut(place + size);
    let mut rest = keys
        .remote
        .packet
        .decrypt_in_place(number, header, payload)
        .ok()?;
    let mut pieces = Vec::new();
    while let Some(kind) = take_integer(&mut rest) {
        match kind {
            0 | 1 => {}
            6 => {
                let offset = take_integer(&mut rest)?;
                let length = usize::try_from(take_integer(&mut rest)?).ok()?;
                let (piece, more) = rest.split_at_checked(length)?;
                pieces.push((offset, piece.to_vec()));
                rest = more;
            }
            _ => return Some(pieces),
        }
    }
    Some(pieces)
}

/// RFC 9000, appendix A.3.
pub(super) fn whole_number(largest: Option<u64>, short: u64, length: usize) -> u64 {
    let expected = largest.map_or(0, |largest| largest + 1);
    let window = 1_u64 << (8 * length);
    let candidate = expected & !(window - 1) | short;
    if candidate + window / 2 <= expected {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}
