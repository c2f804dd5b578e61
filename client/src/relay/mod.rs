//! Connections to relays.
