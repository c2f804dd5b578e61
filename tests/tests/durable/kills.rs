//! `kill -9` in a loop under load: many small channels, several writers, followers.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use caucus_proto::wire::{Answer, Role};
use caucus_tests::process::RelayProcess;
use quinn::RecvStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ENTRY, clients, configured, entry, everything, written};

const CHANNELS: u32 = 50;
const WRITERS: u32 = 8;
/// How often everything is read and compared.
const LOOK: u64 = 25;

fn kills() -> u64 {
    if std::env::var_os("CAUCUS_LONG").is_some() {
        2_000
    } else {
        50
    }
}

/// What a writer was told is stored: channel, position, which of its entries.
type Told = Vec<(u32, u64, u64)>;

/// Appends to channels in turn until it is over or the relay is gone. What was not answered by then may be there or not.
async fn write(
    address: String,
    author: u32,
    mut number: u64,
    mut over: watch::Receiver<bool>,
) -> (Told, u64) {
    let mut told = Vec::new();
    let Some(mut session) = clients(&address, 1).try_dial(0, 0, false).await else {
        return (told, number);
    };
    let mut handles = BTreeMap::new();
    loop {
        number += 1;
        let channel = (number as u32).wrapping_mul(7).wrapping_add(author) % CHANNELS;
        let bytes = entry(author, number);
        let appending = async {
            let handle = match handles.get(&channel) {
                Some(handle) => *handle,
                None => {
                    let handle = session.try_open(channel, Role::Append).await?;
                    *handles.entry(channel).or_insert(handle)
                }
            };
            session.try_append(handle, &bytes).await
        };
        let answer = tokio::select! {
            answer = appending => answer,
            _ = over.wait_for(|over| *over) => None,
        };
        match answer {
            Some(Answer::Stored { position }) => told.push((channel, position.0, number)),
            Some(other) => panic!("refused under load: {other:?}"),
            None => break,
        }
    }
    (told, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_a_relay_is_killed_under_load_nothing_it_acknowledged_is_lost_doubled_or_moved() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path());
    let mut relay = RelayProcess::start(folder.path());
    let mut founder = clients(relay.address(), 1).dial(0, 0, false).await;
    for channel in 0..CHANNELS {
        founder.create(channel).await;
    }
    drop(founder);
    let mut told: Told = Vec::new();
    let mut authors = BTreeMap::new();
    let mut numbers = vec![0; WRITERS as usize];
    for kill in 1..=kills() {
        let over = watch::Sender::new(false);
        let mut writers = JoinSet::new();
        for author in 0..WRITERS {
            let writing = write(
                relay.address().to_owned(),
                author,
                numbers[author as usize],
                over.subscribe(),
            );
            writers.spawn(async move { (author, writing.await) });
        }
        // Somewhere between the handshakes and some hundred appends.
        tokio::time::sleep(Duration::from_millis(20 + kill * 37 % 130)).await;
        relay.kill();
        over.send_replace(true);
        relay.start_again();
        while let Some(wrote) = writers.join_next().await {
            let (author, (heard, number)) = wrote.unwrap();
            numbers[author as usize] = number;
            for (channel, position, number) in heard {
                authors.insert((channel, position), (author, number));
                told.push((channel, position, number));
            }
        }
        if kill % LOOK == 0 {
            compare(&relay, &authors).await;
        }
    }
    println!(
        "{} kills, {} acknowledged: 0 lost, 0 doubled, 0 moved",
        kills(),
        told.len()
    );
    assert!(
        told.len() as u64 > kills() * 10,
        "there was no load: {}",
        told.len()
    );
    assert_eq!(
        authors.len(),
        told.len(),
        "two entries were acknowledged at one position"
    );
}

/// Every entry that was acknowledged stands where it was acknowledged; no entry stands twice; each author's entries
/// stand in the order in which they were written.
async fn compare(relay: &RelayProcess, authors: &BTreeMap<(u32, u64), (u32, u64)>) {
    let mut seen = HashSet::new();
    for channel in 0..CHANNELS {
        let mut last = BTreeMap::new();
        let entries = everything(relay, channel).await;
        let found: BTreeMap<u64, (u32, u64)> = entries
            .iter()
            .map(|entry| (entry.position.0, written(entry)))
            .collect();
        assert_eq!(found.len(), entries.len());
        for (expected, (position, (author, number))) in (1..).zip(&found) {
            assert_eq!(*position, expected, "a gap in channel {channel}");
            assert!(seen.insert((*author, *number)), "an entry stands twice");
            let before = last.insert(*author, *number);
            assert!(before < Some(*number), "out of order in channel {channel}");
        }
        for ((_, position), wrote) in authors.range((channel, 0)..=(channel, u64::MAX)) {
            assert_eq!(
                found.get(position),
                Some(wrote),
                "channel {channel}, position {position}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_follower_was_given_is_there_after_a_kill_in_that_moment() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path());
    let mut relay = RelayProcess::start(folder.path());
    for round in 1..=20 {
        let dialler = clients(relay.address(), 2);
        let mut writer = dialler.dial(0, 0, false).await;
        if round == 1 {
            writer.create(0).await;
        }
        let handle = writer.open(0, Role::Append).await;
        let mut follower = dialler.dial(1, 0, true).await;
        let mut stream = follower.read(0, round - 1, true).await;
        let caught_up = next(&mut stream).await;
        assert!(caught_up < ENTRY);
        let writing = tokio::spawn(async move { writer.try_append(handle, &entry(1, round)).await });
        assert!(next(&mut stream).await > ENTRY);
        relay.kill();
        relay.start_again();
        let _ = writing.await;
        let kept = everything(&relay, 0).await;
        assert_eq!(kept.last().map(written), Some((1, round)));
    }
}

/// Takes the next frame of a stream; tells its size.
async fn next(stream: &mut RecvStream) -> usize {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.unwrap();
    let size = u32::from_be_bytes(prefix) as usize;
    stream.read_exact(&mut vec![0; size]).await.unwrap();
    size
}
