//! The open vault: one database file, its keys, and the lock that keeps others out.

use std::fmt;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{Database, ReadableDatabase, Table as RedbTable, TableDefinition};

use super::disk::{Disk, Faults};
use super::error::{Damage, VaultError, engine};
use super::folder::Folder;
use super::header::{Header, Wrapping};
use super::key::{Keys, SecretKey};
use super::overlay::Overlay;
use super::passphrase::{Cost, Passphrase};

/// Slot to sealed record.
pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// The header and the mark of things to forget; readable without the passphrase.
pub(super) const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
pub(super) const HEADER_KEY: &str = "header";
/// Present when a record was deleted or replaced since the file was written.
pub(super) const FORGET_KEY: &str = "forget";

/// Pages of the database held in memory, in bytes at most.
const CACHE: usize = 8 * 1024 * 1024;

/// The encrypted store of one person, open. Clones share it; it closes when the last one goes.
#[derive(Clone)]
pub struct Vault(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) folder: Folder,
    pub(super) state: RwLock<State>,
    /// The database met an error of the disk: its state in memory is unknown, so it is opened again.
    sick: AtomicBool,
    pub(super) faults: Arc<Faults>,
    turn: Mutex<()>,
    _lock: File,
}

pub(super) struct State {
    database: Option<Database>,
    /// A second handle on the database's file.
    pub(super) file: File,
    pub(super) keys: Keys,
    pub(super) wrapping: Wrapping,
    /// Whether something was deleted or replaced since the file was written.
    pub(super) forget: AtomicBool,
    /// Whether the folder's entry for this file is known to be on the disk.
    pub(super) published: AtomicBool,
}

impl Vault {
    /// Whether nobody else has it: dropped now, it is closed.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether there is a vault in this folder.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        Folder::has_vault(folder)
    }

    /// Makes a vault in a folder, which is made too where it is missing. Takes as long as the cost says.
    ///
    /// # Errors
    /// `Exists`, `EmptyPassphrase`, `Cost`, `Memory`, `InUse`, `NotPlain`, `Exposed`, `Full`, `ReadOnly`,
    /// `Failed`.
    pub fn create(folder: &Path, passphrase: &Passphrase, cost: Cost) -> Result<Self, VaultError> {
        if passphrase.is_empty() {
            return Err(VaultError::EmptyPassphrase);
        }
        let folder = Folder::make(folder)?;
        folder.is_free()?;
        let lock = folder.lock()?;
        folder.is_free()?;
        let wrapping = Wrapping::fresh(passphrase, cost)?;
        let faults = Arc::new(Faults::none());
        let state = write_new(&folder, &faults, wrapping, |_, _| Ok(()))?;
        folder.publish()?;
        folder.sync()?;
        state.published.store(true, Ordering::SeqCst);
        Ok(Self::with(folder, lock, state, faults))
    }

    /// Opens the vault of a folder. Takes as long as its cost says, and reads the file once to see that
    /// it is whole.
    ///
    /// # Errors
    /// `Missing`, `WrongPassphrase`, `InUse`, `Newer`, `Damaged`, `Cost`, `Memory`, `NotPlain`, `Exposed`,
    /// `Full`, `ReadOnly`, `Failed`.
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, VaultError> {
        if !Self::exists(folder) {
            return Err(VaultError::Missing);
        }
        let folder = Folder::open(folder)?;
        let lock = folder.lock()?;
        folder.remove_next()?;
        let faults = Arc::new(Faults::none());
        let file = folder.vault()?;
        let database = open_whole(&file, &faults)?;
        let (header, forget) = read_header(&database)?;
        let (master, wrapping) = header.open(passphrase)?;
        let state = State {
            database: Some(database),
            file,
            keys: Keys::of(&master),
            wrapping,
            forget: AtomicBool::new(forget),
            published: AtomicBool::new(false),
        };
        Ok(Self::with(folder, lock, state, faults))
    }

    fn with(folder: Folder, lock: File, state: State, faults: Arc<Faults>) -> Self {
        Self(Arc::new(Inner {
            folder,
            state: RwLock::new(state),
            sick: AtomicBool::new(false),
            faults,
            turn: Mutex::default(),
            _lock: lock,
        }))
    }

    /// An empty overlay: reads through, and keeps writes until they are committed.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        Overlay::over(self.clone())
    }

    /// Waits for one's turn. Whoever reads what others write too, and writes what follows from it, holds the
    /// turn from before the reading until after the commit; never across a wait for anything else.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// The seam through which tests count commits and make them fail.
    #[doc(hidden)]
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Inner {
    /// The state for reading and committing. Not to be asked for while another answer is held.
    pub(super) fn state(&self) -> Result<RwLockReadGuard<'_, State>, VaultError> {
        if self.sick.load(Ordering::SeqCst) {
            drop(self.state_mut()?);
        }
        Ok(self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state alone. Opens the database again where the disk had failed.
    pub(super) fn state_mut(&self) -> Result<RwLockWriteGuard<'_, State>, VaultError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if self.sick.load(Ordering::SeqCst) {
            state.database = None;
            let database = open_database(&state.file, &self.faults, false)?;
            let (_, forget) = read_header(&database)?;
            state.forget.store(forget, Ordering::SeqCst);
            state.database = Some(database);
            self.sick.store(false, Ordering::SeqCst);
        }
        Ok(state)
    }

    /// Passes a result on, and remembers if it tells of a failing disk.
    pub(super) fn watch<T>(&self, result: Result<T, VaultError>) -> Result<T, VaultError> {
        if let Err(
            VaultError::Full
            | VaultError::ReadOnly
            | VaultError::Failed(_)
            | VaultError::Damaged(Damage::File),
        ) = &result
        {
            self.sick.store(true, Ordering::SeqCst);
        }
        result
    }
}

