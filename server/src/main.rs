//! `caucus-relay`: a QUIC server of channels.

fn main() {}
