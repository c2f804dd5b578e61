use std::os::unix::fs::{MetadataExt, PermissionsExt};

use bytes::BytesMut;
use caucus_proto::id::Counter;
use caucus_proto::wire::{Flag, Retention};

use super::*;
use crate::store::embedded::disk::Fault;
use crate::store::embedded::record::{Header, Kind};
use crate::store::story::{self, NOW, channel, create, flagged, guard, in_force, plain, stored};

/// Small segments and no memory of the newest entries: everything is read from files.
pub(super) const SMALL: Options = Options {
    quota_bytes: u64::MAX,
    segment_bytes: 8 * 1024,
    segment_records: 1000,
    tail_bytes: 0,
};

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, SMALL).unwrap()
}

/// Everything that can be asked of channels 1 to 5.
async fn told(store: &Embedded) -> Vec<(Option<Guard>, ChannelUsage, Vec<Entry>)> {
    let mut told = Vec::new();
    for n in 1..=5 {
        let head = store.guard(channel(n)).await.unwrap();
        let usage = head.as_ref().map(|(_, usage)| *usage).unwrap_or_default();
        let guard = head.map(|(guard, _)| Guard::clone(&guard));
        told.push((guard, usage, story::all(store, n, 0).await));
    }
    told
}

/// Three channels with entries in many segments, one that was deleted, one made again.
async fn fill(store: &Embedded) {
    fill_before_deleting(store).await;
    delete_some(store).await;
}

/// Five channels with entries in many segments.
pub(super) async fn fill_before_deleting(store: &Embedded) {
    for n in 1..=5 {
        create(store, n).await;
    }
    for round in 0..12 {
        for n in 1..=5 {
            let counter = in_force(store, n).await.counter.0;
            stored(store, plain(n, counter, round)).await;
            if round % 4 == 0 {
                stored(store, flagged(n, counter, Flag::Advance, None)).await;
            }
        }
    }
}

/// Deletes channel 4, makes 5 anew and trims 2.
pub(super) async fn delete_some(store: &Embedded) {
    store.delete(channel(4)).await.unwrap();
    store.delete(channel(5)).await.unwrap();
    create(store, 5).await;
    stored(store, plain(5, 0, 77)).await;
    let before = in_force(store, 2).await;
    let mut trimmed = Guard::clone(&before);
    trimmed.trimmed = Position(4);
    assert!(store.put_guard(channel(2), Some(before), trimmed).await.unwrap());
}

fn log_files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let log = folder.join("log");
    let mut files = Vec::new();
    for day in disk::numbered(&log, "").unwrap() {
        let day = log.join(day.to_string());
        for id in disk::numbered(&day, ending).unwrap() {
            files.push(day.join(format!("{id}{ending}")));
        }
    }
    files
}

fn failure(opened: Result<Embedded, StoreError>) -> StoreError {
    opened.expect_err("it does not open")
}

#[tokio::test]
async fn the_embedded_store_passes_the_story_from_memory_and_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU64::new(0);
    for options in [SMALL, Options::default()] {
        story::whole(|| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            Embedded::open(&folder.path().join(n.to_string()), options).unwrap()
        })
        .await;
    }
}

#[tokio::test]
async fn everything_is_there_after_reopening_closed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    fill(&store).await;
    let before = told(&store).await;
    assert_eq!(before[0].2.len(), 15);
    assert_eq!(before[1].2.first().unwrap().position, Position(5));
    assert_eq!(before[1].1.entries, 11);
    assert!(before[3].0.is_none());
    assert_eq!(before[4].2.len(), 1);
    drop(store);
    assert!(log_files(folder.path(), ".idx").len() > 3);
    let store = open(folder.path());
    assert_eq!(told(&store).await, before);
    assert_eq!(store.usage().channels, 4);
    store.close().await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(told(&store).await, before);
    assert_eq!(store.usage().channels, 4);
    assert_eq!(stored(&store, plain(5, 0, 78)).await, 2);
}

