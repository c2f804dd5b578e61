//! What people get wrong, and what goes wrong around them: each has a clear answer, and nothing is lost.

use std::process::Command;
use std::time::Duration;

use caucus_tests::process::{Outcome, Person, RelayProcess};

fn told(outcome: &Outcome, code: i32) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    let lines: Vec<&str> = outcome.err.lines().collect();
    assert!(
        lines.first().is_some_and(|line| line.starts_with("caucus: ")),
        "{outcome:?}"
    );
    assert!(
        lines.iter().any(|line| line.trim_start().starts_with("next: ")),
        "{outcome:?}"
    );
    assert!(outcome.out.is_empty(), "{outcome:?}");
}

#[test]
fn every_mistake_has_its_exit_code_and_says_what_to_do_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    told(&ana.run(&["rooms"]), 7);
    ana.ask(&["init"]);
    told(&ana.run(&["init"]), 8);
    told(&ana.run(&["found", "cell", "North"]), 10);
    told(&ana.run(&["relay", "add", "caucus://nonsense"]), 4);
    told(&ana.run(&["relay", "add", "caucus-invite:AAAA"]), 4);
    let dead = relay.address().replace("127.0.0.1:", "127.0.0.1:1");
    assert_ne!(dead, relay.address());
    ana.ask(&["relay", "add", relay.address()]);
    let (key, place) = relay.address().split_once('@').expect("an address");
    let flipped = key.chars().rev().collect::<String>();
    let other: String = flipped.chars().take(52).collect();
    let wrong = ana.run(&[
        "relay",
        "add",
        &format!("caucus://{}@{place}", other.replace(['/', ':'], "a")),
    ]);
    assert!([4, 13].contains(&wrong.code), "{wrong:?}");
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    told(&ana.run(&["say", "South", "x"]), 10);
    told(&ana.run(&["say", "North/attic", "x"]), 10);
    told(&ana.run(&["people", "South"]), 10);
    told(&ana.run(&["admit", "99"]), 10);
    told(&ana.run(&["join", "caucus-invite:cut-off", "--as", "x"]), 4);
    told(&ana.run(&["join", relay.address(), "--as", "x"]), 4);
    told(&ana.run(&["leave", "North", "--yes"]), 11);
    assert_eq!(ana.run(&["fly"]).code, 2);
    ana.ask(&["lock"]);
    let locked = Command::new(caucus_tests::process::binaries().join("caucus"))
        .arg("--home")
        .arg(ana.home())
        .args(["rooms"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("caucus");
    assert_eq!(
        locked.status.code(),
        Some(5),
        "{}",
        String::from_utf8_lossy(&locked.stderr)
    );
}

#[test]
fn an_agent_that_is_killed_loses_nothing_and_the_next_command_starts_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    for round in 0..3 {
        ana.ask(&["say", "North", &format!("round {round}")]);
        let pid = ana.ask(&["status"])["pid"].as_u64().expect("a process");
        let killed = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .expect("kill");
        assert!(killed.success());
        let again = ana.until(Duration::from_secs(20), |ana| {
            let outcome = ana.run(&["--json", "status"]);
            (outcome.code == 0 && outcome.json()["pid"] != pid).then_some(())
        });
        assert!(again.is_some(), "no agent came back");
    }
    ana.ask(&["say", "North", "still here"]);
    assert_eq!(ana.said("North").len(), 4);
}

#[test]
fn a_second_agent_on_one_home_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    let second = ana.run(&["agent"]);
    told(&second, 16);
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ana"), b"a file where the home should be").expect("a file");
    let ana = Person::new("ana", folder.path());
    let outcome = ana.run(&["init"]);
    assert!([9, 16].contains(&outcome.code), "{outcome:?}");
    assert!(outcome.err.contains("next: "), "{outcome:?}");
    assert_eq!(
        std::fs::read(folder.path().join("ana")).expect("the file"),
        b"a file where the home should be"
    );
}

#[test]
fn words_of_others_cannot_move_a_cursor() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    told(&ana.run(&["found", "cell", "No\u{1b}[2Jrth", "--as", "ana"]), 4);
    told(&ana.run(&["found", "cell", "North", "--as", "an\u{202e}a"]), 4);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    ana.ask(&[
        "say",
        "North",
        "a\u{1b}]0;title\u{7}\u{9b}31m\u{202e}b\u{200b}\r\nc",
    ]);
    for arguments in [&["read", "North"][..], &["--json", "read", "North"][..]] {
        let outcome = ana.run(arguments);
        assert_eq!(outcome.code, 0);
        let bad = outcome.out.chars().find(|c| {
            (c.is_control() && *c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        });
        assert_eq!(bad, None, "{outcome:?}");
    }
}

#[test]
fn a_link_that_leads_into_a_private_network_is_followed_only_where_its_relay_was_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path()).that_is_wary();
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    let invited = ana.ask(&["invite", "North"]);
    let link = invited["link"].as_str().expect("a link");

    let ben = Person::new("ben", folder.path()).that_is_wary();
    ben.ask(&["init"]);
    let refused = ben.run(&["join", link, "--as", "ben", "--no-wait"]);
    told(&refused, 12);
    let next = format!("`caucus relay add {}`", relay.address());
    assert!(refused.err.contains("private network"), "{refused:?}");
    assert!(refused.err.contains(&next), "{refused:?}");
    assert_eq!(ben.ask(&["joins"])["joins"].as_array().map(Vec::len), Some(0));

    ben.ask(&["relay", "add", relay.address()]);
    ben.ask(&["join", link, "--as", "ben", "--no-wait"]);
    // It is known after a start too.
    ben.ask(&["agent", "--stop"]);
    let joins = ben.ask(&["joins"]);
    assert_eq!(joins["joins"].as_array().map(Vec::len), Some(1));
    let begun = std::time::Instant::now();
    while ana.ask(&["requests"])["requests"].as_array().map(Vec::len) != Some(1) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no request comes");
        std::thread::sleep(Duration::from_millis(50));
    }
    for person in [&ana, &ben] {
        person.ask(&["agent", "--stop"]);
    }
}
