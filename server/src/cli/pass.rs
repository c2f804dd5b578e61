//! `pass mint`.

use caucus_proto::codec;
use caucus_proto::wire::{CreationPolicy, Pass};
use caucus_server::clock::{Clock, SystemClock};
use caucus_server::config::Config;
use caucus_server::keyfile;
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::{Cli, Failure, Home, answer, note};

const HOURS_A_DAY: u64 = 24;

pub(super) fn mint(cli: &Cli, home: &Home, config: &Config, count: u16, days: u16) -> Result<(), Failure> {
    let secret = keyfile::load(&home.data)?.pass_secret();
    let today = SystemClock::new(None).hours().0 / HOURS_A_DAY;
    let day = u32::try_from(today)
        .unwrap_or(u32::MAX)
        .saturating_add(u32::from(days));
    for _ in 0..count {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(Failure::randomness)?;
        // A pass is far below every limit of the codec.
        let bytes = codec::encode(&Pass::mint(&secret, day, nonce), codec::LIMIT).unwrap_or_default();
        let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
        answer(cli, &text, &json!({ "pass": text, "last_day": day }))?;
    }
    if config.limits.creation == CreationPolicy::Open {
        note(
            cli,
            "This relay asks nobody for a pass yet: set creation = \"pass\" under [limits] in relay.toml.",
        );
    }
    Ok(())
}
