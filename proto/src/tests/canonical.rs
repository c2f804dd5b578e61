//! One value, one encoding; and no bytes, however they lie, cost more than they are long.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::made::{Maker, every_type};
use crate::codec::{self, LIMIT};

/// Values of each type; six neighbours of the bytes of each are decoded (long: ten million in all).
fn rounds() -> u64 {
    if std::env::var_os("CAUCUS_LONG").is_some() {
        30_000
    } else {
        300
    }
}

/// Another byte string near this one.
fn bent(maker: &mut Maker, bytes: &[u8]) -> Vec<u8> {
    let mut bent = bytes.to_vec();
    let place = maker.below(bent.len() + 1);
    let byte = maker.next() as u8;
    match maker.below(6) {
        0 => bent.insert(place, byte),
        1 => bent.truncate(place),
        2 => bent.push(byte),
        3 if place < bent.len() => {
            bent.remove(place);
        }
        // The marks of wider integers.
        4 if place < bent.len() => bent[place] = 250 + byte % 6,
        _ if place < bent.len() => bent[place] ^= 1 << (byte % 8),
        _ => bent.insert(0, byte),
    }
    bent
}

fn is_canonical<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(seed: u64) -> u64 {
    let mut maker = Maker::random(seed);
    let (mut made, mut cases) = (0, 0);
    for _ in 0..rounds() {
        let Some(value) = maker.make::<T>() else { continue };
        made += 1;
        // Lists that do not keep their order or repeat (maps) are put in order by the value itself.
        let bytes = codec::encode(&value, LIMIT).unwrap();
        assert_eq!(codec::decode::<T>(&bytes, LIMIT).as_ref(), Ok(&value));
        for _ in 0..6 {
            cases += 1;
            let bent = bent(&mut maker, &bytes);
            if bent == bytes {
                continue;
            }
            if let Ok(other) = codec::decode::<T>(&bent, LIMIT) {
                assert!(other != value, "two encodings of one value: {bytes:?} {bent:?}");
                assert_eq!(codec::encode(&other, LIMIT).unwrap(), bent);
            }
        }
        let mut trailing = bytes;
        trailing.push(maker.next() as u8);
        if let Ok(other) = codec::decode::<T>(&trailing, LIMIT) {
            assert!(other != value);
        }
    }
    assert!(
        made * 4 > rounds(),
        "{} is hardly ever made",
        core::any::type_name::<T>()
    );
    cases
}

#[test]
fn every_type_has_one_encoding_and_every_other_byte_string_is_refused() {
    let mut cases = 0;
    let mut seed = 1;
    macro_rules! all {
        ($($name:ty),* $(,)?) => { $(seed += 1; cases += is_canonical::<$name>(seed);)* };
    }
    every_type!(all);
    assert!(cases > 90_000, "{cases}");
}

/// Bytes whose lengths lie: a huge length in each encoding width at each place, and noise.
fn bombs(maker: &mut Maker, sample: &[u8]) -> Vec<Vec<u8>> {
    let lengths: [&[u8]; 5] = [
        &[253, 0x10, 0, 0, 0, 0, 0, 0, 0],
        &[253, 255, 255, 255, 255, 255, 255, 255, 255],
        &[252, 255, 255, 255, 255],
        &[251, 255, 255],
        &[
            254, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    ];
    let mut bombs = vec![vec![], vec![255; 5], vec![252, 255, 255, 255, 255]];
    for length in lengths {
        for place in 0..=sample.len().min(80) {
            let mut bomb = sample[..place].to_vec();
            bomb.extend_from_slice(length);
            bombs.push(bomb.clone());
            bomb.extend_from_slice(&sample[(place + 1).min(sample.len())..]);
            bombs.push(bomb);
        }
    }
    for len in 0..20 {
        bombs.push((0..len).map(|_| maker.next() as u8).collect());
    }
    bombs
}

/// A believed length of 2^60 aborts the process in the allocator; elements without size, of which no type may
/// have any, would spin for ever. So that this ends at all is the proof.
#[test]
fn no_length_that_lies_is_believed_by_any_type() {
    let mut tried = 0;
    macro_rules! all {
        ($($name:ty),* $(,)?) => { $({
            let mut maker = Maker::random(7);
            for variant in 0..12 {
                let Some(value) = Maker::counting(variant).make::<$name>() else { continue };
                let sample = codec::encode(&value, LIMIT).unwrap();
                for bomb in bombs(&mut maker, &sample) {
                    tried += 1;
                    if let Ok(value) = codec::decode::<$name>(&bomb, LIMIT) {
                        assert_eq!(codec::encode(&value, LIMIT).unwrap(), bomb);
                    }
                }
            }
        })* };
    }
    every_type!(all);
    assert!(tried > 50_000, "{tried}");
}
