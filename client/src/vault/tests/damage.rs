use super::*;

#[test]
fn records_that_change_places_do_not_open() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "one");
    put(&vault, log(2), "two");
    put(&vault, Place::new(Table::Heads, *b"room", 1), "head");
    drop(vault);
    let mut records = home.sealed();
    assert_eq!(records.len(), 3);
    let first = records[0].1.clone();
    for at in 0..2 {
        records[at].1 = records[at + 1].1.clone();
    }
    records[2].1 = first;
    home.set_sealed(&records);
    let vault = home.open();
    for place in [log(1), log(2), Place::new(Table::Heads, *b"room", 1)] {
        let moved = vault.get(&place);
        assert!(
            matches!(moved, Err(VaultError::Damaged(Damage::Record))),
            "{place:?}"
        );
    }
    let range = vault.range(Table::Log, b"room", 0, 9);
    assert!(matches!(range, Err(VaultError::Damaged(Damage::Record))));
    assert!(matches!(
        vault.rewrite(),
        Err(VaultError::Damaged(Damage::Record))
    ));
}

#[test]
fn every_flipped_byte_of_a_record_is_noticed() {
    let keys = key::Keys::of(&key::SecretKey::random().unwrap());
    let (slot, sealed) = record::seal(&keys, 5, b"room", 1, b"hello").unwrap();
    assert!(record::open(&keys, &slot, &sealed).is_ok());
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(record::open(&keys, &slot, &flipped).is_err(), "byte {at}");
        assert!(record::open(&keys, &slot, &sealed[..at]).is_err(), "length {at}");
    }
    for at in 0..slot.len() {
        let mut moved = slot;
        moved[at] ^= 1;
        assert!(record::open(&keys, &moved, &sealed).is_err(), "slot byte {at}");
        assert!(record::open(&keys, &slot[..at], &sealed).is_err());
    }
}

#[test]
fn a_changed_record_in_the_file_is_noticed() {
    let home = Home::new();
    put(&home.create(), log(1), "hello");
    let whole = home.sealed();
    let (slot, sealed) = &whole[0];
    let mut flipped = sealed.clone();
    flipped[30] ^= 1;
    for changed in [flipped, sealed[..sealed.len() - 1].to_vec(), Vec::new()] {
        home.set_sealed(&[(slot.clone(), changed)]);
        let read = home.open().get(&log(1));
        assert!(matches!(read, Err(VaultError::Damaged(Damage::Record))));
    }
    home.set_sealed(&whole);
    assert_eq!(text(&home.open(), &log(1)).as_deref(), Some("hello"));
}

#[test]
fn a_damaged_record_does_not_keep_the_others_from_being_read_and_written() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "one");
    drop(vault);
    let mut records = home.sealed();
    records[0].1[30] ^= 1;
    home.set_sealed(&records);
    let vault = home.open();
    assert!(vault.get(&log(1)).is_err());
    put(&vault, log(2), "two");
    assert_eq!(text(&vault, &log(2)).as_deref(), Some("two"));
    put(&vault, log(1), "mended");
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("mended"));
}

