//! Nothing that is said, named or secret gets into what the programs log, print for debugging or complain of, at
//! the noisiest setting (case D-08).

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use caucus_tests::process::{Person, RelayProcess, binaries};

/// The forms in which a log may show bytes.
fn forms(text: &str) -> [String; 5] {
    let bytes = text.as_bytes();
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let hex = data_encoding::HEXLOWER.encode(bytes);
    // The last letters of base64 depend on what follows.
    let whole = bytes.len() - bytes.len() % 3;
    [
        text.to_owned(),
        hex.to_uppercase(),
        hex,
        decimal.join(", "),
        data_encoding::BASE64.encode(&bytes[..whole]),
    ]
}

#[test]
fn nothing_said_named_or_secret_is_in_any_log_at_the_noisiest_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("canaryana", folder.path());
    let log = folder.path().join("log");
    let file = File::create(&log).expect("a file");
    let mut agent = Command::new(binaries().join("caucus"))
        .arg("--home")
        .arg(ana.home())
        .arg("agent")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a second end"))
        .stderr(file)
        .spawn()
        .expect("an agent");
    let up = ana.until(Duration::from_secs(10), |ana| {
        ana.home().join("agent.sock").exists().then_some(())
    });
    assert!(up.is_some());
    ana.ask(&["init"]);
    assert_eq!(ana.ask(&["status"])["pid"], agent.id());
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "Canarybody", "--as", "canaryname"]);
    let said = ana.ask(&["say", "Canarybody", "canary words are said"]);
    assert_eq!(said["is"], "stored");
    let link = ana.ask(&["invite", "Canarybody"])["link"]
        .as_str()
        .expect("a link")
        .to_owned();
    ana.run(&[
        "join",
        &link,
        "--as",
        "canaryother",
        "--word",
        "canary asks",
        "--no-wait",
    ]);
    ana.run(&["say", "canary nowhere", "canary words are lost"]);
    ana.ask(&["lock"]);
    ana.run(&["unlock"]);
    ana.stop();
    assert!(agent.wait().expect("its end").success());
    let logged = std::fs::read_to_string(&log).expect("the log");
    assert!(logged.contains("The agent runs"), "it is the agent's: {logged}");
    let key = link.trim_start_matches("caucus-invite:").to_owned();
    for secret in [
        "the long passphrase of canaryana",
        "canary words are said",
        "canary words are lost",
        "canary asks",
        "canaryname",
        "Canarybody",
        "canaryother",
        &key[..24],
        &key[key.len() - 24..],
        relay.address(),
    ] {
        for form in forms(secret) {
            assert!(!logged.contains(&form), "{secret} as {form}: {logged}");
        }
    }
}
