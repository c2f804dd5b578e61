//! What `caucus doctor` claims to find, it finds; what is well, it leaves alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use caucus_tests::process::{Outcome, Person, RelayProcess};
use serde_json::Value;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("to change the mode");
}

fn doctor(person: &Person) -> Outcome {
    let outcome = person.run(&["--json", "doctor"]);
    assert_eq!(outcome.json()["is"], "examined", "{outcome:?}");
    outcome
}

/// The line about something; it has a next step exactly where not all is well.
fn line(outcome: &Outcome, what: &str) -> (String, String) {
    let checks = outcome.json()["checks"].as_array().cloned().unwrap_or_default();
    let check = checks
        .iter()
        .find(|check| check["what"] == what)
        .unwrap_or_else(|| panic!("nothing about {what}: {outcome:?}"));
    let verdict = check["verdict"].as_str().expect("a verdict").to_owned();
    assert_eq!(verdict == "ok", check["next"] == Value::Null, "{check}");
    (verdict, check["found"].as_str().expect("words").to_owned())
}

fn is(outcome: &Outcome, what: &str, verdict: &str, words: &str) {
    let (found, told) = line(outcome, what);
    assert_eq!(found, verdict, "{what}: {outcome:?}");
    assert!(told.contains(words), "{what}: {told}");
    match verdict {
        "broken" => assert_eq!(outcome.code, 18, "{outcome:?}"),
        "warning" => assert!(outcome.code >= 17, "{outcome:?}"),
        _ => {}
    }
}

fn signal(pid: u64, word: &str) {
    let sent = Command::new("kill").args([word, &pid.to_string()]).status();
    assert!(sent.expect("kill").success());
}

#[test]
fn on_a_machine_where_all_is_well_every_line_says_so_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    let bare = doctor(&ana);
    is(&bare, "home", "ok", "not there yet");
    is(&bare, "agent", "ok", "none runs");
    is(&bare, "vault", "ok", "none yet");
    assert!(!ana.home().exists());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    let well = doctor(&ana);
    for (what, words) in [
        ("home", "for you alone"),
        ("agent", "answers"),
        ("vault", "open"),
        ("disk", "MiB are free"),
        ("clock", "rooms witness"),
        ("relay", "the right key"),
        ("core dumps", "off"),
        ("umask", "for you alone"),
    ] {
        is(&well, what, "ok", words);
    }
    let checks = well.json()["checks"].as_array().cloned().unwrap_or_default();
    let worst = if checks.iter().all(|check| check["verdict"] == "ok") {
        0
    } else {
        17
    };
    assert_eq!(well.code, worst, "{well:?}");
    ana.stop();
    let asleep = doctor(&ana);
    is(&asleep, "vault", "ok", "whole");
    is(&asleep, "relays", "ok", "not looked at");
    let told = ana.run(&["doctor"]);
    assert!(told.err.is_empty() && told.out.contains("core dumps"), "{told:?}");
    assert_eq!(ana.said("North"), []);
}

#[test]
fn a_home_or_a_file_that_others_may_use_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.stop();
    chmod(ana.home(), 0o755);
    is(&doctor(&ana), "home", "warning", "look into");
    chmod(ana.home(), 0o777);
    is(&doctor(&ana), "home", "broken", "write to");
    chmod(ana.home(), 0o700);
    chmod(&ana.home().join("vault.redb"), 0o644);
    is(&doctor(&ana), "vault.redb", "warning", "others may open");
    chmod(folder.path(), 0o777);
    is(&doctor(&ana), "above home", "warning", "may replace");
    chmod(folder.path(), 0o700);
    fs::rename(ana.home(), folder.path().join("real")).expect("to move");
    std::os::unix::fs::symlink(folder.path().join("real"), ana.home()).expect("a link");
    is(&doctor(&ana), "home", "broken", "a link");
    fs::remove_file(ana.home()).expect("to remove");
    fs::rename(folder.path().join("real"), ana.home()).expect("to move");
}

