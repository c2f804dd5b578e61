//! The heads of all channels: those that changed since the last checkpoint in memory, in layers; all others
//! in sled. No acknowledgement rests on sled: whatever is wrong with it, its folder is deleted and rebuilt
//! from the log. sled is known to panic on damaged files, so every call into it is guarded.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Buf;
use caucus_proto::id::ChannelId;

use crate::store::StoreError;
use crate::store::embedded::disk;
use crate::store::embedded::head::Head;

/// Heads that changed; none is a channel that is gone.
pub(super) type Layer = HashMap<ChannelId, Option<Arc<Head>>>;

const CACHE: u64 = 32 * 1024 * 1024;
const FLUSH_MS: u64 = 500;
const CHECKPOINT: &[u8] = b"checkpoint";

/// What sled knows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Checkpoint {
    /// Every record of the log up to this one is in it.
    pub(super) sequence: u64,
    /// Day folders before this one are gone.
    pub(super) floor: u64,
}

/// Below so many bytes nobody minds; above, at most one part in so many may live.
const LEAST_BLOATED: u64 = 2 << 20;
const BLOAT: u64 = 8;

/// sled, guarded.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    db: sled::Db,
}

/// Heads of all channels.
#[derive(Debug)]
pub(super) struct Heads {
    kept: Kept,
    changed: RwLock<Changed>,
}

#[derive(Debug, Default)]
struct Changed {
    fresh: Layer,
    /// On their way into sled, oldest first.
    frozen: Vec<Arc<Layer>>,
}

impl Checkpoint {
    fn decode(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            sequence: bytes.try_get_u64().ok()?,
            floor: bytes.try_get_u64().ok()?,
        })
    }
}

