//! Client and relay.
