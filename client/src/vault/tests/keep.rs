use std::cell::RefCell;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::header::Header;
use super::*;

fn elsewhere(home: &Home, name: &str) -> PathBuf {
    home.0.path().join(name)
}

fn filled(home: &Home) -> Vault {
    let vault = home.create();
    let overlay = vault.overlay();
    for number in 0..300 {
        overlay.put(log(number), format!("word {number}")).unwrap();
    }
    overlay.commit().unwrap();
    vault
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_holds_what_the_vault_held_then_and_opens_with_the_passphrase_of_its_time() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "backup");
    let told = RefCell::new(Vec::new());
    vault
        .backup(&file, false, &|progress| told.borrow_mut().push(progress))
        .unwrap();
    let told = told.into_inner();
    assert_eq!(told.len(), 300);
    assert!(told.iter().all(|progress| progress.total == 300));
    assert_eq!(told.last().unwrap().done, 300);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    put(&vault, log(1000), "later");
    let new = Passphrase::new("new".into());
    vault.change_passphrase(&right(), &new, &silent).unwrap();
    drop(vault);

    let there = Home::new();
    let refused = Vault::restore(&there.path(), &file, &new, &silent);
    assert!(matches!(refused, Err(VaultError::WrongPassphrase)));
    assert!(!Vault::exists(&there.path()), "nothing is put in place");
    Vault::restore(&there.path(), &file, &right(), &silent).unwrap();
    let restored = there.open();
    assert_eq!(restored.range(Table::Log, b"room", 0, 999).unwrap().len(), 300);
    assert_eq!(text(&restored, &log(299)).as_deref(), Some("word 299"));
    assert_eq!(text(&restored, &log(1000)), None);
    assert_eq!(names(&there.path()), ["vault.lock", "vault.redb"]);
    put(&restored, log(1000), "goes on");
    assert!(file.exists(), "the backup stays");
}

#[test]
fn a_backup_has_a_master_key_of_its_own_and_nothing_that_was_deleted() {
    let home = Home::new();
    let vault = filled(&home);
    delete(&vault, log(7));
    let file = elsewhere(&home, "backup");
    vault.backup(&file, false, &silent).unwrap();
    drop(vault);
    let bytes = fs::read(&file).unwrap();
    assert!(!holds(&bytes, &home.header()[32..]));
    for (slot, sealed) in home.sealed() {
        assert!(!holds(&bytes, &slot[..16]) && !holds(&bytes, &sealed));
    }
    let there = Home::new();
    Vault::restore(&there.path(), &file, &right(), &silent).unwrap();
    assert_eq!(text(&there.open(), &log(7)), None);
}

#[test]
fn a_backup_replaces_nothing_unless_it_is_told_to_and_follows_no_link() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "taken");
    fs::write(&file, "precious").unwrap();
    let taken = vault.backup(&file, false, &silent);
    assert!(matches!(taken, Err(VaultError::Taken)));
    let link = elsewhere(&home, "link");
    symlink(&file, &link).unwrap();
    assert!(matches!(
        vault.backup(&link, false, &silent),
        Err(VaultError::Taken)
    ));
    vault.backup(&link, true, &silent).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(link.symlink_metadata().unwrap().is_file());
    vault.backup(&file, true, &silent).unwrap();
    assert_ne!(fs::read(&file).unwrap(), b"precious");
    let missing = vault.backup(&elsewhere(&home, "no/where"), false, &silent);
    assert!(matches!(missing, Err(VaultError::NoFolder)));
    fs::create_dir(elsewhere(&home, "folder")).unwrap();
    let folder = vault.backup(&elsewhere(&home, "folder"), true, &silent);
    assert!(matches!(folder, Err(VaultError::NotPlain(_))), "{folder:?}");
    assert_eq!(names(home.0.path()), ["folder", "home", "link", "taken"]);
}

#[test]
fn a_backup_that_fails_leaves_nothing_and_what_had_its_name() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "backup");
    fs::write(&file, "the one before").unwrap();
    for writes in 0..12 {
        vault.faults().fail_writes_after(writes);
        if vault.backup(&file, true, &silent).is_ok() {
            assert!(writes > 1, "it writes");
            break;
        }
        assert_eq!(fs::read(&file).unwrap(), b"the one before");
        assert_eq!(names(home.0.path()), ["backup", "home"]);
    }
    vault.faults().heal();
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("word 1"));
}

#[test]
fn no_moment_of_a_backup_shows_a_plain_word_or_a_wider_mode() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    for number in 0..200 {
        overlay
            .put(log(number), format!("canary {number} sings"))
            .unwrap();
    }
    overlay.commit().unwrap();
    let seen = RefCell::new(0);
    let look = |_| {
        for name in names(home.0.path()) {
            let path = elsewhere(&home, &name);
            let meta = path.metadata().unwrap();
            if meta.is_file() {
                assert_eq!(meta.mode() & 0o777, 0o600, "{name}");
                assert!(!holds(&fs::read(&path).unwrap(), b"canary"), "{name}");
                *seen.borrow_mut() += 1;
            }
        }
    };
    vault.backup(&elsewhere(&home, "backup"), false, &look).unwrap();
    look(Progress {
        what: "",
        done: 0,
        total: 0,
        bytes: false,
    });
    assert!(seen.into_inner() > 200);
}

