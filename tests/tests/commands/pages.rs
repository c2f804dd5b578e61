//! Completions and manual pages.

use std::process::Command;

use caucus_tests::process::Person;

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = ana.run(&["completions", shell]);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{shell}");
        for word in ["retention", "passphrase-file", "doctor"] {
            assert!(outcome.out.contains(word), "{shell}: {word}");
        }
    }
    let script = folder.path().join("script");
    std::fs::write(&script, ana.run(&["completions", "bash"]).out).expect("to write");
    let whole = Command::new("bash")
        .arg("-n")
        .arg(&script)
        .status()
        .expect("bash");
    assert!(whole.success());
    let json = ana.ask(&["completions", "fish"]);
    assert!(
        json["script"]
            .as_str()
            .is_some_and(|text| text.contains("complete -c caucus"))
    );

    let pages = folder.path().join("man/man1");
    let told = ana.ask(&["man", pages.to_str().expect("a path")]);
    let named = told["pages"].as_array().expect("pages").clone();
    for page in ["caucus.1", "caucus-backup.1", "caucus-relay-add.1"] {
        assert!(named.contains(&page.into()), "{page}: {named:?}");
    }
    for name in &named {
        let page = std::fs::read_to_string(pages.join(name.as_str().expect("a name"))).expect("a page");
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{name}"
        );
    }
    let page = std::fs::read_to_string(pages.join("caucus-destroy.1")).expect("a page");
    assert!(
        page.contains("caucus destroy") && page.contains("Example"),
        "{page}"
    );
    assert_eq!(ana.run(&["man", script.to_str().expect("a path")]).code, 4);
    assert!(!ana.home().exists(), "no agent is started for it");
}
