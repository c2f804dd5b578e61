//! Published test vectors, run against the libraries as they are pinned and built here.
//!
//! [`mls`] and [`passive`] run those of the MLS working group through the public interface of the library
//! of group keys; [`primitives`] and [`kem`] run Wycheproof's against the primitives, both as we call them
//! and as the library's provider does. Each test prints what it ran and what it left out, and why. Nothing
//! here tests our own code: that a group behaves as designed is told elsewhere.

mod kem;
mod mls;
mod passive;
mod primitives;

use std::path::PathBuf;

use data_encoding::HEXLOWER_PERMISSIVE;
use openmls::prelude::Ciphersuite;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The one suite of ours for which the working group has vectors.
const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// Bytes that a vector spells in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// All vectors of a file of `tests/data/vectors`.
fn read<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data/vectors")
        .join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