#[tokio::test]
async fn heads_that_are_lost_or_garbage_are_rebuilt_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let heads = folder.path().join("heads");
    let store = open(folder.path());
    fill(&store).await;
    let before = told(&store).await;
    store.close().await.unwrap();
    drop(store);
    let garbage: [&dyn Fn(); 4] = [
        &|| fs::remove_dir_all(&heads).unwrap(),
        &|| {
            fs::remove_dir_all(&heads).unwrap();
            fs::write(&heads, b"no folder").unwrap();
        },
        &|| fs::write(heads.join("conf"), b"\0\xFFgarbage").unwrap(),
        &|| {
            let mut bytes = fs::read(heads.join("db")).unwrap();
            for (n, byte) in bytes.iter_mut().enumerate() {
                *byte = byte.wrapping_mul(31).wrapping_add(n as u8);
            }
            fs::write(heads.join("db"), bytes).unwrap();
        },
    ];
    for spoil in garbage {
        spoil();
        let store = open(folder.path());
        assert_eq!(told(&store).await, before);
        assert_eq!(store.usage().channels, 4);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_quiet_channel_outlives_its_days_without_sled() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    stored(&store, flagged(1, 0, Flag::Advance, None)).await;
    stored(&store, plain(1, 1, 2)).await;
    let before = in_force(&store, 1).await;
    let usage = store.usage().bytes;
    // Past the last entry; the head lies in the day of the flagged one.
    let later = Hours(NOW.0 + Retention::Quarter.hours() + 48);
    store.expire(later).await.unwrap();
    assert!(store.usage().bytes < usage);
    assert_eq!(disk::numbered(&folder.path().join("log"), "").unwrap().len(), 2);
    assert!(
        disk::numbered(&folder.path().join("log"), ".gone")
            .unwrap()
            .is_empty()
    );
    drop(store);
    fs::remove_dir_all(folder.path().join("heads")).unwrap();
    let store = open(folder.path());
    assert_eq!(in_force(&store, 1).await, before);
    let (_, held) = store.guard(channel(1)).await.unwrap().unwrap();
    assert_eq!(held, ChannelUsage::default());
    assert_eq!(stored(&store, plain(1, 1, 3)).await, 4);
}

#[tokio::test]
async fn a_torn_last_record_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    let kept = told(&store).await;
    let log = folder
        .path()
        .join("log")
        .join(((NOW.0 + Retention::Month.hours()) / 24).to_string());
    let log = log.join(format!("{}.log", disk::numbered(&log, ".log").unwrap()[0]));
    let first = fs::read(&log).unwrap().len();
    let mut last = plain(1, 0, 2);
    last.bytes = last.bytes.slice(..40);
    stored(&store, last).await;
    drop(store);
    let whole = fs::read(&log).unwrap();
    let record = whole.len() - first;
    for cut in 1..=record {
        let torn = &whole[..whole.len() - cut];
        let zeros = vec![0; cut];
        let garbage: Vec<u8> = (0..cut).map(|n| (n * 7) as u8).collect();
        for tail in [&[][..], &zeros, &garbage] {
            // The last bytes of the record are its entry's, all 2.
            fs::write(&log, [torn, tail].concat()).unwrap();
            let store = Embedded::open(folder.path(), Options::default()).unwrap();
            assert_eq!(told(&store).await, kept, "cut {cut}");
            drop(store);
            assert_eq!(fs::metadata(&log).unwrap().len() as usize, whole.len() - record);
        }
    }
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    assert_eq!(stored(&store, plain(1, 0, 3)).await, 2);
}

#[tokio::test]
async fn a_broken_record_before_acknowledged_ones_is_told_and_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    create(&store, 1).await;
    for fill in 1..=3 {
        stored(&store, plain(1, 0, fill)).await;
    }
    drop(store);
    let log = log_files(folder.path(), ".log").remove(0);
    let whole = fs::read(&log).unwrap();
    for at in [10, 300, whole.len() / 2] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(&log, &bad).unwrap();
        let error = failure(Embedded::open(folder.path(), Options::default()));
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        assert_eq!(fs::read(&log).unwrap(), bad);
    }
    fs::write(&log, &whole).unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    assert_eq!(story::all(&store, 1, 0).await.len(), 3);
}

#[tokio::test]
async fn an_acknowledged_end_that_rotted_is_told_if_other_days_went_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    stored(&store, flagged(1, 0, Flag::Advance, None)).await;
    stored(&store, flagged(1, 1, Flag::Advance, None)).await;
    drop(store);
    let log = log_files(folder.path(), ".log").remove(0);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 1]).unwrap();
    let error = failure(Embedded::open(folder.path(), Options::default()));
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    fs::write(&log, [&whole[..], b"torn"].concat()).unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    assert_eq!(story::all(&store, 1, 0).await.len(), 3);
}

#[tokio::test]
async fn a_deleted_channel_does_not_rise_when_days_and_sled_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    create(&store, 2).await;
    stored(&store, plain(1, 0, 1)).await;
    store.delete(channel(1)).await.unwrap();
    let later = Hours(NOW.0 + Retention::Quarter.hours() + 48);
    store.expire(later).await.unwrap();
    drop(store);
    fs::remove_dir_all(folder.path().join("heads")).unwrap();
    let store = open(folder.path());
    assert!(store.guard(channel(1)).await.unwrap().is_none());
    assert_eq!(store.usage().channels, 1);
}

