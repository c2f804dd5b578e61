//! The vault as a whole: put away, put back, destroyed, and how long it keeps words.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use caucus_tests::process::{Person, RelayProcess, binaries};
use serde_json::json;

fn mode(path: &Path) -> u32 {
    path.metadata().expect("a file").permissions().mode() & 0o777
}

fn signal(pid: u64, word: &str) {
    let sent = Command::new("kill").args([word, &pid.to_string()]).status();
    assert!(sent.expect("kill").success());
}

/// Whether a process runs: one that is dead and not yet fetched by its parent does not.
fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

#[test]
fn a_vault_is_put_away_and_put_back_and_nothing_is_ever_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    let file = folder.path().join("put-away.backup");
    let path = file.to_str().expect("a path");
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    ana.ask(&["say", "North", "before the backup"]);
    assert_eq!(ana.ask(&["backup", path]), json!({"is": "done"}));
    assert_eq!(mode(&file), 0o600);
    let bytes = std::fs::read(&file).expect("the backup");
    assert!(
        !bytes
            .windows(6)
            .any(|window| window == b"before" || window == b"North ")
    );

    let again = ana.run(&["backup", path]);
    assert!(again.code == 4 && again.err.contains("--force"), "{again:?}");
    assert_eq!(std::fs::read(&file).expect("the backup"), bytes);
    assert_eq!(ana.run(&["backup", path, "--force"]).code, 0);
    let nowhere = ana.run(&["backup", folder.path().join("no/where").to_str().expect("a path")]);
    assert!(nowhere.code == 4 && nowhere.err.contains("next: "), "{nowhere:?}");
    let over = ana.run(&["restore", path]);
    assert!(over.code == 8 && over.err.contains("caucus destroy"), "{over:?}");
    assert_eq!(ana.said("North").len(), 1, "the vault is as it was");
    ana.stop();

    let other = folder.path().join("another machine");
    std::fs::create_dir(&other).expect("a folder");
    let again = Person::new("ana", &other);
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "not it").expect("a file");
    let refused = Command::new(binaries().join("caucus"))
        .arg("--home")
        .arg(again.home())
        .arg("--passphrase-file")
        .arg(&wrong)
        .args(["restore", path])
        .stdin(Stdio::null())
        .output()
        .expect("caucus");
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    assert!(!again.home().join("vault.redb").exists());
    let none = again.run(&["restore", folder.path().join("none").to_str().expect("a path")]);
    assert_eq!(none.code, 4, "{none:?}");
    let restored = again.run(&["restore", path]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(restored.err.contains("heals by itself"), "{restored:?}");
    assert_eq!(again.ask(&["status"])["vault"], "locked");
    assert_eq!(mode(&again.home().join("vault.redb")), 0o600);
    assert_eq!(
        again.said("North"),
        [("ana".to_owned(), "before the backup".to_owned())]
    );
}

#[test]
fn a_backup_that_is_damaged_is_told_and_nothing_is_put_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    let file = folder.path().join("no.backup");
    std::fs::write(&file, "shopping list").expect("a file");
    let told = ana.run(&["restore", file.to_str().expect("a path")]);
    assert!(told.code == 9 && told.err.contains("no backup"), "{told:?}");
    assert_eq!(ana.ask(&["status"])["vault"], "none");
    ana.ask(&["init"]);
}

#[test]
fn one_command_destroys_the_vault_and_ends_the_agent_without_the_passphrase() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    let pid = ana.ask(&["status"])["pid"].as_u64().expect("a process");
    let unasked = ana.run(&["destroy"]);
    assert!(unasked.code == 2 && unasked.err.contains("--yes"), "{unasked:?}");
    assert!(runs(pid));
    // Another name keeps what is done to the file in sight.
    let name = folder.path().join("another name of it");
    std::fs::hard_link(ana.home().join("vault.redb"), &name).expect("a link");
    let begun = Instant::now();
    let outcome = Command::new(binaries().join("caucus"))
        .arg("--json")
        .arg("--home")
        .arg(ana.home())
        .args(["destroy", "--yes"])
        .stdin(Stdio::null())
        .output()
        .expect("caucus");
    let took = begun.elapsed();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&outcome.stdout).expect("JSON"),
        json!({"is": "destroyed", "vault": true, "agent": true, "home": true})
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!runs(pid) && !ana.home().exists());
    assert!(
        std::fs::read(&name)
            .expect("its bytes")
            .iter()
            .all(|&byte| byte == 0)
    );
    assert_eq!(ana.ask(&["destroy", "--yes"])["vault"], false);
    ana.ask(&["init"]);
}

