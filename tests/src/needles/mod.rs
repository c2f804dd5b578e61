//! Needles: what must not be found in what a relay keeps, writes or holds, in every form in which it could be there.
//!
//! [`Needle`]s are planted by a script of people; [`search`] looks for them in the bytes of files, of a log, of the
//! memory of a running process ([`memory_of`]) or of whatever else a relay gives out, its metrics for instance.

mod leaky;
mod memory;
mod times;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

pub use leaky::leak;
pub use memory::memory_of;
pub use times::exact_times;

/// Shorter ones are found by chance.
const LEAST: usize = 6;

/// Something that was planted.
#[derive(Clone, Debug)]
pub struct Needle {
    /// What it is.
    pub what: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

/// A needle that was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Of the needle.
    pub what: String,
    /// How it was written.
    pub form: &'static str,
    /// Where: a file, the log, the memory.
    pub place: String,
    /// At which byte.
    pub offset: usize,
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            form,
            place,
            offset,
        } = self;
        write!(f, "{what} as {form} at byte {offset} of {place}")
    }
}

impl Needle {
    /// Words: names, texts, passphrases, links.
    ///
    /// # Panics
    /// If they are too short to mean anything when they are found.
    #[must_use]
    pub fn text(what: &str, text: &str) -> Self {
        let mut needle = Self::bytes(what, text.as_bytes());
        let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        needle.forms.push(("UTF-16", wide));
        needle
    }

    /// Bytes: ids, keys.
    ///
    /// # Panics
    /// If they are too short to mean anything when they are found.
    #[must_use]
    pub fn bytes(what: &str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= LEAST, "{what} is too short");
        let decimal = |between: &str| {
            let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
            numbers.join(between).into_bytes()
        };
        let hex = data_encoding::HEXLOWER.encode(bytes);
        // The last letters of these depend on what follows.
        let of_three = &bytes[..bytes.len() - bytes.len() % 3];
        let of_five = &bytes[..bytes.len() - bytes.len() % 5];
        let mut forms = vec![
            ("bytes", bytes.to_vec()),
            ("hex", hex.clone().into_bytes()),
            ("HEX", hex.to_uppercase().into_bytes()),
            ("decimal", decimal(", ")),
            ("decimal without spaces", decimal(",")),
            ("base64", data_encoding::BASE64.encode(of_three).into_bytes()),
            (
                "base64url",
                data_encoding::BASE64URL.encode(of_three).into_bytes(),
            ),
        ];
        if of_five.len() >= LEAST {
            let base32 = data_encoding::BASE32_NOPAD.encode(of_five);
            forms.push(("base32", base32.to_lowercase().into_bytes()));
            forms.push(("BASE32", base32.into_bytes()));
        }
        Self {
            what: what.to_owned(),
            forms,
        }
    }

    /// The address of a client and, where it is known, its port.
    #[must_use]
    pub fn address(place: SocketAddrV4) -> Self {
        let (ip, port) = (place.ip().octets(), place.port());
        let text = place.ip().to_string();
        let mut forms = vec![
            ("text", text.clone().into_bytes()),
            ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("as IPv6", [&[0, 0, 0xff, 0xff][..], &ip].concat()),
            ("hex", format!("{:08x}", u32::from(*place.ip())).into_bytes()),
            (
                "decimal",
                format!("{}, {}, {}, {}", ip[0], ip[1], ip[2], ip[3]).into_bytes(),
            ),
        ];
        if port != 0 {
            forms.extend([
                ("sockaddr_in", [&[2, 0][..], &port.to_be_bytes(), &ip].concat()),
                ("address and port", [&ip[..], &port.to_be_bytes()].concat()),
                (
                    "address and port of this machine",
                    [&ip[..], &port.to_le_bytes()].concat(),
                ),
            ]);
        }
        Self {
            what: format!("the address {place}"),
            forms,
        }
    }

    /// Its forms: names and bytes.
    #[must_use]
    pub fn forms(&self) -> &[(&'static str, Vec<u8>)] {
        &self.forms
    }
}

/// Addresses of the loopback that nobody uses by chance, one for each number.
#[must_use]
pub fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 197, 211, number)
}

/// Where the needles are in these bytes: the first place of each form of each.
#[must_use]
pub fn search(needles: &[Needle], place: &str, bytes: &[u8]) -> Vec<Hit> {
    let forms: Vec<_> = needles
        .iter()
        .flat_map(|needle| {
            needle
                .forms
                .iter()
                .map(move |(form, bytes)| (needle, *form, bytes))
        })
        .collect();
    // Most places begin no needle: a table of the first four bytes of all tells which may.
    let mut begins = vec![Vec::new(); 1 << 16];
    for (number, (_, _, bytes)) in forms.iter().enumerate() {
        begins[slot(bytes)].push(number);
    }
    let mut found = vec![false; forms.len()];
    let mut hits = Vec::new();
    for (offset, window) in bytes.windows(4).enumerate() {
        for number in &begins[slot(window)] {
            let (needle, form, wanted) = forms[*number];
            if !found[*number] && bytes[offset..].starts_with(wanted) {
                found[*number] = true;
                hits.push(Hit {
                    what: needle.what.clone(),
                    form,
                    place: place.to_owned(),
                    offset,
                });
            }
        }
    }
    hits
}

fn slot(bytes: &[u8]) -> usize {
    let first = [bytes[0], bytes[1], bytes[2], bytes[3]];
    (u32::from_le_bytes(first).wrapping_mul(0x9e37_79b1) >> 16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_needle_is_found_wherever_it_lies() {
        let needles = [
            Needle::text("a name", "Nadelöhr im Heu"),
            Needle::bytes("a key", &[7, 200, 3, 9, 250, 0, 1, 77, 66, 55]),
            Needle::address(SocketAddrV4::new(address(9), 40_001)),
        ];
        let hay: Vec<u8> = (0..10_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(search(&needles, "hay", &hay), []);
        for needle in &needles {
            for (form, bytes) in needle.forms() {
                for place in [0, 4_999, hay.len()] {
                    let mut hay = hay.clone();
                    hay.splice(place..place, bytes.iter().copied());
                    let hits = search(&needles, "hay", &hay);
                    let found =
                        |hit: &Hit| hit.what == needle.what && hit.form == *form && hit.offset == place;
                    assert!(hits.iter().any(found), "{} as {form}: {hits:?}", needle.what);
                }
            }
        }
    }
}
