//! Relays that this person uses.

use caucus_proto::codec;
use caucus_proto::wire::{AddressError, Pass, RelayAddress};
use data_encoding::BASE32_NOPAD;

use super::answer::Answer;
use super::problem::{Code, Problem};
use super::view;
use crate::engine::{Engine, EngineError};

/// Remembers a relay, after asking it what it promises.
pub(super) async fn add(engine: &Engine, address: &str, passes: &[String]) -> Result<Answer, Problem> {
    let address = parse(address)?;
    let mut parsed = Vec::new();
    for text in passes
        .iter()
        .map(|pass| pass.trim())
        .filter(|pass| !pass.is_empty())
    {
        parsed.push(pass(text)?);
    }
    let info = engine.add_relay(&address, parsed).await?;
    Ok(Answer::Relay(view::relay(address.to_string(), &info, true)))
}

/// What a relay promises now.
pub(super) async fn info(engine: &Engine, address: Option<&str>) -> Result<Answer, Problem> {
    let default = engine.relays()?.last().map(|relay| relay.address.clone());
    let address = match address {
        Some(text) => parse(text)?,
        None => default.clone().ok_or(EngineError::NoRelay)?,
    };
    let info = engine.relay_info(&address).await?;
    let is_default = default.as_ref() == Some(&address);
    Ok(Answer::Relay(view::relay(address.to_string(), &info, is_default)))
}

pub(super) fn parse(text: &str) -> Result<RelayAddress, Problem> {
    text.parse().map_err(|error: AddressError| {
        Problem::new(
            Code::BadInput,
            format!("this is no relay address: {error}"),
            "copy the whole address as the relay prints it: caucus://KEY@HOST:PORT",
        )
    })
}

fn pass(text: &str) -> Result<Pass, Problem> {
    BASE32_NOPAD
        .decode(text.to_uppercase().as_bytes())
        .ok()
        .and_then(|bytes| codec::decode(&bytes, 64).ok())
        .ok_or_else(|| {
            Problem::new(
                Code::BadInput,
                "one of the creation passes is cut off or mistyped",
                "give them as the relay printed them, one a line",
            )
        })
}
