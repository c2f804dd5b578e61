//! What whoever runs a relay asks of it while it runs: limits anew, a channel deleted, the store elsewhere.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::wire::{Answer, RefusedBecause, Role};
use caucus_tests::bench::client::{Dialler, spec};
use caucus_tests::process::{RelayProcess, binaries};
use serde_json::Value;
use tokio::time::{sleep, timeout};

fn told(data: &Path, words: &[&str]) -> Output {
    Command::new(binaries().join("caucus-relay"))
        .args(["--json", "--data"])
        .arg(data)
        .args(words)
        .output()
        .expect("the relay's program")
}

fn done(data: &Path, words: &[&str]) -> Value {
    let out = told(data, words);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{words:?}: {text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_str(&text).expect("an answer")
}

fn fails(data: &Path, words: &[&str], code: i32) -> String {
    let out = told(data, words);
    assert_eq!(out.status.code(), Some(code), "{words:?}: {out:?}");
    let text = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    let error: Value = serde_json::from_str(text.trim()).expect("an error");
    assert!(!error["error"]["next"].as_str().unwrap().is_empty());
    text
}

fn dialler(relay: &RelayProcess, connections: usize) -> Dialler {
    let address = relay.address();
    let place = address.rsplit_once('@').unwrap().1.parse().unwrap();
    Dialler::relay(&address.parse().unwrap(), place, connections)
}

fn entry(fill: u8) -> Bytes {
    Bytes::from(vec![fill; 1024])
}

/// A relay on a folder of its own in this one.
fn start(folder: &Path, config: &str) -> RelayProcess {
    RelayProcess::configured(&folder.join("data"), config, &folder.join("log"), &[])
}

#[tokio::test]
async fn limits_are_read_again_without_a_dropped_connection_and_a_wrong_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(folder.path(), "");
    let data = relay.data().to_owned();
    let mut writer = dialler(&relay, 1).dial(0, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    writer.append(handle, &entry(1)).await;

    let config = data.join("relay.toml");
    std::fs::write(
        &config,
        "[limits]\nchannel_entries = 3\nreserved_percent = 0\nconnections = 9\n",
    )
    .unwrap();
    let reloaded = done(&data, &["reload"]);
    assert_eq!(reloaded["after_restart"], serde_json::json!(["connections"]));
    writer.append(handle, &entry(2)).await;
    writer.append(handle, &entry(3)).await;
    let refused = writer.try_append(handle, &entry(4)).await;
    assert!(matches!(refused, Some(Answer::Refused(_))), "{refused:?}");

    std::fs::write(&config, "[limits]\nchannel_entries = none\n").unwrap();
    fails(&data, &["reload"], 3);
    // The signal that systemd sends does the same, and what is wrong stays without effect.
    let hangup = || {
        let pid = relay.pid().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-HUP", &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    hangup();
    sleep(Duration::from_millis(200)).await;
    let refused = writer.try_append(handle, &entry(4)).await;
    assert!(matches!(refused, Some(Answer::Refused(_))), "{refused:?}");
    std::fs::write(&config, "[limits]\nchannel_entries = 100\n").unwrap();
    hangup();
    timeout(Duration::from_secs(10), async {
        while !matches!(
            writer.try_append(handle, &entry(4)).await,
            Some(Answer::Stored { .. })
        ) {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the limits by the signal");
}

#[tokio::test]
async fn a_channel_is_deleted_by_its_id_while_the_relay_runs_and_while_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = start(folder.path(), "");
    let data = relay.data().to_owned();
    let mut writer = dialler(&relay, 1).dial(0, 0, false).await;
    for channel in 0..3 {
        writer.create(channel).await;
        let handle = writer.open(channel, Role::Append).await;
        writer.append(handle, &entry(1)).await;
    }
    let ids: Vec<String> = (0..3).map(|channel| spec(channel).id().to_string()).collect();
    fails(&data, &["delete", &ids[0]], 2);
    fails(&data, &["delete", "--yes", "what?"], 2);
    let handle = writer.open(0, Role::Append).await;
    assert_eq!(done(&data, &["delete", "--yes", &ids[0]])["deleted"], true);
    assert_eq!(done(&data, &["delete", "--yes", &ids[0]])["deleted"], false);
    let refused = writer.try_append(handle, &entry(2)).await;
    assert_eq!(refused, Some(Answer::Refused(RefusedBecause::NotOpened)));
    assert!(writer.try_open(0, Role::Read).await.is_none());
    assert_eq!(writer.entries(1, 0).await.unwrap().len(), 1);

    relay.kill();
    // The socket that a killed relay leaves is no relay.
    assert_eq!(
        done(&data, &["delete", "--yes", &ids[1].to_uppercase()])["deleted"],
        true
    );
    fails(&data, &["reload"], 13);
    relay.start_again();
    let mut reader = dialler(&relay, 1).dial(0, 0, false).await;
    assert!(reader.try_open(1, Role::Read).await.is_none());
    assert_eq!(reader.entries(2, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_exported_under_load_has_all_that_was_acknowledged_before_and_goes_on_elsewhere() {
    const CHANNELS: u32 = 20;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let free = "[limits]\nappends_per_second = 1000000\nchannel_appends_per_second = 1000000\n\
                creates_per_second = 1000000\n";
    let relay = start(folder.path(), free);
    let data = relay.data().to_owned();
    let dialler_here = dialler(&relay, 1);
    let mut writer = dialler_here.dial(0, 0, false).await;
    let mut handles = Vec::new();
    for channel in 0..CHANNELS {
        writer.create(channel).await;
        handles.push(writer.open(channel, Role::Append).await);
    }
    for fill in 1..=20 {
        for handle in &handles {
            writer.append(*handle, &entry(fill)).await;
        }
    }
    let archive = other.path().join("store.tar");
    let exporting = {
        let (data, archive) = (data.clone(), archive.clone());
        tokio::task::spawn_blocking(move || done(&data, &["export", archive.to_str().unwrap()]))
    };
    let mut later = 0;
    while !exporting.is_finished() {
        writer.append(handles[0], &entry(99)).await;
        later += 1;
    }
    exporting.await.unwrap();
    fails(&data, &["export", archive.to_str().unwrap()], 14);

    // The key and the store elsewhere: the same relay under another place.
    let new = other.path().join("data");
    let key = other.path().join("key.pem");
    done(&data, &["key", "export", "--to", key.to_str().unwrap()]);
    done(&new, &["key", "import", key.to_str().unwrap()]);
    let imported = done(&new, &["import", archive.to_str().unwrap()]);
    assert_eq!(imported["channels"], CHANNELS);
    fails(&new, &["import", archive.to_str().unwrap()], 14);
    let moved = RelayProcess::start(&new);
    let key_of = |relay: &RelayProcess| relay.address().split_once('@').unwrap().0.to_owned();
    assert_eq!(key_of(&moved), key_of(&relay));
    let mut reader = dialler(&moved, 1).dial(0, 0, false).await;
    for channel in 0..CHANNELS {
        let entries = reader.entries(channel, 0).await.unwrap();
        let positions = entries.iter().map(|entry| entry.position.0);
        assert!(positions.eq(1..=entries.len() as u64));
        let most = if channel == 0 { 20 + later } else { 20 };
        assert!(
            (20..=most).contains(&entries.len()),
            "{channel}: {}",
            entries.len()
        );
        let fills = entries.iter().take(20).map(|entry| entry.bytes[0]);
        assert!(fills.eq(1..=20));
    }
    // What was not whole is refused, and leaves nothing.
    let whole = std::fs::read(&archive).unwrap();
    let empty = other.path().join("empty");
    for broken in [
        &whole[..whole.len() / 2],
        &[&whole[..3000], &[1], &whole[3001..]].concat(),
        b"no archive",
    ] {
        std::fs::write(&archive, broken).unwrap();
        fails(&empty, &["import", archive.to_str().unwrap()], 14);
        assert!(!empty.join("store").exists() && !empty.join("store.import").exists());
    }
    // A relay that does not run is exported too.
    drop(relay);
    let again = other.path().join("again.tar");
    done(&data, &["export", again.to_str().unwrap()]);
    done(&empty, &["import", again.to_str().unwrap()]);
    let out = told(&other.path().join("nothing"), &["export", "-"]);
    assert_eq!(out.status.code(), Some(13));
}
