//! Case N-15: all clients look the same to whoever sees their first packets.

use std::collections::BTreeMap;
use std::time::Duration;

use caucus_tests::attack::raw::pieces_of_hello;
use caucus_tests::net::{Datagram, Packet, PacketKind, Weather, World};

use super::virtually;

/// What of a ClientHello tells clients apart: everything but random bytes and the order, which chance decides.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Fingerprint {
    suites: Vec<u8>,
    extensions: BTreeMap<u16, Vec<u8>>,
    parameters: BTreeMap<u64, Vec<u8>>,
    sizes: Vec<usize>,
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (own, rest) = bytes.split_at(length);
    *bytes = rest;
    own
}

fn number(bytes: &mut &[u8], length: usize) -> usize {
    take(bytes, length)
        .iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn integer(bytes: &mut &[u8]) -> u64 {
    let length = 1 << (bytes[0] >> 6);
    let own = take(bytes, length);
    own.iter().enumerate().fold(0, |value, (place, byte)| {
        value << 8 | u64::from(if place == 0 { byte & 0x3f } else { *byte })
    })
}

fn fingerprint(first: &[&Datagram]) -> Fingerprint {
    let mut pieces = BTreeMap::new();
    for datagram in first {
        pieces.extend(pieces_of_hello(&datagram.bytes).expect("an Initial"));
    }
    let hello: Vec<u8> = pieces.into_values().flatten().collect();
    let mut rest = &hello[..];
    assert_eq!(number(&mut rest, 1), 1, "a ClientHello");
    assert_eq!(number(&mut rest, 3), rest.len(), "all of it");
    take(&mut rest, 2 + 32);
    let session = number(&mut rest, 1);
    assert_eq!(session, 0, "no session to come back to");
    let suites = number(&mut rest, 2);
    let suites = take(&mut rest, suites).to_vec();
    let compressions = number(&mut rest, 1);
    take(&mut rest, compressions);
    let _ = number(&mut rest, 2);
    let (mut extensions, mut parameters) = (BTreeMap::new(), BTreeMap::new());
    while !rest.is_empty() {
        let kind = number(&mut rest, 2) as u16;
        let length = number(&mut rest, 2);
        let mut value = take(&mut rest, length);
        match kind {
            // Key shares: which groups, and how large.
            51 => {
                let _ = number(&mut value, 2);
                let mut groups = Vec::new();
                while !value.is_empty() {
                    groups.extend_from_slice(take(&mut value, 4));
                    let length =
                        usize::from(groups[groups.len() - 2]) << 8 | usize::from(groups[groups.len() - 1]);
                    take(&mut value, length);
                }
                extensions.insert(kind, groups);
            }
            // Parameters of QUIC, without the id that is drawn for each connection and those without meaning.
            57 => {
                while !value.is_empty() {
                    let id = integer(&mut value);
                    let length = integer(&mut value) as usize;
                    let own = take(&mut value, length).to_vec();
                    if id != 0x0f && id % 31 != 27 {
                        parameters.insert(id, own);
                    }
                }
                extensions.insert(kind, Vec::new());
            }
            _ => {
                extensions.insert(kind, value.to_vec());
            }
        }
    }
    Fingerprint {
        suites,
        extensions,
        parameters,
        sizes: first.iter().map(|datagram| datagram.bytes.len()).collect(),
    }
}

#[test]
fn all_clients_have_one_fingerprint_and_a_spin_bit_that_says_nothing() {
    virtually(async {
        let world = World::new(15).await;
        world.fabric.tap();
        let people = world.cell(&["ana", "ben", "cem", "dia"]).await;
        for (number, person) in people.iter().enumerate() {
            // The way to the relay shows in nothing either.
            world.fabric.weather(person.device, Weather::rough(number as u64));
            person.utter("one and all").await.expect("it is taken");
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let relay = world.relay().place();
        let datagrams = world.fabric.tapped();
        let mut clients: BTreeMap<_, Vec<&Datagram>> = BTreeMap::new();
        let mut spins: BTreeMap<_, (u32, u32)> = BTreeMap::new();
        for datagram in datagrams.iter().filter(|datagram| datagram.to == relay) {
            let packet = Packet::first(datagram).expect("a packet of QUIC");
            match packet.kind {
                PacketKind::Initial => clients.entry(datagram.from).or_default().push(datagram),
                PacketKind::Short => {
                    let spin = spins.entry(datagram.from.ip()).or_default();
                    if datagram.bytes[0] & 0x20 == 0 {
                        spin.0 += 1;
                    } else {
                        spin.1 += 1;
                    }
                }
                _ => {}
            }
        }
        let fingerprints: Vec<_> = clients.values().map(|first| fingerprint(&first[..2])).collect();
        assert!(fingerprints.len() >= 4, "{} connections", fingerprints.len());
        assert!(
            fingerprints.windows(2).all(|two| two[0] == two[1]),
            "{fingerprints:#?}"
        );
        let one = &fingerprints[0];
        assert!(!one.extensions.contains_key(&0), "no name of a server");
        assert!(
            !one.extensions.contains_key(&41) && !one.extensions.contains_key(&42),
            "no resumption, no early data"
        );
        // Where it is not used it is drawn for each packet or path, whoever it is.
        println!(
            "N-15: {} connections of {} people, one fingerprint: {} extensions, parameters {:x?}; spin bits {spins:?}",
            fingerprints.len(),
            people.len(),
            one.extensions.len(),
            one.parameters.keys().collect::<Vec<_>>()
        );
        assert_eq!(spins.len(), people.len());
    });
}
