//! `info`: what this relay promises, as clients are told.

use caucus_proto::wire::{CreationPolicy, Retention, StoreKind};
use caucus_server::config::{Config, StoreChoice};
use serde_json::json;

use super::{Cli, Failure, answer};

const MIB: u64 = 1 << 20;

pub(super) fn info(cli: &Cli, config: &Config) -> Result<(), Failure> {
    let store = match config.store {
        StoreChoice::Disk => StoreKind::Disk,
        StoreChoice::Memory => StoreKind::Memory,
    };
    let info = config.limits.info(store);
    let kept = match store {
        StoreKind::Memory => "in memory: a restart forgets everything",
        _ => "on the disk, flushed before it is acknowledged",
    };
    let creation = match info.creation {
        CreationPolicy::Open => "anyone may make a channel",
        CreationPolicy::Pass => "a channel needs a pass (`caucus-relay pass mint`)",
    };
    let versions: Vec<_> = info.versions.iter().map(u16::to_string).collect();
    let text = format!(
        "software    {}\n\
         protocol    version {}\n\
         entries     {kept}\n\
         life        plain entries at most {}, flagged ones {}\n\
         a channel   holds {} entries, {} MiB\n\
         writes      {} a second and handle; advances {} ms apart\n\
         creation    {creation}",
        info.software,
        versions.join(", "),
        days(info.plain),
        days(info.flagged),
        info.channel_entries,
        info.channel_bytes / MIB,
        info.appends_per_second,
        info.advance_interval_ms,
    );
    let value = json!({
        "software": info.software,
        "versions": info.versions,
        "store": match store { StoreKind::Memory => "memory", _ => "disk" },
        "plain_hours": info.plain.hours(),
        "flagged_hours": info.flagged.hours(),
        "channel_entries": info.channel_entries,
        "channel_bytes": info.channel_bytes,
        "appends_per_second": info.appends_per_second,
        "advance_interval_ms": info.advance_interval_ms,
        "creation": match info.creation { CreationPolicy::Open => "open", CreationPolicy::Pass => "pass" },
    });
    answer(cli, &text, &value)
}

fn days(life: Retention) -> String {
    match life.hours() / 24 {
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    }
}
