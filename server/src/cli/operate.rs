//! `reload` and `delete`: asked of the relay that runs, or done where none does.

use caucus_proto::id::ChannelId;
use caucus_server::control::{self, Reply, Request};
use caucus_server::store::{Store, StoreError};
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::run::stopped;
use super::{Cli, Failure, Home, answer};

pub(super) fn reload(cli: &Cli, home: &Home) -> Result<(), Failure> {
    // What is wrong with the file is told in full here.
    home.filed()?;
    let asked = control::ask(&home.data, &Request::Reload).map_err(|error| Failure::control(&error))?;
    let later = match asked {
        Some((Reply::Reloaded { later }, _)) => later,
        Some((reply, _)) => return Err(Failure::reply(&reply)),
        None => return Err(Failure::not_running(&home.data)),
    };
    let mut text = "The limits are in force.".to_owned();
    if !later.is_empty() {
        text = format!("{text} Only after a restart: {}.", later.join(", "));
    }
    answer(cli, &text, &json!({ "reloaded": true, "after_restart": later }))
}

pub(super) fn delete(cli: &Cli, home: &Home, channel: &str, yes: bool) -> Result<(), Failure> {
    let bytes = BASE32_NOPAD.decode(channel.trim().to_uppercase().as_bytes());
    let id = bytes.ok().and_then(|bytes| ChannelId::from_slice(&bytes));
    let id = id.ok_or_else(|| Failure::no_channel(channel))?;
    if !yes {
        return Err(Failure::unconfirmed());
    }
    let asked = control::ask(&home.data, &Request::Delete { channel: id });
    let existed = match asked.map_err(|error| Failure::control(&error))? {
        Some((Reply::Deleted { existed }, _)) => existed,
        Some((reply, _)) => return Err(Failure::reply(&reply)),
        None => delete_here(home, id)?,
    };
    let text = if existed {
        "The channel is deleted. Its sealed entries leave the disk as their days end."
    } else {
        "There is no such channel here."
    };
    answer(cli, text, &json!({ "deleted": existed }))
}

fn delete_here(home: &Home, channel: ChannelId) -> Result<bool, Failure> {
    let (runtime, store) = stopped(home)?;
    let deleted = runtime.block_on(async {
        let existed = store.guard(channel).await?.is_some();
        store.delete(channel).await?;
        store.close().await?;
        Ok::<_, StoreError>(existed)
    });
    Ok(deleted?)
}
