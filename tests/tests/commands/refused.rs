//! Case M-20: somebody whom the relay refuses is told so in words, keeps what they said, and is served again later.

use std::time::Duration;

use caucus_tests::attack::{Siege, Stranger, windows};
use caucus_tests::process::Person;

#[test]
fn somebody_whom_the_relay_turns_away_is_told_so_and_loses_nothing() {
    let mut siege = Siege::with("connections = 1\nretry_above = 1");
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", siege.relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    let said = ana.ask(&["say", "North", "while it lasts"]);
    assert_eq!(said["is"], "stored");
    // The relay starts again, and somebody else has its one place first.
    siege.relay.kill();
    siege.relay.start_again();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let address = siege.address();
    let other = runtime.block_on(async {
        loop {
            let come = Stranger::come(&address, [127, 0, 0, 9].into(), windows(1 << 20, 1 << 18)).await;
            if let Ok(other) = come {
                return other;
            }
            // Ana was quicker; the relay is started until she is not.
            siege.relay.kill();
            siege.relay.start_again();
        }
    });
    let told = ana.until(Duration::from_secs(60), |ana| {
        let doctor = ana.run(&["--json", "doctor"]).json();
        let line = doctor["checks"]
            .as_array()?
            .iter()
            .find(|check| check["what"] == "relay")?
            .clone();
        let found = line["found"].as_str()?.to_owned();
        found
            .contains("turns connections away")
            .then_some((found, line["next"].clone()))
    });
    let (found, next) = told.unwrap_or_else(|| panic!("{:?}", ana.run(&["doctor"])));
    assert!(next.is_string(), "{found}");
    let waits = ana.run(&["--json", "say", "North", "it waits"]);
    assert_ne!(waits.json()["is"], "stored", "{waits:?}");
    let status = ana.ask(&["status"]).to_string();
    assert!(status.contains("turns connections away"), "{status}");
    // Whoever runs the relay has room again.
    drop(other);
    runtime.shutdown_timeout(Duration::from_secs(2));
    siege.relay.kill();
    siege.relay.start_again();
    let sent = ana.until(Duration::from_secs(90), |ana| {
        let rooms = ana.ask(&["rooms"]);
        (rooms["rooms"][0]["unsent"] == 0).then_some(())
    });
    assert!(sent.is_some(), "{:?}", ana.run(&["status"]));
    assert_eq!(ana.said("North").len(), 2);
}