#[test]
fn a_backup_goes_on_while_the_vault_is_written() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "backup");
    let written = RefCell::new(1000);
    vault
        .backup(&file, false, &|_| {
            let mut number = written.borrow_mut();
            if *number < 1050 {
                put(&vault, log(*number), "meanwhile");
                *number += 1;
            }
        })
        .unwrap();
    assert_eq!(
        text(&vault, &log(1049)).as_deref(),
        Some("meanwhile"),
        "commits do not wait"
    );
    let there = Home::new();
    Vault::restore(&there.path(), &file, &right(), &silent).unwrap();
    let restored = there.open().range(Table::Log, b"room", 0, 9999).unwrap();
    assert_eq!(restored.len(), 300, "it is of one moment");
}

#[test]
fn a_vault_is_never_restored_over_another() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "backup");
    vault.backup(&file, false, &silent).unwrap();
    let in_use = Vault::restore(&home.path(), &file, &right(), &silent);
    assert!(matches!(in_use, Err(VaultError::Exists)));
    drop(vault);
    let before = home.bytes();
    let there = Vault::restore(&home.path(), &file, &right(), &silent);
    assert!(matches!(there, Err(VaultError::Exists)));
    assert_eq!(home.bytes(), before);
}

#[test]
fn a_damaged_backup_is_noticed_before_anything_is_put_in_place() {
    let home = Home::new();
    let vault = filled(&home);
    let file = elsewhere(&home, "backup");
    vault.backup(&file, false, &silent).unwrap();
    let whole = fs::read(&file).unwrap();
    let there = Home::new();
    let cut = [&whole[..whole.len() / 2], &whole[..100], b"", b"no backup at all"];
    for bytes in cut {
        fs::write(&file, bytes).unwrap();
        let refused = Vault::restore(&there.path(), &file, &right(), &silent);
        assert!(matches!(refused, Err(VaultError::Damaged(_))), "{refused:?}");
        assert_eq!(names(&there.path()), ["vault.lock"]);
    }
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        match Vault::restore(&there.path(), &file, &right(), &silent) {
            Ok(()) => {
                assert_eq!(
                    there.open().range(Table::Log, b"room", 0, 999).unwrap().len(),
                    300
                );
                fs::remove_file(there.file()).unwrap();
            }
            Err(_) => assert_eq!(names(&there.path()), ["vault.lock"]),
        }
    }
    let none = Vault::restore(&there.path(), &elsewhere(&home, "none"), &right(), &silent);
    assert!(matches!(none, Err(VaultError::NoBackup)));
}

#[test]
fn destroying_a_vault_makes_its_key_unreadable_before_anything_else_of_it_goes() {
    let home = Home::new();
    let vault = filled(&home);
    vault.rewrite().unwrap();
    delete(&vault, log(1));
    drop(vault);
    let header = home.header();
    assert!(Header::parse(&header).is_ok() && holds(&home.bytes(), &header));
    // Another name keeps what is done to the file in sight.
    let name = elsewhere(&home, "another name of it");
    fs::hard_link(home.file(), &name).unwrap();
    assert!(Vault::destroy(&home.path()).unwrap());
    assert!(!Vault::exists(&home.path()));
    assert_eq!(names(&home.path()), Vec::<String>::new());
    assert!(fs::read(&name).unwrap().iter().all(|&byte| byte == 0));
    assert!(!Vault::destroy(&home.path()).unwrap(), "there is none any more");
    assert!(!Vault::destroy(&elsewhere(&home, "nowhere")).unwrap());
}

#[test]
fn a_vault_that_is_in_use_damaged_or_half_rewritten_is_destroyed_all_the_same() {
    let home = Home::new();
    let vault = filled(&home);
    fs::copy(home.file(), home.path().join("vault.redb.next")).unwrap();
    assert!(Vault::destroy(&home.path()).unwrap());
    drop(vault);
    assert_eq!(names(&home.path()), Vec::<String>::new());

    drop(filled(&home));
    let mut bytes = home.bytes();
    bytes[..600].fill(0xaa);
    fs::write(home.file(), &bytes).unwrap();
    assert!(matches!(home.try_open(), Err(VaultError::Damaged(_))));
    let name = elsewhere(&home, "another name of it");
    fs::hard_link(home.file(), &name).unwrap();
    assert!(Vault::destroy(&home.path()).unwrap());
    assert!(fs::read(&name).unwrap().iter().all(|&byte| byte == 0));

    fs::write(elsewhere(&home, "precious"), "precious").unwrap();
    symlink(elsewhere(&home, "precious"), home.file()).unwrap();
    assert!(Vault::destroy(&home.path()).unwrap());
    assert_eq!(fs::read(elsewhere(&home, "precious")).unwrap(), b"precious");
    assert_eq!(names(&home.path()), Vec::<String>::new());
}

#[test]
fn what_can_be_said_of_a_vault_without_its_passphrase_is_said() {
    let home = Home::new();
    assert!(matches!(Vault::examine(&home.path()), Err(VaultError::Missing)));
    let vault = filled(&home);
    assert!(matches!(Vault::examine(&home.path()), Err(VaultError::InUse)));
    drop(vault);
    let size = home.bytes().len() as u64;
    let examined = Vault::examine(&home.path()).unwrap();
    assert_eq!((examined.format, examined.bytes), (1, size));
    let mut newer = home.header();
    newer[3] = 9;
    home.set_header(&newer);
    assert!(matches!(
        Vault::examine(&home.path()),
        Err(VaultError::Newer { found: 9, .. })
    ));
    fs::write(home.file(), "no vault").unwrap();
    assert!(matches!(
        Vault::examine(&home.path()),
        Err(VaultError::Damaged(_))
    ));
}