impl Kept {
    /// Opens sled and tells how far it knows the log. What does not open is deleted and begins anew.
    pub(super) fn open(folder: PathBuf) -> Result<(Self, Checkpoint), StoreError> {
        let doubtful = mark_of(&folder);
        // Of a compaction that a power cut ended.
        remove_all(&folder.with_extension("new"))?;
        if !doubtful.try_exists().unwrap_or(false)
            && let Ok((kept, checkpoint)) = Self::attempt(&folder)
        {
            if kept.is_bloated()? {
                return kept.compacted();
            }
            return Ok((kept, checkpoint));
        }
        if folder.try_exists().unwrap_or(true) {
            tracing::warn!("the heads of channels are rebuilt from the log");
        }
        remove_all(&folder)?;
        let opened = Self::attempt(&folder)?;
        match fs::remove_file(&doubtful) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(disk::failed("remove", &doubtful, &error))
            }
            _ => Ok(opened),
        }
    }

    /// Whether most of its file is what was deleted or replaced: sled gives that back only slowly.
    fn is_bloated(&self) -> Result<bool, StoreError> {
        let size = self.guarded(|| self.db.size_on_disk())?;
        if size < LEAST_BLOATED {
            return Ok(false);
        }
        let mut live = 0;
        self.each(|_, head| live += head.len() as u64)?;
        Ok(size / BLOAT > live)
    }

    /// Writes what lives into a new file in place of the old one. A power cut in between leaves none, which is rebuilt
    /// from the log.
    fn compacted(self) -> Result<(Self, Checkpoint), StoreError> {
        let folder = self.folder.clone();
        let draft = folder.with_extension("new");
        remove_all(&draft)?;
        let (new, _) = Self::attempt(&draft)?;
        self.guarded(|| {
            for item in self.db.iter() {
                let (key, value) = item?;
                // The checkpoint too, whose key sorts among the channels': none of it counts before the rename.
                new.db.insert(key, value)?;
            }
            Ok(())
        })?;
        new.flush()?;
        drop((self, new));
        remove_all(&folder)?;
        fs::rename(&draft, &folder).map_err(|error| disk::failed("rename", &draft, &error))?;
        folder.parent().map_or(Ok(()), disk::sync_folder)?;
        Self::attempt(&folder)
    }

    fn attempt(folder: &Path) -> Result<(Self, Checkpoint), StoreError> {
        disk::make_folder(folder)?;
        let open = || {
            let db = sled::Config::new()
                .path(folder)
                .cache_capacity(CACHE)
                .flush_every_ms(Some(FLUSH_MS))
                .open()?;
            // Walks to the last head, so that damage shows now and not at the first append.
            let last = db.last()?;
            let checkpoint = db.get(CHECKPOINT)?;
            Ok((db, checkpoint, last))
        };
        let (db, checkpoint, _) = guarded(folder, open)?;
        let kept = Self {
            folder: folder.to_owned(),
            db,
        };
        let checkpoint = checkpoint.and_then(|bytes| Checkpoint::decode(&bytes));
        if checkpoint.is_none() {
            kept.save(Checkpoint::default())?;
            // sled never flushes these itself, and a store whose settings are lost does not open.
            for name in ["conf", "db", "blobs", "."] {
                let path = folder.join(name);
                if let Ok(file) = File::open(&path) {
                    file.sync_all()
                        .map_err(|error| disk::failed("flush", &path, &error))?;
                }
            }
        }
        Ok((kept, checkpoint.unwrap_or_default()))
    }

    fn head(&self, channel: ChannelId) -> Result<Option<Head>, StoreError> {
        let Some(bytes) = self.guarded(|| self.db.get(channel.0))? else {
            return Ok(None);
        };
        match Head::decode(&bytes) {
            Some(head) => Ok(Some(head)),
            None => Err(self.doubt("a head does not decode")),
        }
    }

    /// Writes heads, in the order of their keys.
    fn write(&self, layer: &Layer) -> Result<(), StoreError> {
        let mut sorted: Vec<_> = layer.iter().collect();
        sorted.sort_unstable_by_key(|(channel, _)| **channel);
        for (channel, head) in sorted {
            match head {
                Some(head) => {
                    let bytes = head.encode()?;
                    self.guarded(|| self.db.insert(channel.0, bytes.as_slice()))?
                }
                None => self.guarded(|| self.db.remove(channel.0))?,
            };
        }
        Ok(())
    }

    /// Remembers, after everything before it is durable, that it knows the log up to a sequence.
    fn save(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let mut value = checkpoint.sequence.to_be_bytes().to_vec();
        value.extend_from_slice(&checkpoint.floor.to_be_bytes());
        self.flush()?;
        self.guarded(|| self.db.insert(CHECKPOINT, value))?;
        self.flush()
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.guarded(|| self.db.flush())?;
        // flush() ends with sync_file_range, which does not cover the size of the file.
        let path = self.folder.join("db");
        File::open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|error| disk::failed("flush", &path, &error))
    }

    /// Every head in it, in the order of the channels.
    fn each(&self, mut visit: impl FnMut(ChannelId, &[u8])) -> Result<(), StoreError> {
        self.guarded(|| {
            for item in self.db.iter() {
                let (key, value) = item?;
                if let Some(channel) = ChannelId::from_slice(&key) {
                    visit(channel, &value);
                }
            }
            Ok(())
        })
    }

    fn guarded<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        guarded(&self.folder, call).inspect_err(|error| {
            // Want of room damages nothing.
            if !matches!(error, StoreError::Full) {
                self.doubt("it failed");
            }
        })
    }

    /// Leaves word that it is to be rebuilt when the store opens next.
    fn doubt(&self, why: &str) -> StoreError {
        // If even this cannot be written, the damage is met again at the next opening.
        let _ = File::create(mark_of(&self.folder));
        StoreError::Failed(format!(
            "{}: {why}; restart and it is rebuilt from the log",
            self.folder.display()
        ))
    }
}

