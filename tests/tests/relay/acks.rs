//! Acknowledgements of followers: an update of the QUIC library must not undo silently that they may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::wire::{RelayAddress, Role};
use caucus_tests::bench::client::{Dialler, Frames, count};
use caucus_tests::process::{Cable, RelayProcess};

const ENTRIES: u64 = 30;
/// Longer than quinn's own patience of 25 ms, shorter than ours.
const PAUSE: Duration = Duration::from_millis(40);

#[tokio::test]
async fn a_follower_of_ours_acknowledges_several_entries_at_once_and_another_client_each() {
    let folder = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let address: RelayAddress = relay.address().parse().unwrap();
    let place = relay.address().rsplit_once('@').unwrap().1.parse().unwrap();
    let (ours, stock) = (Dialler::relay(&address, place, 2), Dialler::stock(place, 1));
    let mut writer = ours.dial(0, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    let entries = Arc::new(AtomicU64::new(0));
    let (mut lazy, mut eager) = (ours.dial(1, 0, true).await, stock.dial(0, 0, true).await);
    let mut reading = Vec::new();
    for session in [&mut lazy, &mut eager] {
        let stream = session.follow(0).await;
        reading.push(tokio::spawn(count(stream, Arc::clone(&entries), ENTRIES)));
    }
    let before = (lazy.acks_sent(), eager.acks_sent());
    for _ in 0..ENTRIES {
        writer.append(handle, &Bytes::from(vec![7; 1024])).await;
        tokio::time::sleep(PAUSE).await;
    }
    for reader in reading {
        reader.await.unwrap();
    }
    assert_eq!(entries.load(Ordering::Relaxed), 2 * ENTRIES);
    let (lazy, eager) = (lazy.acks_sent() - before.0, eager.acks_sent() - before.1);
    assert!(
        lazy * 3 <= ENTRIES * 2,
        "{lazy} acknowledgements of {ENTRIES} entries"
    );
    assert!(lazy * 3 <= eager * 2, "{lazy} by ours, {eager} by another client");
}

/// How long a datagram is on its way: a round trip of 100 ms.
const WAY: Duration = Duration::from_millis(50);
/// What the lost last packet of a reader may take to come again, whatever else this machine does.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_last_packet_that_is_lost_on_a_long_way_comes_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let address: RelayAddress = relay.address().parse().unwrap();
    let near = relay.address().rsplit_once('@').unwrap().1.parse().unwrap();
    let mut writer = Dialler::relay(&address, near, 1).dial(0, 0, false).await;
    let mut times = Vec::new();
    for (channel, lazy) in [(0, true), (1, false)] {
        writer.create(channel).await;
        let handle = writer.open(channel, Role::Append).await;
        let cable = Cable::long(WAY, relay.address());
        let far = cable.address(relay.address());
        let place = far.rsplit_once('@').unwrap().1.parse().unwrap();
        let dialler = if lazy {
            Dialler::relay(&address, place, 1)
        } else {
            Dialler::stock(place, 1)
        };
        let mut reader = dialler.dial(0, 0, true).await;
        let mut frames = Frames::new(reader.follow(channel).await);
        // Both sides know the way by now.
        for _ in 0..10 {
            writer.append(handle, &Bytes::from(vec![7; 1024])).await;
            frames.next().await.unwrap();
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(4 * WAY).await;
        cable.lose(1);
        writer.append(handle, &Bytes::from(vec![7; 1024])).await;
        let stored = Instant::now();
        tokio::time::timeout(SOON, frames.next()).await.unwrap().unwrap();
        let time = stored.elapsed();
        assert_eq!(cable.lost(), 1, "nothing was lost");
        assert!(
            time > 2 * WAY,
            "after {time:?} it was not the entry that was lost"
        );
        times.push(time);
    }
    println!("the lost last packet came after {times:?}: ours, and another client");
}
