//! The rules of channels, sans-IO.

pub mod guard;