#[tokio::test]
async fn a_batch_that_reached_only_one_of_its_days_is_cut_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    let kept = told(&store).await;
    drop(store);
    // A batch of two: sequence 3, position 2, is lost in its day; 4, position 3, is there in another.
    let header = Header {
        kind: Kind::Entry(Flag::Plain),
        sequence: 4,
        first: 3,
        start: 0,
        channel: channel(1),
        position: Position(3),
        counter: Counter(0),
        expires: Hours(NOW.0 + 24),
    };
    let mut bytes = BytesMut::new();
    record::write(&mut bytes, 50, &header, &[], &[9; 1024]);
    let day = folder
        .path()
        .join("log")
        .join((header.expires.0 / 24).to_string());
    fs::create_dir(&day).unwrap();
    fs::write(day.join("50.log"), &bytes).unwrap();
    let store = open(folder.path());
    assert_eq!(told(&store).await, kept);
    assert_eq!(fs::metadata(day.join("50.log")).unwrap().len(), 0);
    assert_eq!(stored(&store, plain(1, 0, 2)).await, 2);
}

#[tokio::test]
async fn a_damaged_entry_of_a_complete_segment_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    for fill in 1..=20 {
        stored(&store, plain(1, 0, fill)).await;
    }
    store.close().await.unwrap();
    drop(store);
    let index = log_files(folder.path(), ".idx").remove(0);
    let log = index.with_extension("log");
    let mut bytes = fs::read(&log).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&log, bytes).unwrap();
    let store = open(folder.path());
    let entries = story::all(&store, 1, 0).await;
    assert_eq!((entries.len(), store.usage().damaged), (19, 1));
    assert_eq!(stored(&store, plain(1, 0, 21)).await, 21);
}

#[tokio::test]
async fn a_used_up_quota_is_told_and_what_makes_room_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        quota_bytes: 2500,
        ..SMALL
    };
    story::full(&Embedded::open(folder.path(), options).unwrap()).await;
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_the_store_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    *store.shared.disk.fault.lock().unwrap() = Some(Fault::Full);
    let refused = store.append(plain(1, 0, 2)).await;
    assert!(matches!(refused, Err(StoreError::Full)));
    assert_eq!(in_force(&store, 1).await.newest, Position(1));
    assert_eq!(stored(&store, plain(1, 0, 3)).await, 2);
    let before = told(&store).await;
    drop(store);
    let store = open(folder.path());
    assert_eq!(told(&store).await, before);
    let fills: Vec<_> = before[0].2.iter().map(|entry| entry.bytes[0]).collect();
    assert_eq!(fills, [1, 3]);
}

#[tokio::test]
async fn after_a_failed_flush_nothing_more_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1).await;
    stored(&store, plain(1, 0, 1)).await;
    *store.shared.disk.fault.lock().unwrap() = Some(Fault::Sync);
    for _ in 0..2 {
        let refused = store.append(plain(1, 0, 2)).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))));
    }
    assert!(matches!(
        store.put_guard(channel(2), None, guard()).await,
        Err(StoreError::Failed(_))
    ));
    assert!(matches!(
        store.delete(channel(1)).await,
        Err(StoreError::Failed(_))
    ));
    assert!(matches!(store.expire(NOW).await, Err(StoreError::Failed(_))));
    assert_eq!(story::all(&store, 1, 0).await.len(), 1);
    assert!(store.close().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_wait_share_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path(), Options::default()).unwrap());
    for n in 1..=100 {
        create(&*store, n).await;
    }
    let before = store.shared.disk.syncs.load(Ordering::Relaxed);
    let mut appends = task::JoinSet::new();
    for round in 0..10 {
        for n in 1..=100 {
            let store = Arc::clone(&store);
            appends.spawn(async move { stored(&*store, plain(n, 0, round)).await });
        }
    }
    assert_eq!(appends.join_all().await.len(), 1000);
    let syncs = store.shared.disk.syncs.load(Ordering::Relaxed) - before;
    assert!(syncs < 300, "{syncs} flushes for 1000 entries");
    assert!(syncs >= 4, "a batch is bounded");
}

#[tokio::test]
async fn a_second_relay_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let second = failure(Embedded::open(folder.path(), SMALL));
    assert!(matches!(second, StoreError::InUse));
    drop(store);
    open(folder.path());
}

#[test]
fn a_newer_format_is_refused_and_a_missing_one_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(folder.path().join("format"), format!("{}\n", FORMAT + 1)).unwrap();
    let newer = failure(Embedded::open(folder.path(), SMALL));
    assert!(matches!(
        newer,
        StoreError::Newer {
            found: 3,
            known: FORMAT
        }
    ));
    for odd in [&b"one\n"[..], b"\xb2\n"] {
        fs::write(folder.path().join("format"), odd).unwrap();
        let odd = failure(Embedded::open(folder.path(), SMALL));
        assert!(matches!(odd, StoreError::Damaged(_)), "{odd}");
    }
    fs::remove_file(folder.path().join("format")).unwrap();
    let missing = failure(Embedded::open(folder.path(), SMALL));
    assert!(matches!(missing, StoreError::Damaged(_)));
}

