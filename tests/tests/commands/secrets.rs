//! Passphrases stand in no argument and no environment (case D-16).

use std::path::Path;

use caucus_tests::process::Person;

fn everywhere(needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").expect("/proc").flatten() {
        for file in ["cmdline", "environ"] {
            let path = process.path().join(file);
            let Ok(bytes) = std::fs::read(Path::new(&path)) else {
                continue;
            };
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn the_passphrase_is_in_no_argument_and_no_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("needleana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["lock"]);
    ana.ask(&["unlock"]);
    assert_eq!(
        everywhere(b"the long passphrase of needleana"),
        Vec::<String>::new()
    );
    // The search finds what is there: the agent's home is among its arguments.
    let home = ana.home().display().to_string();
    assert!(!everywhere(home.as_bytes()).is_empty());
}
