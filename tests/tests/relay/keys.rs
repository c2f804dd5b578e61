//! The relay's key: its address, its backup, its place on the disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use super::{FREE, Running, fails, relay, relay_with, text};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn key(address: &str) -> &str {
    address
        .trim()
        .strip_prefix("caucus://")
        .unwrap()
        .split('@')
        .next()
        .unwrap()
}

#[test]
fn a_relay_prints_its_address_first_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let running = Running::start(&data);
    let address = running.address();
    assert!(!address.memory);
    assert_eq!(address.host, "127.0.0.1");
    assert_ne!(address.port, 0);
    let first = running.first.clone();
    running.kill();
    assert_eq!((mode(&data), mode(&data.join("relay.key"))), (0o700, 0o600));
    let place = format!("127.0.0.1:{}", address.port);
    let told = relay(&["address", "--data", text(&data), "--listen", &place]);
    assert_eq!((told.code, told.out.trim()), (0, first.as_str()), "{told:?}");
    let public = relay(&["address", "--data", text(&data), "--public", "relay.example"]);
    assert!(public.out.trim().ends_with("@relay.example:4433"), "{public:?}");
    assert_eq!(key(&public.out), key(&first));
}

#[test]
fn a_key_that_was_exported_gives_another_folder_the_same_address() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, backup) = ["one", "two", "backup.pem"]
        .map(|name| folder.path().join(name))
        .into();
    Running::start(&one).kill();
    let place = ["--listen", "127.0.0.1:4433"];
    let address = |data: &Path| relay(&[&["address", "--data", text(data)][..], &place].concat());
    let exported = relay(&["key", "export", "--data", text(&one), "--to", text(&backup)]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_eq!(mode(&backup), 0o600);
    let imported = relay(&["key", "import", "--data", text(&two), text(&backup)]);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert_eq!(mode(&two.join("relay.key")), 0o600);
    assert_eq!(address(&two).out, address(&one).out);
    // Through a pipe, and again: the same key is there, and that is no failure.
    let pem = relay(&["key", "export", "--data", text(&one)]);
    let piped = relay_with(&["key", "import", "--data", text(&two), "-"], &pem.out);
    assert_eq!(piped.code, 0, "{piped:?}");
    assert!(fs::read_to_string(&backup).unwrap() == pem.out);
    // A backup is never written over what is there.
    fails(
        5,
        &["key", "export", "--data", text(&one), "--to", text(&backup)],
        "backup.pem",
    );
}

#[test]
fn another_key_is_refused_without_force_and_garbage_always() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, backup, garbage) = ["one", "two", "backup.pem", "garbage"]
        .map(|name| folder.path().join(name))
        .into();
    Running::start(&one).kill();
    Running::start(&two).kill();
    relay(&["key", "export", "--data", text(&one), "--to", text(&backup)]);
    let before = fs::read(two.join("relay.key")).unwrap();
    fails(
        10,
        &["key", "import", "--data", text(&two), text(&backup)],
        "another key",
    );
    fs::write(
        &garbage,
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    fails(
        9,
        &["key", "import", "--force", "--data", text(&two), text(&garbage)],
        "key",
    );
    fails(
        9,
        &["key", "import", "--data", text(&two), "/nonexistent/key.pem"],
        "cannot read",
    );
    assert!(fs::read(two.join("relay.key")).unwrap() == before);
    let forced = relay(&["key", "import", "--force", "--data", text(&two), text(&backup)]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(fs::read(two.join("relay.key")).unwrap() == fs::read(one.join("relay.key")).unwrap());
}

#[test]
fn a_planted_link_at_the_place_of_the_key_is_refused_and_what_it_points_at_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (folder.path().join("relay"), folder.path().join("elsewhere"));
    fs::create_dir(&data).unwrap();
    fs::write(&elsewhere, b"mine").unwrap();
    symlink(&elsewhere, data.join("relay.key")).unwrap();
    fails(
        5,
        &[&["run", "--data", text(&data)][..], &FREE].concat(),
        "relay.key",
    );
    fails(5, &["key", "export", "--data", text(&data)], "relay.key");
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    // A link that points nowhere is none to write through either.
    fs::remove_file(&elsewhere).unwrap();
    fails(
        5,
        &[&["run", "--data", text(&data)][..], &FREE].concat(),
        "relay.key",
    );
    assert!(!elsewhere.exists());
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let run = [&["run", "--data", text(&data)][..], &FREE].concat();
    fails(9, &["address", "--data", text(&data)], "no key");
    Running::start(&data).kill();
    let file = data.join("relay.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fails(9, &run, "other users");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, b"no key").unwrap();
    fails(9, &run, "relay.key");
}

#[test]
fn every_answer_with_json_is_one_value_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let running = Running::with(&["--json", "--data", text(&data)], &[]);
    let first: Value = serde_json::from_str(&running.first).unwrap();
    let (status, err) = running.stop();
    assert!(status.success(), "{err}");
    let address = first["address"].as_str().unwrap();
    let ask = |arguments: &[&str]| {
        let outcome = relay(&[&["--json", "--data", text(&data)][..], arguments].concat());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_eq!(outcome.err, "", "{outcome:?}");
        let values = outcome
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        values.collect::<Vec<Value>>()
    };
    assert_eq!(
        key(ask(&["address"])[0]["address"].as_str().unwrap()),
        key(address)
    );
    let exported = &ask(&["key", "export"])[0];
    assert_eq!(exported["key"], key(address));
    let pem = folder.path().join("key.pem");
    fs::write(&pem, exported["pem"].as_str().unwrap()).unwrap();
    assert_eq!(ask(&["key", "import", text(&pem)])[0]["key"], key(address));
    assert_eq!(ask(&["pass", "mint", "--count", "3"]).len(), 3);
}
