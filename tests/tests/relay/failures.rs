//! What keeps a relay from starting: each with an exit code of its own and a word what to do.

use std::fs;
use std::net::UdpSocket;

use super::{Client, FREE, Running, fails, text};

#[test]
fn a_busy_port_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let data = folder.path().join("relay");
    fails(4, &["run", "--data", text(&data), "--listen", &place], &place);
    fails(
        4,
        &["run", "--data", text(&data), "--listen", "192.0.2.1:4433"],
        "192.0.2.1",
    );
}

#[tokio::test]
async fn a_second_relay_on_one_folder_is_told_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(folder.path());
    let client = Client::first(&first.address()).await;
    fails(
        6,
        &[&["run", "--data", text(folder.path())][..], &FREE].concat(),
        "another relay",
    );
    assert_eq!(client.say(1, 1024).await, Ok(1));
}

#[test]
fn a_folder_that_cannot_be_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    // Also as root, for whom no folder is read-only.
    fails(5, &[&["run", "--data", text(&file)][..], &FREE].concat(), "file");
    fails(
        5,
        &[&["run", "--data", "/proc/caucus"][..], &FREE].concat(),
        "/proc/caucus",
    );
    let data = folder.path().join("relay");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("store"), b"in the way").unwrap();
    fails(5, &[&["run", "--data", text(&data)][..], &FREE].concat(), "store");
    assert_eq!(fs::read(data.join("store")).unwrap(), b"in the way");
}

#[test]
fn a_store_of_a_newer_format_or_a_damaged_one_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let run = [&["run", "--data", text(data)][..], &FREE].concat();
    let (status, err) = Running::start(data).stop();
    assert!(status.success(), "{err}");
    let format = data.join("store/format");
    let known = fs::read_to_string(&format).unwrap();
    fs::write(&format, "9999\n").unwrap();
    fails(7, &run, "9999");
    assert_eq!(fs::read_to_string(&format).unwrap(), "9999\n");
    fs::write(&format, "one\n").unwrap();
    fails(8, &run, "format");
    fs::remove_file(&format).unwrap();
    fails(8, &run, "format");
    fs::write(&format, known).unwrap();
    Running::start(data).kill();
}

#[test]
fn a_configuration_that_is_not_understood_names_the_word() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let run = [&["run", "--data", text(data)][..], &FREE].concat();
    for (config, word) in [
        ("listn = \"127.0.0.1:0\"", "listn"),
        ("[limits]\nhandles = 0", "limits.handles"),
        ("[limits]\nhandles = -1", "handles"),
        ("[limits]\nplain = \"fortnight\"", "fortnight"),
        ("store = [", "relay.toml"),
        ("public = \"a b\"", "a b"),
    ] {
        fs::write(data.join("relay.toml"), config).unwrap();
        fails(3, &run, word);
    }
    fs::remove_file(data.join("relay.toml")).unwrap();
    let missing = ["--config", "/nonexistent/relay.toml"];
    fails(3, &[&run[..], &missing].concat(), "/nonexistent/relay.toml");
    fails(3, &[&run[..], &["--public", "a:0"]].concat(), "a:0");
    assert!(!data.join("store").exists());
}
