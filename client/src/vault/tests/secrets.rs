use data_encoding::HEXLOWER;

use super::header::{FORMAT, Header};
use super::key::{Keys, SecretKey};
use super::*;

const NEEDLE: &str = "the needle that nobody may find";

#[test]
fn neither_texts_nor_scopes_are_readable_in_the_file() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    for number in 0..50 {
        let place = Place::new(Table::Personas, NEEDLE.as_bytes(), number);
        overlay.put(place, NEEDLE.repeat(20)).unwrap();
    }
    overlay.commit().unwrap();
    drop(vault);
    let bytes = home.bytes();
    assert!(!holds(&bytes, &NEEDLE.as_bytes()[4..12]));
    assert!(!holds(&bytes, b"right"));
    assert!(
        holds(&bytes, &home.header()),
        "the search does find what is there"
    );
}

#[test]
fn a_short_record_is_as_long_on_disk_as_a_somewhat_longer_one() {
    let home = Home::new();
    let vault = home.create();
    for (number, length) in [0, 1, 45, 46].into_iter().enumerate() {
        put(&vault, log(number as u64), &"x".repeat(length));
    }
    drop(vault);
    let mut sizes: Vec<_> = home.sealed().iter().map(|(_, sealed)| sealed.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [40 + 64, 40 + 64, 40 + 64, 40 + 128]);
}

#[test]
fn the_same_scope_lies_elsewhere_in_another_vault() {
    let (one, two) = (Home::new(), Home::new());
    for home in [&one, &two] {
        put(&home.create(), log(1), "x");
    }
    assert_ne!(one.sealed()[0].0[..16], two.sealed()[0].0[..16]);
    assert_eq!(one.sealed()[0].0[16..], 1u64.to_be_bytes());
}

#[test]
fn nothing_secret_is_printed_for_debugging() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    overlay
        .put(Place::new(Table::Log, NEEDLE.as_bytes(), 1), NEEDLE)
        .unwrap();
    let key = SecretKey::random().unwrap();
    let printed = [
        format!("{:?}", Passphrase::new(NEEDLE.into())),
        format!("{:?}", Place::new(Table::Log, NEEDLE.as_bytes(), 1)),
        format!("{vault:?}"),
        format!("{overlay:?}"),
        format!("{key:?}"),
        format!("{:?}", Keys::of(&key)),
    ];
    assert_eq!(
        printed,
        [
            "Passphrase(..)",
            "Place(Log, 31 bytes, 1)",
            "Vault(..)",
            "Overlay(..)",
            "SecretKey(..)",
            "Keys(..)",
        ]
    );
}

#[test]
fn a_standard_passphrase_costs_a_guesser_enough() {
    let Cost {
        mem_kib,
        passes,
        lanes,
    } = Cost::standard();
    assert!(mem_kib >= 128 * 1024 && passes >= 3 && lanes == 1);
}

#[test]
fn the_numbers_of_tables_stay() {
    let numbers = [
        Table::Settings,
        Table::Relays,
        Table::Rooms,
        Table::Mls,
        Table::Log,
        Table::Outbox,
        Table::Sent,
        Table::Heads,
        Table::Personas,
        Table::Joins,
        Table::Blobs,
        Table::Invites,
        Table::Requests,
        Table::Jobs,
        Table::Access,
        Table::Verified,
        Table::Evidence,
        Table::Snapshots,
        Table::Pending,
        Table::Cursors,
        Table::Controls,
        Table::Notices,
    ]
    .map(Table::number);
    let expected: Vec<u8> = (1..=22).collect();
    assert_eq!(numbers.as_slice(), expected);
}

/// A header as format 1 writes it: passphrase "right", 8 KiB, 1 pass, 1 lane, salt 07.., master key 2a...
#[rustfmt::skip]
const HEADER_1: &str = concat!(
    "00000001000000080000000100000001",
    "07070707070707070707070707070707",
    "24fbf5ec9d006d54758c26186b054ca247df7c13f298220d",
    "5e266e298b04dd2d88d50c7f9b5775a0c0106c7cc24f64869494442c4c9a4c58",
    "4f0c88c5bd64eb4b8cae3abd975ca371",
);

/// The record "hello" at (log, "room", 258) under that master key.
#[rustfmt::skip]
const RECORD_1: &str = concat!(
    "413c35d80be605c5bf054ec742a7258da7e69028d1aaade3",
    "61187b9a0c3183b31ad93394b6bf4b3620ddc41fde42548b59ac5a81970a4103",
    "edd63ed547e04077b2a51bc0b9b1ec2df7bd9d670803bb9ac597e85f8410b372",
    "e0b3ff60fb9873419016105cd821c805",
);

#[test]
fn a_header_of_format_1_opens_for_ever() {
    let bytes = HEXLOWER.decode(HEADER_1.as_bytes()).unwrap();
    assert_eq!(bytes.len(), 104);
    assert_eq!(bytes[..4], FORMAT.to_be_bytes());
    let header = Header::parse(&bytes).unwrap();
    assert_eq!(header.bytes(), bytes);
    let (master, _) = header.open(&right()).unwrap();
    let keys = Keys::of(&master);
    let slot = keys.slot(Table::Log.number(), b"room", 258);
    assert_eq!(
        HEXLOWER.encode(&slot),
        "8b7b76c7df59c3f5f8958008a00d773a0000000000000102"
    );
    let sealed = HEXLOWER.decode(RECORD_1.as_bytes()).unwrap();
    let opened = record::open(&keys, &slot, &sealed).unwrap();
    assert_eq!(opened.bytes.as_slice(), b"hello");
}
