//! What an observer reads of a QUIC packet without any key (RFC 9000, section 17).

use super::fabric::Datagram;

/// Bytes of a connection id that relay and client give: quinn's own choice.
const OWN_ID: usize = 8;

/// Which packet it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketKind {
    /// A first one, which carries TLS hellos.
    Initial,
    /// Early data.
    ZeroRtt,
    /// The rest of the handshake.
    Handshake,
    /// A demand to prove an address.
    Retry,
    /// Everything later.
    Short,
}

/// The readable part of the first packet of a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Which.
    pub kind: PacketKind,
    /// Connection id of whom it goes to.
    pub to: Vec<u8>,
    /// Connection id of whom it comes from, in long headers.
    pub from: Vec<u8>,
    /// The address token of an Initial.
    pub token: Vec<u8>,
}

impl Packet {
    /// Reads the first packet of a datagram; none if it is no packet of QUIC.
    #[must_use]
    pub fn first(datagram: &Datagram) -> Option<Self> {
        let (flags, rest) = datagram.bytes.split_first()?;
        if flags & 0x80 == 0 {
            return Some(Self {
                kind: PacketKind::Short,
                to: rest.get(..OWN_ID)?.to_vec(),
                from: Vec::new(),
                token: Vec::new(),
            });
        }
        let kind = match (flags >> 4) & 3 {
            0 => PacketKind::Initial,
            1 => PacketKind::ZeroRtt,
            2 => PacketKind::Handshake,
            _ => PacketKind::Retry,
        };
        let rest = rest.get(4..)?;
        let (to, rest) = prefixed(rest)?;
        let (from, rest) = prefixed(rest)?;
        let token = match kind {
            PacketKind::Initial => {
                let (length, rest) = integer(rest)?;
                rest.get(..usize::try_from(length).ok()?)?.to_vec()
            }
            _ => Vec::new(),
        };
        Some(Self {
            kind,
            to: to.to_vec(),
            from: from.to_vec(),
            token,
        })
    }
}

fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// A variable-length integer (RFC 9000, section 16).
fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    let (own, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let value = own.iter().enumerate().fold(0, |value, (place, byte)| {
        let byte = if place == 0 { byte & 0x3f } else { *byte };
        value << 8 | u64::from(byte)
    });
    Some((value, rest))
}
