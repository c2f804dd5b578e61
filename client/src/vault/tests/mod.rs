//! Stories about a vault.

mod damage;
mod disk;
mod forget;
mod keep;
mod life;
mod overlay;
mod secrets;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use redb::{Database, ReadableDatabase};
use tempfile::TempDir;

use super::store::{HEADER, HEADER_KEY, RECORDS};
use super::*;

/// A folder for one vault, gone at the end.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn file(&self) -> PathBuf {
        self.path().join("vault.redb")
    }

    fn create(&self) -> Vault {
        Vault::create(&self.path(), &right(), cheap()).unwrap()
    }

    fn open(&self) -> Vault {
        self.try_open().unwrap()
    }

    /// A process that another test starts holds this one's locks for a moment, from its fork to its exec.
    fn try_open(&self) -> Result<Vault, VaultError> {
        for _ in 0..50 {
            match Vault::open(&self.path(), &right()) {
                Err(VaultError::InUse) => std::thread::sleep(std::time::Duration::from_millis(10)),
                other => return other,
            }
        }
        Vault::open(&self.path(), &right())
    }

    fn header(&self) -> Vec<u8> {
        let database = Database::open(self.file()).unwrap();
        let table = database.begin_read().unwrap().open_table(HEADER).unwrap();
        table.get(HEADER_KEY).unwrap().unwrap().value().to_vec()
    }

    fn set_header(&self, bytes: &[u8]) {
        let database = Database::open(self.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(HEADER)
            .unwrap()
            .insert(HEADER_KEY, bytes)
            .unwrap();
        transaction.commit().unwrap();
    }

    /// Every record as it lies on disk, by slot.
    fn sealed(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        use redb::ReadableTable;
        let database = Database::open(self.file()).unwrap();
        let table = database.begin_read().unwrap().open_table(RECORDS).unwrap();
        table
            .iter()
            .unwrap()
            .map(|item| item.unwrap())
            .map(|(slot, sealed)| (slot.value().to_vec(), sealed.value().to_vec()))
            .collect()
    }

    fn set_sealed(&self, records: &[(Vec<u8>, Vec<u8>)]) {
        let database = Database::open(self.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(RECORDS).unwrap();
            for (slot, sealed) in records {
                table.insert(slot.as_slice(), sealed.as_slice()).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.file()).unwrap()
    }
}

fn right() -> Passphrase {
    Passphrase::new("right".into())
}

fn cheap() -> Cost {
    Cost::new(8, 1, 1)
}

fn log(number: u64) -> Place {
    Place::new(Table::Log, *b"room", number)
}

fn put(vault: &Vault, place: Place, text: &str) {
    let overlay = vault.overlay();
    overlay.put(place, text).unwrap();
    overlay.commit().unwrap();
}

fn delete(vault: &Vault, place: Place) {
    let overlay = vault.overlay();
    overlay.delete(place);
    overlay.commit().unwrap();
}

fn text(vault: &Vault, place: &Place) -> Option<String> {
    let bytes = vault.get(place).unwrap()?;
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Runs one ignored test of this file's tests in a process of its own, under a umask.
fn in_another_process(umask: &str, test: &str, home: &Home) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("umask {umask}; exec \"$0\" --ignored --exact {test}"))
        .arg(std::env::current_exe().unwrap())
        .env(HOME_OF_CHILD, home.path())
        .output()
        .unwrap()
}

const HOME_OF_CHILD: &str = "CAUCUS_VAULT_TEST_HOME";

fn home_of_child() -> PathBuf {
    std::env::var_os(HOME_OF_CHILD).unwrap().into()
}