/// Format 1, as it was written: three channels, the third deleted; 1 with three entries, an advance and a fourth, 2 with
/// one. A complete segment, three that grow; no heads.
#[tokio::test]
async fn a_store_of_the_older_format_is_read_and_goes_on() {
    let (folder, old) = (
        tempfile::tempdir().unwrap(),
        Path::new("src/store/embedded/format-1"),
    );
    for file in [
        "format",
        "log/20480/2.idx",
        "log/20480/2.log",
        "log/20480/4.log",
        "log/20540/3.log",
        "log/20850/1.log",
    ] {
        let to = folder.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(old.join(file), to).unwrap();
    }
    let fills = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes[0]).collect::<Vec<_>>();
    let store = open(folder.path());
    assert_eq!(fs::read_to_string(folder.path().join("format")).unwrap(), "2\n");
    assert_eq!(store.usage().channels, 2);
    assert_eq!(fills(&story::all(&store, 1, 0).await), [1, 2, 3, 0xF1, 4]);
    assert_eq!(in_force(&store, 1).await.counter, Counter(1));
    assert!(store.guard(channel(3)).await.unwrap().is_none());
    // Both formats in one segment.
    assert_eq!(stored(&store, plain(2, 0, 6)).await, 2);
    let before = told(&store).await;
    drop(store);
    let _ = fs::remove_dir_all(folder.path().join("heads"));
    let store = open(folder.path());
    assert_eq!(told(&store).await, before);
    assert_eq!(fills(&before[1].2), [5, 6]);
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("below"), folder.path().join("no/such")] {
        let error = failure(Embedded::open(&path, SMALL));
        assert!(matches!(error, StoreError::Failed(_)));
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    let linked = folder.path().join("linked");
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(&file, linked.join("lock")).unwrap();
    assert!(
        failure(Embedded::open(&linked, SMALL))
            .to_string()
            .contains("lock")
    );
}

#[tokio::test]
async fn files_are_for_their_owner_and_tell_no_minute() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = open(&root);
    fill(&store).await;
    store.close().await.unwrap();
    drop(store);
    let mut files = log_files(&root, ".log");
    files.extend(log_files(&root, ".idx"));
    files.extend([root.join("lock"), root.join("format")]);
    for path in &files {
        let meta = fs::metadata(path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{}", path.display());
        assert_eq!(
            (meta.mtime() % 3600, meta.mtime_nsec()),
            (0, 0),
            "{}",
            path.display()
        );
    }
    for path in files.iter().filter_map(|path| path.parent()) {
        let meta = fs::metadata(path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
    assert_eq!(
        fs::metadata(root.join("heads")).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

/// Bytes that a folder takes on the disk.
fn taken(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let each = entries.map(|entry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() {
            taken(&entry.path())
        } else {
            found.blocks() * 512
        }
    });
    each.sum()
}

#[tokio::test]
async fn when_everything_has_expired_the_folder_is_as_small_as_an_empty_one() {
    const CHANNELS: u64 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let (full, empty) = (folder.path().join("full"), folder.path().join("empty"));
    let long_after = Hours(NOW.0 + 2 * crate::store::GUARD_LIFE);
    let store = Embedded::open(&full, Options::default()).unwrap();
    store.expire(NOW).await.unwrap();
    let id = |n: u64| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        ChannelId(id)
    };
    for n in 0..CHANNELS {
        assert!(store.put_guard(id(n), None, guard()).await.unwrap());
        let entry = crate::store::NewEntry {
            channel: id(n),
            ..plain(1, 0, 7)
        };
        assert!(matches!(store.append(entry).await, Ok(Appended::Stored(_))));
    }
    store.close().await.unwrap();
    drop(store);
    let before = taken(&full);
    for folder in [&full, &empty] {
        let store = Embedded::open(folder, Options::default()).unwrap();
        store.expire(long_after).await.unwrap();
        assert_eq!(store.usage().channels, 0);
        // That the channels are gone is remembered for a day.
        store.expire(Hours(long_after.0 + 48)).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        // What is swept at an opening is swept now.
        drop(Embedded::open(folder, Options::default()).unwrap());
    }
    let (after, least) = (taken(&full), taken(&empty));
    assert!(
        after * 10 <= least * 11,
        "{before} bytes, then {after}; an empty one takes {least}"
    );
}