impl State {
    pub(super) fn database(&self) -> Result<&Database, VaultError> {
        self.database
            .as_ref()
            .ok_or_else(|| VaultError::Failed(std::io::ErrorKind::NotConnected.into()))
    }

    /// Closes the database; the file stays open.
    pub(super) fn close(mut self) -> File {
        self.database = None;
        self.file
    }
}

/// Writes a new file under a new master key, with what `fill` puts in, in one durable transaction. It
/// stands beside the vault until it is published; where this fails, nothing of it stays.
pub(super) fn write_new(
    folder: &Folder,
    faults: &Arc<Faults>,
    wrapping: Wrapping,
    fill: impl FnOnce(&mut RedbTable<'_, &'static [u8], &'static [u8]>, &Keys) -> Result<(), VaultError>,
) -> Result<State, VaultError> {
    let file = folder.next()?;
    let written = write_into(&file, faults, &wrapping, fill);
    match written {
        Ok((database, keys)) => Ok(State {
            database: Some(database),
            file,
            keys,
            wrapping,
            forget: AtomicBool::new(false),
            published: AtomicBool::new(false),
        }),
        Err(error) => {
            // The first error is the one to tell; what stays is removed at the next open.
            let _ = folder.remove_next();
            Err(error)
        }
    }
}

/// Writes into an empty file, as [`write_new`] does.
pub(super) fn write_into(
    file: &File,
    faults: &Arc<Faults>,
    wrapping: &Wrapping,
    fill: impl FnOnce(&mut RedbTable<'_, &'static [u8], &'static [u8]>, &Keys) -> Result<(), VaultError>,
) -> Result<(Database, Keys), VaultError> {
    let master = SecretKey::random()?;
    let keys = Keys::of(&master);
    let header = wrapping.header(&master)?;
    let database = database_in(file, faults, false)?;
    let transaction = database.begin_write().map_err(engine)?;
    transaction
        .open_table(HEADER)
        .map_err(engine)?
        .insert(HEADER_KEY, header.bytes().as_slice())
        .map_err(engine)?;
    fill(&mut transaction.open_table(RECORDS).map_err(engine)?, &keys)?;
    faults.before_commit()?;
    transaction.commit().map_err(engine)?;
    faults.committed();
    Ok((database, keys))
}

/// Opens what should be a whole database, and sees that it is. The check itself needs room on the disk;
/// where there is none, the vault opens without it rather than not at all.
pub(super) fn open_whole(file: &File, faults: &Arc<Faults>) -> Result<Database, VaultError> {
    match open_database(file, faults, true) {
        Err(VaultError::Full) => open_database(file, faults, false),
        other => other,
    }
}

fn open_database(file: &File, faults: &Arc<Faults>, check: bool) -> Result<Database, VaultError> {
    if file.metadata()?.len() == 0 {
        return Err(VaultError::Damaged(Damage::File));
    }
    // The database answers some impossible files with a panic.
    catch_unwind(AssertUnwindSafe(|| database_in(file, faults, check)))
        .unwrap_or(Err(VaultError::Damaged(Damage::File)))
}

fn database_in(file: &File, faults: &Arc<Faults>, check: bool) -> Result<Database, VaultError> {
    let disk = Disk::new(file.try_clone()?, Arc::clone(faults))?;
    Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(check)
        .create_with_backend(disk)
        .map_err(engine)
}

pub(super) fn read_header(database: &Database) -> Result<(Header, bool), VaultError> {
    let transaction = database.begin_read().map_err(engine)?;
    let table = transaction.open_table(HEADER).map_err(engine)?;
    let header = table
        .get(HEADER_KEY)
        .map_err(engine)?
        .ok_or(VaultError::Damaged(Damage::Header))?;
    let header = Header::parse(header.value())?;
    let forget = table.get(FORGET_KEY).map_err(engine)?.is_some();
    Ok((header, forget))
}
