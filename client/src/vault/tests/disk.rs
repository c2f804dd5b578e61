use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn whatever_the_umask_everything_made_is_private() {
    for umask in ["000", "002", "022", "077"] {
        let home = Home::new();
        let child = in_another_process(umask, "vault::tests::disk::child_lives_a_while", &home);
        assert!(child.status.success(), "umask {umask}: {child:?}");
        let above = home.path().join("deep");
        assert_eq!(mode(&home.path()), 0o700, "umask {umask}");
        assert_eq!(mode(&above), 0o700, "umask {umask}");
        let mut names = Vec::new();
        for entry in fs::read_dir(above.join("er")).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(mode(&entry.path()), 0o600, "umask {umask}: {entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["vault.lock", "vault.redb"]);
    }
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn child_lives_a_while() {
    let home = home_of_child().join("deep").join("er");
    let vault = Vault::create(&home, &right(), cheap()).unwrap();
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(&home.join("vault.redb")), 0o600);
    put(&vault, log(1), "x");
    vault.rewrite().unwrap();
    vault
        .change_passphrase(&right(), &Passphrase::new("new".into()), &silent)
        .unwrap();
    assert_eq!(mode(&home.join("vault.redb")), 0o600);
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let home = Home::new();
    drop(home.create());
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o644)).unwrap();
    drop(home.open());
    assert_eq!(mode(&home.file()), 0o600);
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let home = Home::new();
    drop(home.create());
    for wide in [0o720, 0o702, 0o777] {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(wide)).unwrap();
        assert!(matches!(home.try_open(), Err(VaultError::Exposed("folder"))));
    }
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(home.open());
}

#[test]
fn a_planted_link_is_followed_nowhere() {
    let home = Home::new();
    let target = home.0.path().join("target");
    fs::create_dir(home.path()).unwrap();
    for name in ["vault.redb", "vault.lock"] {
        symlink(&target, home.path().join(name)).unwrap();
        let made = Vault::create(&home.path(), &right(), cheap());
        assert!(
            matches!(made, Err(VaultError::NotPlain(n)) if n == name),
            "{name}"
        );
        fs::remove_file(home.path().join(name)).unwrap();
        assert!(!target.exists());
    }
    // The name of the file to be is taken by a link: it is the link that goes.
    fs::write(&target, "mine").unwrap();
    symlink(&target, home.path().join("vault.redb.next")).unwrap();
    drop(home.create());
    assert_eq!(fs::read(&target).unwrap(), b"mine");

    for name in ["vault.redb", "vault.lock"] {
        let elsewhere = home.0.path().join(name);
        fs::rename(home.path().join(name), &elsewhere).unwrap();
        symlink(&elsewhere, home.path().join(name)).unwrap();
        let opened = home.try_open();
        assert!(
            matches!(opened, Err(VaultError::NotPlain(n)) if n == name),
            "{name}"
        );
        fs::rename(&elsewhere, home.path().join(name)).unwrap();
    }
    let link = home.0.path().join("link");
    symlink(home.path(), &link).unwrap();
    for path in [link.clone(), link.join("")] {
        let opened = Vault::open(&path, &right());
        assert!(matches!(opened, Err(VaultError::NotPlain("folder"))));
    }
    drop(home.open());
}

#[test]
fn a_pipe_or_a_folder_in_the_vaults_place_is_refused_at_once() {
    let home = Home::new();
    drop(home.create());
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    assert!(matches!(home.try_open(), Err(VaultError::NotPlain("vault.redb"))));
    fs::remove_dir(home.file()).unwrap();
    let made = Command::new("mkfifo").arg(home.file()).status().unwrap();
    assert!(made.success());
    assert!(matches!(home.try_open(), Err(VaultError::NotPlain("vault.redb"))));
}

