//! What a relay writes of its clients: nothing, however verbose it is asked to be.

use std::fs;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};

use super::{Client, Running, channel, public, text};

/// Every form in which bytes could have been printed.
fn forms(bytes: &[u8]) -> Vec<String> {
    let base32 = BASE32_NOPAD.encode(bytes);
    let debug = format!("{bytes:?}");
    let (short, middle) = (base32[..8].to_lowercase(), &debug[1..debug.len() - 1]);
    vec![
        HEXLOWER.encode(&bytes[..8]),
        BASE64.encode(bytes),
        short,
        middle.to_owned(),
    ]
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path))
        } else {
            files.push(path)
        }
    }
    files
}

#[tokio::test]
async fn the_most_verbose_log_and_the_disk_name_no_client() {
    let folder = tempfile::tempdir().unwrap();
    let loud = [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")];
    let running = Running::with(&["--data", text(folder.path())], &loud);
    let address = running.address();
    let client = Client::first(&address).await;
    for fill in 0..5 {
        client.say(fill, 1024).await.unwrap();
    }
    client.all().await;
    let wrong = client
        .connection
        .open(channel(), caucus_proto::wire::Role::Control, &super::secret(7))
        .await;
    assert!(wrong.is_err());
    let (status, err) = tokio::task::spawn_blocking(|| running.stop()).await.unwrap();
    assert!(status.success(), "{err}");
    assert!(err.contains("the relay runs"), "there is a log: {err}");
    let key = fs::read(folder.path().join("relay.key")).unwrap();
    let secrets = [
        public(1),
        public(2),
        public(3),
        public(7),
        public(80),
        channel().0,
        [2; 32],
        [3; 32],
    ];
    let mut words: Vec<_> = secrets.iter().flat_map(|bytes| forms(bytes)).collect();
    // The secret of a key lies at its end.
    words.extend(forms(&key[key.len() - 32..]));
    words.extend(["127.0.0.1".to_owned(), address.port.to_string()]);
    for word in &words {
        assert!(!err.contains(word.as_str()), "{word} in {err}");
    }
    // What is on the disk names channels and their keys, which it must, and no place on the network.
    for file in files(folder.path()) {
        let bytes = fs::read(&file).unwrap();
        for word in [b"127.0.0.1".as_slice(), &[127, 0, 0, 1]] {
            let named = bytes.windows(word.len()).any(|window| window == word);
            assert!(!named, "{}", file.display());
        }
    }
}