#[test]
fn an_agent_that_hangs_is_deaf_or_of_another_version_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    let pid = ana.ask(&["status"])["pid"].as_u64().expect("a process");
    signal(pid, "-STOP");
    let hanging = doctor(&ana);
    is(
        &hanging,
        "agent",
        "broken",
        &format!("process {pid} does not answer"),
    );
    is(&hanging, "vault", "ok", "not looked at");
    let stop = ana.run(&["agent", "--stop"]);
    assert!(
        stop.code == 16 && stop.err.contains(&format!("kill -9 {pid}")),
        "{stop:?}"
    );
    // What it was asked while it hung, it does afterwards: it ends.
    signal(pid, "-CONT");
    let ended = ana.until(Duration::from_secs(20), |ana| {
        (!ana.home().join("agent.sock").exists()).then_some(())
    });
    assert!(ended.is_some());
    let pid = ana.ask(&["status"])["pid"].as_u64().expect("a process");
    is(&doctor(&ana), "agent", "ok", "answers");
    fs::remove_file(ana.home().join("agent.sock")).expect("to remove");
    is(
        &doctor(&ana),
        "agent",
        "broken",
        &format!("process {pid} is the agent"),
    );
    signal(pid, "-TERM");
    let gone = ana.until(Duration::from_secs(10), |ana| {
        (line(&doctor(ana), "agent").1.contains("none runs")).then_some(())
    });
    assert!(gone.is_some());

    let listener = UnixListener::bind(ana.home().join("agent.sock")).expect("a socket");
    let old = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let (mut stream, _) = listener.accept().expect("a visitor");
        let mut lines = BufReader::new(stream.try_clone().expect("a second end")).lines();
        lines.next();
        let reply =
            "{\"id\":1,\"ok\":{\"is\":\"agent\",\"version\":\"0.0.1\",\"vault\":\"locked\",\"pid\":7}}\n";
        stream.write_all(reply.as_bytes()).expect("to answer");
    });
    let bare = Command::new(caucus_tests::process::binaries().join("caucus"))
        .args(["--json", "--home"])
        .arg(ana.home())
        .arg("doctor")
        .output()
        .expect("caucus");
    let told = String::from_utf8_lossy(&bare.stdout);
    assert!(told.contains("process 7 is version 0.0.1"), "{told}");
    old.join().expect("the old agent");
    fs::remove_file(ana.home().join("agent.sock")).expect("to remove");
}

#[test]
fn a_vault_that_is_damaged_or_newer_and_a_clock_that_was_set_back_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.stop();
    let file = ana.home().join("vault.redb");
    let whole = fs::read(&file).expect("the vault");
    let later = SystemTime::now() + Duration::from_secs(5 * 60 * 60);
    fs::File::options()
        .write(true)
        .open(&file)
        .expect("the vault")
        .set_modified(later)
        .expect("a time");
    is(&doctor(&ana), "clock", "warning", "set back");
    fs::write(&file, &whole[..whole.len() / 2]).expect("to write");
    is(&doctor(&ana), "vault", "broken", "damaged");
    fs::write(&file, "").expect("to write");
    is(&doctor(&ana), "vault", "broken", "damaged");
    fs::write(&file, &whole).expect("to write");
    is(&doctor(&ana), "vault", "ok", "whole");
}

#[test]
fn a_relay_that_is_down_or_has_another_key_and_a_wrong_passphrase_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    is(&doctor(&ana), "relay", "ok", "the right key");
    relay.kill();
    is(&doctor(&ana), "relay", "broken", "does not answer");
    let data = relay.data().to_path_buf();
    fs::rename(&data, folder.path().join("away")).expect("to move");
    relay.start_again();
    is(&doctor(&ana), "relay", "broken", "another key");
    ana.ask(&["lock"]);
    fs::write(folder.path().join("ana.passphrase"), "wrong").expect("to write");
    is(&doctor(&ana), "passphrase", "broken", "does not open");
}
