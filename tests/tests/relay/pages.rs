//! Completions and manual pages: they need neither key nor folder.

use std::process::Command;

use super::{fails, relay, text};

#[test]
fn the_relay_writes_completions_for_every_shell_and_a_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = relay(&["completions", shell]);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{shell}");
        for word in ["caucus-relay", "export", "mint", "completions"] {
            assert!(outcome.out.contains(word), "{shell}: {word}");
        }
    }
    let script = folder.path().join("script");
    std::fs::write(&script, relay(&["completions", "bash"]).out).unwrap();
    assert!(
        Command::new("bash")
            .arg("-n")
            .arg(&script)
            .status()
            .unwrap()
            .success()
    );
    let pages = folder.path().join("man/man1");
    assert_eq!(relay(&["man", text(&pages)]).code, 0);
    for name in [
        "caucus-relay.1",
        "caucus-relay-run.1",
        "caucus-relay-key-export.1",
    ] {
        let page = std::fs::read_to_string(pages.join(name)).unwrap();
        assert!(
            page.starts_with(".ie") && page.contains("caucus-relay"),
            "{name}: {page}"
        );
    }
    let example = std::fs::read_to_string(pages.join("caucus-relay-run.1")).unwrap();
    assert!(example.contains("Example"), "{example}");
    fails(1, &["man", text(&script)], "pages");
}
