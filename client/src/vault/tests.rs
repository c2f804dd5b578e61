//! Stories about a vault.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

mod life {
    use super::*;

    #[test]
    fn what_was_committed_is_there_after_the_vault_is_opened_again() {
        let home = Home::new();
        let vault = home.create();
        put(&vault, Table::Settings, b"", 0, b"red");
        drop(vault);
        let vault = home.open();
        assert_eq!(text(&vault, Table::Settings, b"", 0).as_deref(), Some("red"));
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing() {
        let home = Home::new();
        drop(home.create());
        let wrong = Vault::open(&home.path(), &Passphrase::new("right ".into()));
        assert!(matches!(wrong, Err(VaultError::WrongPassphrase)));
    }
}

/// A folder for one vault, gone at the end.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn create(&self) -> Vault {
        Vault::create(&self.path(), &right(), cheap()).unwrap()
    }

    fn open(&self) -> Vault {
        Vault::open(&self.path(), &right()).unwrap()
    }
}

fn right() -> Passphrase {
    Passphrase::new("right".into())
}

fn cheap() -> Cost {
    Cost::new(8, 1, 1)
}

fn put(vault: &Vault, table: Table, scope: &[u8], number: u64, bytes: &[u8]) {
    let overlay = vault.overlay();
    overlay.put(Place::new(table, scope, number), bytes).unwrap();
    overlay.commit().unwrap();
}

fn text(vault: &Vault, table: Table, scope: &[u8], number: u64) -> Option<String> {
    let bytes = vault.get(&Place::new(table, scope, number)).unwrap()?;
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

fn file(path: &Path) -> PathBuf {
    path.join("vault.redb")
}
