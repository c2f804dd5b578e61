//! Acknowledged means on the disk: the real relay with a disk that fails, is slow, or is cut off from it by a kill.
//! `docs/durability.md` says what is played and what is not.

mod history;
mod inject;
mod kills;
mod powercut;

use std::net::SocketAddr;
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use caucus_proto::wire::{Entry, RelayAddress};
use caucus_tests::bench::client::Dialler;
use caucus_tests::process::RelayProcess;

const ENTRY: usize = 1024;

/// No rate holds anybody up.
const CONFIG: &str = "[limits]
appends_per_second = 1000000
channel_appends_per_second = 1000000
creates_per_second = 1000000
opens_per_second = 1000000
";

/// An entry that tells who wrote it and which of theirs it is.
fn entry(author: u32, number: u64) -> Bytes {
    let mut bytes = BytesMut::zeroed(0);
    bytes.put_u32(author);
    bytes.put_u64(number);
    bytes.resize(ENTRY, 7);
    bytes.freeze()
}

/// Who wrote an entry, and which of theirs it is.
fn written(entry: &Entry) -> (u32, u64) {
    let (author, rest) = entry.bytes.split_first_chunk().unwrap();
    let (number, _) = rest.split_first_chunk().unwrap();
    (u32::from_be_bytes(*author), u64::from_be_bytes(*number))
}

fn configured(data: &Path) {
    std::fs::create_dir_all(data).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(data, mode).unwrap();
    std::fs::write(data.join("relay.toml"), CONFIG).unwrap();
}

/// Clients of the relay of this address.
fn clients(address: &str, connections: usize) -> Dialler {
    let place: SocketAddr = address.rsplit_once('@').unwrap().1.parse().unwrap();
    let address: RelayAddress = address.parse().unwrap();
    Dialler::relay(&address, place, connections)
}

/// Everything in a channel of a relay that runs now.
async fn everything(relay: &RelayProcess, channel: u32) -> Vec<Entry> {
    let mut reader = clients(relay.address(), 1).dial(0, channel, false).await;
    reader.entries(channel, 0).await.unwrap()
}
