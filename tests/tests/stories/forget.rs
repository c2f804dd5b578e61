//! Forgetting is real (case D-03): words that are older than this device keeps them are in no file of it, not
//! even for one who knows the passphrase and had the old file's key.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use caucus_client::app::{Answer, Intent, Keep, MessageKind};
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_client::vault::{Passphrase, Vault};
use caucus_tests::harness::{Person, World};

const HOUR: u64 = 60 * 60 * 1000;

/// A word that nothing else holds.
fn canary(number: u64) -> String {
    format!("canary-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The forms in which a text may lie somewhere.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex = data_encoding::HEXLOWER.encode(bytes);
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // What is in the middle encodes alike only at one offset of three: all three are looked for.
    let base64 = (0..3).map(|skip| {
        let end = bytes.len() - (bytes.len() - skip) % 3;
        data_encoding::BASE64.encode(&bytes[skip..end]).into_bytes()
    });
    [
        bytes.to_vec(),
        utf16,
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        decimal.join(", ").into_bytes(),
        decimal.join(",").into_bytes(),
    ]
    .into_iter()
    .chain(base64)
    .collect()
}

/// How many of these texts lie in any of the haystacks in any form: by a set of windows of equal length, so
/// that ten thousand are looked for as fast as one.
fn found(texts: &[String], haystacks: &[Vec<u8>]) -> usize {
    let mut hits = BTreeSet::new();
    for form in 0..forms("xxx").len() {
        let needles: std::collections::HashMap<Vec<u8>, usize> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| (forms(text).swap_remove(form), at))
            .collect();
        let lengths: BTreeSet<usize> = needles.keys().map(Vec::len).collect();
        for haystack in haystacks {
            for length in &lengths {
                for window in haystack.windows(*length) {
                    if let Some(at) = needles.get(window) {
                        hits.insert(*at);
                    }
                }
            }
        }
    }
    hits.len()
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(folder)
        .expect("the home")
        .filter_map(|entry| std::fs::read(entry.expect("an entry").path()).ok())
        .collect()
}

/// Everything that one who knows the passphrase finds in the home, while no agent has it open.
fn opened(home: &Path) -> Vec<Vec<u8>> {
    let vault = Vault::open(home, &Passphrase::new("correct horse".to_owned())).expect("the vault");
    let records = vault.every_record().expect("every record");
    assert!(records.len() > 20, "the records are there");
    records.into_iter().map(|record| record.to_vec()).collect()
}

async fn retention(person: &Person, room: Option<&str>, keep: Option<Keep>) -> Answer {
    let room = room.map(str::to_owned);
    person.ask(Intent::Retention { room, keep }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_older_than_they_are_kept_are_in_no_file_even_with_the_passphrase() {
    let long = std::env::var_os("CAUCUS_LONG").is_some();
    let count = if long { 10_000 } else { 150 };
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let home = world.folder.path().join("ana");
    let ana = Person::with_clock("ana", &home, Arc::new(clock.clone())).await;
    ana.add_relay(&world.relay.address()).await;
    ana.found("North").await;
    ana.await_live().await;
    retention(&ana, Some("North"), Some(Keep::Days(7))).await;
    let old: Vec<String> = (0..count).map(canary).collect();
    for text in &old {
        ana.say(text).await;
    }
    clock.advance_ms(13 * HOUR);
    ana.app.keep_house().await;
    let young = canary(1 << 40);
    ana.say(&young).await;

    // The search finds what is there.
    ana.ask(Intent::Lock {}).await;
    let stale = opened(&home);
    assert_eq!(found(&old, &stale), old.len());
    assert_eq!(found(&old, &files(&home)), 0, "nothing is plain");
    let stale_file = std::fs::read(home.join("vault.redb")).expect("the vault");

    ana.unlock().await;
    for _ in 0..7 {
        clock.advance_ms(24 * HOUR + HOUR / 2);
        ana.app.keep_house().await;
    }
    let Answer::Retention { rooms, .. } = retention(&ana, None, None).await else {
        panic!("no retention");
    };
    assert!(rooms[0].forgotten >= count, "{rooms:?}");
    ana.ask(Intent::Lock {}).await;
    let left = opened(&home);
    assert_eq!(found(&old, &left), 0);
    assert_eq!(
        found(std::slice::from_ref(&young), &left),
        1,
        "what is younger is kept"
    );
    assert_eq!(found(&old, &files(&home)), 0);
    // Nor is anything of the old file's ciphertext left, which its old key would open.
    let file = std::fs::read(home.join("vault.redb")).expect("the vault");
    let pieces: Vec<&[u8]> = stale_file
        .chunks_exact(48)
        .filter(|piece| piece.iter().collect::<BTreeSet<_>>().len() > 30)
        .collect();
    assert!(pieces.len() > 200);
    let known: BTreeSet<&[u8]> = pieces.into_iter().collect();
    assert_eq!(
        file.windows(48).filter(|window| known.contains(window)).count(),
        0
    );

    // The room goes on, and a clock that is turned back brings nothing back.
    ana.unlock().await;
    ana.await_live().await;
    ana.say("and on").await;
    let messages = ana.messages(true).await;
    let said = |kind| {
        messages
            .iter()
            .filter(|message| message.kind == kind)
            .map(|message| message.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(said(MessageKind::Said), [young.clone(), "and on".to_owned()]);
    ana.ask(Intent::Lock {}).await;
    let back = Person::reopen("ana", &home).await;
    assert_eq!(
        back.said().await,
        [("ana".to_owned(), young), ("ana".to_owned(), "and on".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_keep_what_one_forgets_and_both_go_on_talking() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ana.say("from ana").await;
    ben.await_said("from ana").await;
    ben.say("from ben").await;
    ana.await_said("from ben").await;
    ana.ask(Intent::Lock {}).await;
    let ahead = ManualClock::at_ms(SystemClock.now_ms());
    let ana = Person::reopen_by("ana", &ana.home, Arc::new(ahead.clone())).await;
    retention(&ana, None, Some(Keep::Days(1))).await;
    for _ in 0..4 {
        ahead.advance_ms(13 * HOUR);
        ana.app.keep_house().await;
    }
    assert_eq!(ana.said().await, []);
    assert_eq!(ben.said().await.len(), 2);
    ben.say("still there").await;
    ana.await_said("still there").await;
    ana.say("and so am I").await;
    ben.await_said("and so am I").await;
    let warnings = ben.room().await.warnings;
    assert!(
        warnings
            .iter()
            .all(|warning| !warning.contains("another history"))
    );
}
