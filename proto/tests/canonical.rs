//! One value has one encoding, and no peer's word makes us allocate or panic.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use caucus_proto::codec::{self, LIMIT, LOCAL_LIMIT};
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::wire::{Access, Answered, Asked, Hello, Proof, Read, Request, Role, SegmentReader, Served};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, prop_assert, prop_assert_eq, proptest, test_runner};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `CAUCUS_LONG` turns a smoke test into a campaign.
fn cases(short: u32) -> test_runner::Config {
    let long = std::env::var_os("CAUCUS_LONG").is_some();
    test_runner::Config {
        failure_persistence: None,
        ..test_runner::Config::with_cases(if long { short * 100 } else { short })
    }
}

fn bucket() -> impl Strategy<Value = Bytes> + Clone {
    collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn request() -> impl Strategy<Value = Request> {
    let key = any::<[u8; 32]>();
    let entry = (any::<u32>(), any::<u64>(), bucket());
    prop_oneof![
        (key, key, key, 0_u8..3).prop_map(|(channel, key, proof, role)| Request::Open {
            channel: ChannelId(channel),
            role: [Role::Append, Role::Read, Role::Control][usize::from(role)],
            key,
            proof: Proof(proof),
        }),
        entry
            .clone()
            .prop_map(|(handle, counter, bytes)| Request::Append {
                handle,
                counter: Counter(counter),
                bytes,
            }),
        (entry, key, key, collection::vec((any::<u64>(), key), 0..4)).prop_map(
            |((handle, counter, bytes), append, read, readers)| Request::Cut {
                handle,
                counter: Counter(counter),
                bytes,
                access: Access { append, read },
                readers: readers
                    .into_iter()
                    .map(|(first, read)| SegmentReader {
                        first: Position(first),
                        read,
                    })
                    .collect(),
            }
        ),
        (any::<u32>(), any::<u8>()).prop_map(|(handle, seconds)| Request::Hold { handle, seconds }),
        Just(Request::Info),
    ]
}

/// Whether the bytes are refused, or are what their value encodes to.
fn refused_or_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    codec::decode::<T>(bytes, LIMIT).map_or(true, |value| {
        codec::encode(&value, LIMIT).is_ok_and(|again| again == bytes)
    })
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_request_reads_back_from_its_only_encoding(tag in any::<u32>(), request in request()) {
        let asked = Asked { tag, request };
        let bytes = codec::encode(&asked, LIMIT).unwrap();
        prop_assert_eq!(&codec::decode::<Asked>(&bytes, LIMIT).unwrap(), &asked);

        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(codec::decode::<Asked>(&longer, LIMIT).is_err());
        prop_assert!(codec::decode::<Asked>(&bytes[..bytes.len() - 1], LIMIT).is_err());
    }

    #[test]
    fn changed_bytes_are_refused_or_another_value(
        tag in any::<u32>(), request in request(), at in any::<usize>(), xor in 1_u8..
    ) {
        let asked = Asked { tag, request };
        let mut bytes = codec::encode(&asked, LIMIT).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= xor;
        prop_assert!(refused_or_canonical::<Asked>(&bytes));
        prop_assert!(codec::decode::<Asked>(&bytes, LIMIT).map_or(true, |other| other != asked));
    }

    #[test]
    fn any_bytes_are_refused_or_the_only_encoding(bytes in collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(refused_or_canonical::<Hello>(&bytes));
        prop_assert!(refused_or_canonical::<Asked>(&bytes));
        prop_assert!(refused_or_canonical::<Read>(&bytes));
        prop_assert!(refused_or_canonical::<Answered>(&bytes));
        prop_assert!(refused_or_canonical::<Served>(&bytes));
    }
}

/// `value` encoded, with the length prefix of its last `tail` bytes (shorter than 251) replaced by `claim`.
fn lying<T: Serialize>(value: &T, tail: usize, claim: u64) -> Vec<u8> {
    let honest = codec::encode(value, LIMIT).unwrap();
    let prefix = honest.len() - tail - 1;
    assert_eq!(usize::from(honest[prefix]), tail);
    let mut bytes = honest[..prefix].to_vec();
    bytes.push(253);
    bytes.extend_from_slice(&claim.to_be_bytes());
    bytes.extend_from_slice(&honest[prefix + 1..]);
    bytes
}

#[test]
fn a_length_inside_a_value_that_lies_is_refused_without_allocating_it() {
    let asked = Asked {
        tag: 1,
        request: Request::Append {
            handle: 1,
            counter: Counter(1),
            bytes: Bytes::from_static(b"abc"),
        },
    };
    // An allocation of this size ends the process, so to come back is to have refused it first.
    for claim in [1 << 44, u64::MAX >> 1, u64::MAX] {
        assert!(codec::decode::<Asked>(&lying(&asked, 3, claim), LIMIT).is_err());
        assert!(codec::decode::<Vec<u64>>(&lying(&vec![7_u64, 7], 2, claim), LIMIT).is_err());
        assert!(codec::decode::<String>(&lying(&"abc", 3, claim), LOCAL_LIMIT).is_err());
    }
}

#[test]
fn values_of_every_size_up_to_the_limit_read_back() {
    for len in [0, 1, 250, 251, 4_095, 4_096, 5_000, 70_000, LIMIT - 5] {
        let bytes = vec![9_u8; len];
        let encoded = codec::encode(&bytes, LIMIT).unwrap();
        assert_eq!(codec::decode::<Vec<u8>>(&encoded, LIMIT).unwrap(), bytes);
    }
    // Small numbers take one byte each and eight in memory.
    for len in [4_000, 100_000, LIMIT - 5] {
        let numbers = vec![1_u64; len];
        let encoded = codec::encode(&numbers, LIMIT).unwrap();
        assert_eq!(codec::decode::<Vec<u64>>(&encoded, LIMIT).unwrap(), numbers);
    }
    assert!(codec::encode(&vec![0_u8; LIMIT], LIMIT).is_err());
    assert!(codec::decode::<Vec<u8>>(&vec![0; LIMIT + 1], LIMIT).is_err());
}
