//! Caucus.