#[test]
fn what_the_system_says_becomes_an_error_of_its_own() {
    let sorted = |kind: ErrorKind| VaultError::from(std::io::Error::from(kind));
    assert!(matches!(sorted(ErrorKind::StorageFull), VaultError::Full));
    assert!(matches!(sorted(ErrorKind::QuotaExceeded), VaultError::Full));
    assert!(matches!(
        sorted(ErrorKind::ReadOnlyFilesystem),
        VaultError::ReadOnly
    ));
    assert!(matches!(
        sorted(ErrorKind::PermissionDenied),
        VaultError::ReadOnly
    ));
    assert!(matches!(sorted(ErrorKind::TimedOut), VaultError::Failed(_)));
    let nospace = VaultError::from(rustix::io::Errno::NOSPC);
    assert!(matches!(nospace, VaultError::Full));
}

#[test]
fn a_commit_that_fails_changes_nothing_and_can_be_tried_again() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "old");
    vault.faults().fail_commits_after(1);
    put(&vault, log(2), "the last that fits");
    let overlay = vault.overlay();
    overlay.put(log(1), "new").unwrap();
    overlay.put(log(3), "more").unwrap();
    assert!(matches!(overlay.flush(), Err(VaultError::Full)));
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("old"));
    assert_eq!(text(&vault, &log(3)), None);
    assert_eq!(overlay.get(&log(1)).unwrap().unwrap().as_slice(), b"new");
    assert!(!vault.needs_forgetting());
    vault.faults().heal();
    overlay.commit().unwrap();
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("new"));
    assert_eq!(text(&vault, &log(3)).as_deref(), Some("more"));
    drop(vault);
    assert_eq!(text(&home.open(), &log(2)).as_deref(), Some("the last that fits"));
}

#[test]
fn wherever_the_disk_fails_a_commit_is_done_whole_or_not_at_all() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(0), "0");
    put(&vault, log(1), "0");
    let mut failures = 0;
    for writes in 0..60 {
        let before = text(&vault, &log(0)).unwrap();
        let overlay = vault.overlay();
        overlay.put(log(0), writes.to_string()).unwrap();
        overlay.put(log(1), writes.to_string()).unwrap();
        overlay.put(log(100 + writes), "x".repeat(40_000)).unwrap();
        vault.faults().fail_writes_after(writes);
        let committed = overlay.flush();
        vault.faults().heal();
        let after = text(&vault, &log(0)).unwrap();
        assert_eq!(text(&vault, &log(1)).unwrap(), after, "after {writes} writes");
        match committed {
            Ok(()) => assert_eq!(after, writes.to_string()),
            Err(VaultError::Full) => {
                failures += 1;
                let whole = [before, writes.to_string()];
                assert!(whole.contains(&after), "after {writes} writes");
            }
            Err(other) => panic!("after {writes} writes: {other:?}"),
        }
    }
    assert!(failures > 3, "{failures} failures");
    let last = text(&vault, &log(0));
    drop(vault);
    assert_eq!(text(&home.open(), &log(0)), last);
}

#[test]
fn wherever_the_disk_fails_a_rewrite_loses_nothing_and_leaves_nothing() {
    let home = Home::new();
    let vault = home.create();
    for number in 0..20 {
        put(&vault, log(number), "hello");
    }
    delete(&vault, log(0));
    let mut failures = 0;
    for writes in 0..40 {
        vault.faults().fail_writes_after(writes);
        let rewritten = vault.rewrite();
        vault.faults().heal();
        if let Err(error) = rewritten {
            assert!(matches!(error, VaultError::Full));
            failures += 1;
        }
        assert!(!home.path().join("vault.redb.next").exists());
        for number in 1..20 {
            assert_eq!(text(&vault, &log(number)).as_deref(), Some("hello"));
        }
        put(&vault, log(20), "goes on");
    }
    assert!(failures > 3, "{failures} failures");
    drop(vault);
    assert_eq!(text(&home.open(), &log(20)).as_deref(), Some("goes on"));
}

#[test]
fn what_a_crash_left_of_a_rewrite_is_removed_when_the_vault_is_opened() {
    let home = Home::new();
    put(&home.create(), log(1), "kept");
    let left = home.path().join("vault.redb.next");
    fs::write(&left, "half of a vault").unwrap();
    assert_eq!(text(&home.open(), &log(1)).as_deref(), Some("kept"));
    assert!(!left.exists());
}
