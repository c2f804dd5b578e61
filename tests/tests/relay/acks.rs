//! Acknowledgements of followers: an update of the QUIC library must not undo silently that they may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::wire::{RelayAddress, Role};
use caucus_tests::bench::client::{Dialler, count};
use caucus_tests::process::RelayProcess;

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
