use std::io::Read;

use super::header::Header;
use super::key::Keys;
use super::*;

#[test]
fn what_was_deleted_and_what_was_replaced_is_in_no_file_after_a_rewrite() {
    let home = Home::new();
    let vault = home.create();
    let long = "x".repeat(1000);
    let overlay = vault.overlay();
    for number in 1..=60 {
        overlay.put(log(number), long.as_str()).unwrap();
    }
    overlay.commit().unwrap();
    drop(vault);
    let (old, old_header) = (home.sealed(), home.header());
    let vault = home.open();
    let overlay = vault.overlay();
    overlay.put(log(1), "new").unwrap();
    for number in 2..=30 {
        overlay.delete(log(number));
    }
    overlay.commit().unwrap();
    drop(vault);
    let (current, stale) = (home.sealed(), home.bytes());
    assert!(
        old.iter()
            .any(|record| !current.contains(record) && holds(&stale, &record.1[..500])),
        "without a rewrite there would be nothing to forget"
    );

    let vault = home.open();
    assert!(vault.forget_if_needed().unwrap());
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("new"));
    assert_eq!(text(&vault, &log(2)), None);
    assert_eq!(text(&vault, &log(60)), Some(long));
    drop(vault);
    let fresh = home.bytes();
    assert!(!holds(&fresh, &old_header[32..]), "the old wrapped master key");
    for (slot, sealed) in &old {
        assert!(!holds(&fresh, slot));
        for piece in sealed.chunks(500) {
            assert!(!holds(&fresh, piece));
        }
    }

    let (old_master, _) = Header::parse(&old_header).unwrap().open(&right()).unwrap();
    let old_keys = Keys::of(&old_master);
    for (slot, sealed) in &old {
        assert!(
            record::open(&old_keys, slot, sealed).is_ok(),
            "the key is the old one"
        );
    }
    for (slot, sealed) in home.sealed() {
        assert!(record::open(&old_keys, &slot, &sealed).is_err());
    }
}

#[test]
fn the_old_file_is_zeros_to_whoever_still_has_it_open_and_a_linked_copy_is_left_alone() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "x");
    let mut old = fs::File::open(home.file()).unwrap();
    vault.rewrite().unwrap();
    let mut bytes = Vec::new();
    old.read_to_end(&mut bytes).unwrap();
    assert!(!bytes.is_empty() && bytes.iter().all(|&byte| byte == 0));

    let copy = home.0.path().join("copy");
    fs::hard_link(home.file(), &copy).unwrap();
    vault.rewrite().unwrap();
    assert!(fs::read(&copy).unwrap().iter().any(|&byte| byte != 0));
}

#[test]
fn a_rewrite_is_needed_only_after_something_was_deleted_or_replaced() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "one");
    delete(&vault, log(9));
    assert!(!vault.needs_forgetting() && !vault.forget_if_needed().unwrap());
    put(&vault, log(1), "two");
    assert!(vault.needs_forgetting());
    drop(vault);
    let vault = home.open();
    assert!(vault.needs_forgetting(), "it is remembered");
    assert!(vault.forget_if_needed().unwrap());
    assert!(!vault.needs_forgetting());
    vault.overlay().delete_scope(Table::Log, b"room");
    let overlay = vault.overlay();
    overlay.delete_scope(Table::Log, b"room");
    overlay.commit().unwrap();
    drop(vault);
    assert!(home.open().needs_forgetting());
}

#[test]
fn an_overlay_that_was_open_over_a_rewrite_commits_into_the_new_file() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "one");
    let overlay = vault.overlay();
    overlay.put(log(2), "two").unwrap();
    vault.rewrite().unwrap();
    assert_eq!(overlay.get(&log(1)).unwrap().unwrap().as_slice(), b"one");
    overlay.commit().unwrap();
    drop(vault);
    assert_eq!(text(&home.open(), &log(2)).as_deref(), Some("two"));
}

#[test]
fn readers_and_writers_go_on_while_the_vault_is_rewritten() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(0), "0");
    std::thread::scope(|scope| {
        for thread in 1..4u64 {
            let vault = vault.clone();
            scope.spawn(move || {
                for step in 0..10 {
                    put(&vault, log(thread * 100 + step), "x");
                    assert_eq!(text(&vault, &log(0)).as_deref(), Some("0"));
                }
            });
        }
        for _ in 0..5 {
            vault.rewrite().unwrap();
        }
    });
    drop(vault);
    assert_eq!(home.open().range(Table::Log, b"room", 0, 99).unwrap().len(), 31);
}