#[test]
fn a_file_with_a_flipped_byte_is_refused_or_reads_the_same() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    for number in 0..20 {
        overlay.put(log(number), "hello").unwrap();
        overlay
            .put(Place::new(Table::Mls, *b"group", number), vec![7; 300])
            .unwrap();
    }
    overlay.commit().unwrap();
    put(&vault, log(0), "hello");
    drop(vault);
    let whole = home.bytes();
    let long = std::env::var_os("CAUCUS_LONG").is_some();
    let (early, step, flips) = if long {
        (1, 1, &[0x01, 0x80, 0xff][..])
    } else {
        (17, whole.len() / 150, &[0x41][..])
    };
    let (mut refused, mut same) = (0, 0);
    let places = (0..600).step_by(early).chain((600..whole.len()).step_by(step));
    for at in places {
        for flip in flips {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            fs::write(home.file(), &bytes).unwrap();
            match home.try_open() {
                Ok(vault) => {
                    let log = vault.range(Table::Log, b"room", 0, 99).unwrap();
                    let mls = vault.range(Table::Mls, b"group", 0, 99).unwrap();
                    assert!(
                        log.len() == 20 && mls.len() == 20,
                        "byte {at}: {} and {}",
                        log.len(),
                        mls.len()
                    );
                    assert!(
                        log.iter().all(|(_, text)| text.as_slice() == b"hello"),
                        "byte {at}"
                    );
                    assert!(mls.iter().all(|(_, bytes)| **bytes == [7; 300]), "byte {at}");
                    same += 1;
                }
                Err(VaultError::Damaged(_) | VaultError::WrongPassphrase | VaultError::Newer { .. }) => {
                    refused += 1;
                }
                Err(VaultError::Cost { .. }) => refused += 1,
                Err(other) => panic!("byte {at}: {other:?}"),
            }
        }
    }
    assert!(refused > 0 && same > 0, "{refused} refused, {same} the same");
}

#[test]
fn what_is_no_vault_is_told_as_damaged() {
    let home = Home::new();
    drop(home.create());
    let whole = home.bytes();
    let cut = &whole[..whole.len() / 2];
    for bytes in [
        &b""[..],
        b"x",
        &[0; 4096],
        b"# notes\n",
        &whole[..100],
        &whole[..4096],
        cut,
    ] {
        fs::write(home.file(), bytes).unwrap();
        let opened = home.try_open();
        assert!(
            matches!(opened, Err(VaultError::Damaged(_))),
            "{} bytes: {opened:?}",
            bytes.len()
        );
    }
}

#[test]
fn a_newer_vault_is_refused_by_its_number_and_stays_as_it_is() {
    let home = Home::new();
    put(&home.create(), log(1), "kept");
    let header = home.header();
    let mut newer = header.clone();
    newer[..4].copy_from_slice(&9u32.to_be_bytes());
    newer.extend_from_slice(b"and what only later versions know");
    home.set_header(&newer);
    let opened = home.try_open();
    assert!(matches!(opened, Err(VaultError::Newer { found: 9, known: 1 })));
    assert_eq!(home.header(), newer);
    home.set_header(&header);
    assert_eq!(text(&home.open(), &log(1)).as_deref(), Some("kept"));
}

#[test]
fn a_hostile_header_can_ask_neither_for_all_memory_nor_for_all_time() {
    let home = Home::new();
    drop(home.create());
    let header = home.header();
    for (at, number) in [
        (4, u32::MAX),
        (4, 1024 * 1024 + 1),
        (4, 0),
        (8, u32::MAX),
        (8, 17),
        (8, 0),
        (12, 17),
        (12, 0),
    ] {
        let mut hostile = header.clone();
        hostile[at..at + 4].copy_from_slice(&number.to_be_bytes());
        home.set_header(&hostile);
        let opened = home.try_open();
        assert!(matches!(opened, Err(VaultError::Cost { .. })), "{number} at {at}");
    }
}

#[test]
fn parameters_that_were_changed_by_hand_open_nothing() {
    let home = Home::new();
    drop(Vault::create(&home.path(), &right(), Cost::new(16, 2, 1)).unwrap());
    let header = home.header();
    for (at, number) in [(4, 8u32), (8, 1)] {
        let mut weaker = header.clone();
        weaker[at..at + 4].copy_from_slice(&number.to_be_bytes());
        home.set_header(&weaker);
        assert!(matches!(home.try_open(), Err(VaultError::WrongPassphrase)));
    }
    for length in [0, 3, 4, 20, header.len() - 1] {
        home.set_header(&header[..length]);
        let opened = home.try_open();
        assert!(
            matches!(opened, Err(VaultError::Damaged(Damage::Header))),
            "length {length}"
        );
    }
    home.set_header(&header);
    drop(home.open());
}