#[test]
fn an_agent_that_hangs_or_does_not_listen_and_a_damaged_vault_are_destroyed_as_fast() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in ["hangs", "does not listen", "damaged"] {
        let ana = Person::new("ana", &{
            let at = folder.path().join(case);
            std::fs::create_dir(&at).expect("a folder");
            at
        });
        ana.ask(&["init"]);
        let pid = ana.ask(&["status"])["pid"].as_u64().expect("a process");
        match case {
            "hangs" => signal(pid, "-STOP"),
            "does not listen" => {
                std::fs::remove_file(ana.home().join("agent.sock")).expect("to remove");
            }
            _ => {
                let file = ana.home().join("vault.redb");
                let mut bytes = std::fs::read(&file).expect("the vault");
                bytes[..4096].fill(0x55);
                std::fs::write(&file, bytes).expect("to write");
            }
        }
        std::fs::write(ana.home().join("notes.txt"), "mine").expect("to write");
        let begun = Instant::now();
        let outcome = ana.run(&["--json", "destroy", "--yes"]);
        assert!(begun.elapsed() < Duration::from_secs(3), "{case}");
        assert_eq!(
            outcome.json(),
            json!({"is": "destroyed", "vault": true, "agent": true, "home": false}),
            "{case}: {outcome:?}"
        );
        assert!(!runs(pid), "{case}");
        let left: Vec<_> = std::fs::read_dir(ana.home())
            .expect("the home")
            .map(|entry| entry.expect("a file").file_name())
            .collect();
        assert_eq!(left, ["notes.txt"], "{case}");
    }
}

#[test]
fn how_long_words_are_kept_is_chosen_by_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    let shown = |default: serde_json::Value, own: serde_json::Value| json!({"is": "retention", "default": default, "rooms": [{"room": "North", "own": own, "forgotten": 0, "vanish_hours": null}]});
    assert_eq!(ana.ask(&["retention"]), shown(json!("forever"), json!(null)));
    ana.ask(&["retention", "--days", "30"]);
    assert_eq!(
        ana.ask(&["retention", "north", "--days", "7"]),
        shown(json!({"days": 30}), json!({"days": 7}))
    );
    ana.stop();
    assert_eq!(
        ana.ask(&["retention", "North"]),
        shown(json!({"days": 30}), json!({"days": 7}))
    );
    ana.ask(&["retention", "North", "--forever"]);
    assert_eq!(
        ana.ask(&["retention", "North", "--default"]),
        shown(json!({"days": 30}), json!(null))
    );
    for wrong in [
        &["retention", "--days", "0"][..],
        &["retention", "--default"],
        &["retention", "--days", "3", "--forever"],
    ] {
        assert_eq!(ana.run(wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(ana.run(&["retention", "South", "--days", "3"]).code, 10);
}

#[test]
fn a_crash_leaves_no_core_and_the_agent_says_how_its_memory_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.stop();
    let cores = folder.path().join("cores");
    std::fs::create_dir(&cores).expect("a folder");
    let mut agent = Command::new("sh")
        .args(["-c", "ulimit -c unlimited; exec \"$0\" --home \"$1\" agent"])
        .arg(binaries().join("caucus"))
        .arg(ana.home())
        .current_dir(&cores)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("an agent");
    let pid = u64::from(agent.id());
    let up = ana.until(Duration::from_secs(10), |ana| {
        ana.home().join("agent.sock").exists().then_some(())
    });
    assert!(up.is_some());
    let status = ana.ask(&["status"]);
    assert_eq!(status["pid"], pid);
    assert_eq!(status["protection"]["undumpable"], true, "{status}");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("a line");
    assert_eq!(
        core.split_whitespace().filter(|word| *word == "0").count(),
        2,
        "{core}"
    );
    let kept = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let locked = kept
        .lines()
        .find_map(|line| line.strip_prefix("VmLck:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    if let Some(locked) = locked {
        assert_eq!(
            status["protection"]["locked"].as_bool(),
            Some(locked > 0),
            "{locked} kB are locked: {status}"
        );
    }
    signal(pid, "-ABRT");
    let _ = agent.wait();
    assert_eq!(std::fs::read_dir(&cores).expect("the folder").count(), 0);
}