impl Heads {
    /// Over sled, with nothing changed.
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            changed: RwLock::default(),
        }
    }

    /// A head that changed lately: outer none if sled has to be asked.
    pub(super) fn recent(&self, channel: ChannelId) -> Option<Option<Arc<Head>>> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = changed.fresh.get(&channel) {
            return Some(head.clone());
        }
        let mut layers = changed.frozen.iter().rev();
        layers.find_map(|layer| layer.get(&channel).cloned())
    }

    /// A head, from sled if need be.
    pub(super) fn head(&self, channel: ChannelId) -> Result<Option<Arc<Head>>, StoreError> {
        loop {
            if let Some(head) = self.recent(channel) {
                return Ok(head);
            }
            let kept = self.kept.head(channel)?;
            // It may have come and gone between the two looks.
            if self.recent(channel).is_none() {
                return Ok(kept.map(Arc::new));
            }
        }
    }

    /// Takes in heads that changed.
    pub(super) fn changed(&self, layer: impl IntoIterator<Item = (ChannelId, Option<Arc<Head>>)>) {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        changed.fresh.extend(layer);
    }

    /// Heads that changed since the last checkpoint began.
    pub(super) fn fresh(&self) -> usize {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        changed.fresh.len()
    }

    /// Sets apart what changed, for a checkpoint.
    pub(super) fn freeze(&self) -> Arc<Layer> {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        let layer = Arc::new(std::mem::take(&mut changed.fresh));
        changed.frozen.push(Arc::clone(&layer));
        layer
    }

    /// Puts what was set apart into sled, this layer and older ones.
    pub(super) fn checkpoint(&self, layer: &Arc<Layer>, checkpoint: Checkpoint) -> Result<(), StoreError> {
        self.put_down(layer)?;
        self.kept.save(checkpoint)
    }

    /// Makes room in memory while the log is replayed; the checkpoint follows at the end.
    pub(super) fn spill(&self) -> Result<(), StoreError> {
        let layer = self.freeze();
        self.put_down(&layer)
    }

    fn put_down(&self, last: &Arc<Layer>) -> Result<(), StoreError> {
        loop {
            // One that could not be written for want of room is still before this one.
            let oldest = {
                let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
                changed.frozen.first().map(Arc::clone)
            };
            let Some(oldest) = oldest else { return Ok(()) };
            self.kept.write(&oldest)?;
            let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
            changed.frozen.retain(|layer| !Arc::ptr_eq(layer, &oldest));
            if Arc::ptr_eq(&oldest, last) {
                return Ok(());
            }
        }
    }

    /// How many channels there are.
    pub(super) fn count(&self) -> Result<u64, StoreError> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        let mut count = changed.fresh.values().flatten().count() as u64;
        self.kept.each(|channel, _| {
            if !changed.fresh.contains_key(&channel) {
                count += 1;
            }
        })?;
        Ok(count)
    }

    /// The channels whose head meets a condition.
    pub(super) fn matching(&self, meets: impl Fn(&Head) -> bool) -> Result<Vec<ChannelId>, StoreError> {
        // sled first: a layer that reaches it meanwhile is then seen in at least one place.
        let mut found = HashMap::new();
        let layers = {
            let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
            for (channel, head) in &changed.fresh {
                found.insert(*channel, head.as_deref().is_some_and(&meets));
            }
            changed.frozen.clone()
        };
        for layer in layers.iter().rev() {
            for (channel, head) in &**layer {
                found
                    .entry(*channel)
                    .or_insert_with(|| head.as_deref().is_some_and(&meets));
            }
        }
        let mut broken = false;
        let mut more = Vec::new();
        self.kept.each(|channel, bytes| {
            if found.contains_key(&channel) {
                return;
            }
            match Head::decode(bytes) {
                Some(head) if meets(&head) => more.push(channel),
                Some(_) => {}
                None => broken = true,
            }
        })?;
        if broken {
            return Err(self.kept.doubt("a head does not decode"));
        }
        more.extend(
            found
                .into_iter()
                .filter(|(_, meets)| *meets)
                .map(|(channel, _)| channel),
        );
        Ok(more)
    }
}

fn guarded<T>(folder: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(disk::failed("use", folder, &error)),
        Ok(Err(error)) => Err(StoreError::Failed(format!("{}: {error}", folder.display()))),
        Err(_) => Err(StoreError::Failed(format!("{}: sled panicked", folder.display()))),
    }
}

fn mark_of(folder: &Path) -> PathBuf {
    folder.with_extension("doubtful")
}

fn remove_all(folder: &Path) -> Result<(), StoreError> {
    let removed = if folder.is_dir() {
        fs::remove_dir_all(folder)
    } else {
        fs::remove_file(folder)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk::failed("remove", folder, &error)),
        _ => Ok(()),
    }
}
