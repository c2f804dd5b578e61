//! Whatever happens to the files of a store, what it gives is what was stored, or it says that it cannot.
#![allow(clippy::print_stdout, reason = "a campaign tells what it counted")]

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::store::embedded::tests::{SMALL, delete_some, fill_before_deleting};
use crate::store::story::{NOW, channel};

/// What five channels hold: a guard and entries, or nothing.
type Told = Vec<(Option<Guard>, Vec<Entry>)>;

/// Everything that can be read of channels 1 to 5.
async fn told(store: &Embedded) -> Result<Told, StoreError> {
    let mut told = Vec::new();
    for n in 1..=5 {
        let guard = store
            .guard(channel(n))
            .await?
            .map(|(guard, _)| Guard::clone(&guard));
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map_or(Position(0), |entry| entry.position);
            let more = store.read(channel(n), after, 10_000, NOW).await?;
            if more.is_empty() {
                break;
            }
            entries.extend(more);
        }
        told.push((guard, entries));
    }
    Ok(told)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A store that was filled, as its files are.
struct Whole {
    folder: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
    told: Told,
    /// What was stored in channels that are deleted since, too.
    ever: Vec<Vec<Entry>>,
}

impl Whole {
    async fn made(folder: &Path, closed: bool) -> Self {
        let store = Embedded::open(folder, SMALL).unwrap();
        fill_before_deleting(&store).await;
        let before = told(&store).await.unwrap();
        delete_some(&store).await;
        let told = told(&store).await.unwrap();
        let both = before.into_iter().zip(&told);
        let ever = both.map(|((_, before), (_, now))| [before.as_slice(), now.as_slice()].concat());
        let ever = ever.collect();
        if closed {
            store.close().await.unwrap();
        }
        drop(store);
        let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
        Self {
            folder: folder.to_owned(),
            files: files(folder).into_iter().map(read).collect(),
            told,
            ever,
        }
    }

    /// Puts the files back, with these bytes for one of them.
    fn put(&self, number: usize, bytes: &[u8]) {
        let known: BTreeSet<_> = self.files.iter().map(|(path, _)| path).collect();
        for path in files(&self.folder) {
            if !known.contains(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (place, (path, whole)) in self.files.iter().enumerate() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let wanted = if place == number { bytes } else { whole };
            if fs::read(path).ok().as_deref() != Some(wanted) {
                fs::write(path, wanted).unwrap();
            }
        }
    }

    /// What becomes of a store with these bytes in one of its files.
    async fn with(&self, number: usize, bytes: &[u8]) -> Fate {
        self.put(number, bytes);
        let store = match Embedded::open(&self.folder, SMALL) {
            Ok(store) => store,
            Err(StoreError::Damaged(_) | StoreError::Newer { .. }) => return Fate::Refused,
            Err(error) => panic!("{}: {error}", self.files[number].0.display()),
        };
        let now = match told(&store).await {
            Ok(now) => now,
            Err(StoreError::Damaged(_)) => return Fate::Refused,
            Err(error) => panic!("{}: {error}", self.files[number].0.display()),
        };
        for ((_, now), ever) in now.iter().zip(&self.ever) {
            assert!(
                now.iter().all(|entry| ever.contains(entry)),
                "not what was stored"
            );
            assert!(now.is_sorted_by_key(|entry| entry.position));
        }
        if now == self.told {
            Fate::Whole
        } else if store.usage().damaged > 0 {
            let guards = |told: &Told| told.iter().map(|(guard, _)| guard.clone()).collect::<Vec<_>>();
            assert_eq!(guards(&now), guards(&self.told));
            Fate::LeftOut
        } else {
            Fate::Shorter
        }
    }

    fn kind(&self, number: usize) -> &str {
        let (path, _) = &self.files[number];
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending
            .filter(|ending| ["log", "idx"].contains(ending))
            .unwrap_or("other")
    }

    fn is_sealed(&self, number: usize) -> bool {
        let index = self.files[number].0.with_extension("idx");
        self.files.iter().any(|(path, _)| *path == index)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    /// Nothing is missing.
    Whole,
    /// It does not open, or does not read, and says so.
    Refused,
    /// Damaged entries are left out, and it says so.
    LeftOut,
    /// Something is missing and nothing was said.
    Shorter,
}

fn is_long() -> bool {
    std::env::var_os("CAUCUS_LONG").is_some()
}

/// Numbers that look like chance and are the same in every run.
fn draw(seed: u64) -> u64 {
    let hash = blake3::hash(&seed.to_be_bytes());
    hash.as_bytes()
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

#[tokio::test]
async fn of_a_closed_store_no_damage_goes_unsaid_and_none_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Whole::made(folder.path(), true).await;
    let trials = if is_long() { 100_000 } else { 1_500 };
    let mut fates = BTreeMap::new();
    for trial in 0..trials {
        let number = draw(trial * 3) as usize % whole.files.len();
        let mut bytes = whole.files[number].1.clone();
        let place = draw(trial * 3 + 1) as usize % bytes.len().max(1);
        let what = ["a bit", "a page", "the end"][draw(trial * 3 + 2) as usize % 3];
        match what {
            "a bit" if !bytes.is_empty() => bytes[place] ^= 1 << (trial % 8),
            "a page" => {
                let page = place / 4096 * 4096;
                let end = bytes.len().min(page + 4096);
                bytes[page..end].fill(0);
            }
            _ => bytes.truncate(place),
        }
        let fate = whole.with(number, &bytes).await;
        let at = format!("{what} at {place} of {}", whole.files[number].0.display());
        assert_ne!(fate, Fate::Shorter, "{at}");
        if whole.kind(number) == "idx" {
            assert_eq!(fate, Fate::Whole, "{at}");
        }
        *fates.entry((whole.kind(number), fate)).or_insert(0) += 1;
    }
    println!("{trials} times: {fates:?}");
    // Of a complete segment all is served but what is damaged.
    assert!(fates.contains_key(&("log", Fate::LeftOut)));
}

#[tokio::test]
async fn wherever_a_file_of_a_killed_store_ends_or_turns_to_zeros_nothing_that_was_flushed_is_doubled_or_moved()
 {
    let folder = tempfile::tempdir().unwrap();
    let whole = Whole::made(folder.path(), false).await;
    let step = if is_long() { 1 } else { 97 };
    let mut fates = BTreeMap::new();
    for number in 0..whole.files.len() {
        let bytes = &whole.files[number].1;
        let step = if whole.kind(number) == "other" {
            step * 61
        } else {
            step
        };
        for place in (0..bytes.len()).step_by(step) {
            let mut zeros = bytes.clone();
            zeros[place..].fill(0);
            for torn in [&bytes[..place], &zeros] {
                let fate = whole.with(number, torn).await;
                let at = format!("{place} of {}", whole.files[number].0.display());
                match whole.kind(number) {
                    // Rebuilt from the log.
                    "idx" => assert_eq!(fate, Fate::Whole, "{at}"),
                    "log" if whole.is_sealed(number) => assert_ne!(fate, Fate::Shorter, "{at}"),
                    // The end of a segment that grew looks as a batch that was never acknowledged.
                    "log" => assert_ne!(fate, Fate::LeftOut, "{at}"),
                    _ => assert!(fate <= Fate::Refused, "{at}"),
                }
                *fates.entry((whole.kind(number), fate)).or_insert(0) += 1;
            }
        }
    }
    println!("{fates:?}");
}
