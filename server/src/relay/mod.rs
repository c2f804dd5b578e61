//! The rules of channels, sans-IO.
//!
//! Every rule is a function of a [`guard::Guard`], the [`pace`] of its channel and what is asked; time and
//! randomness are arguments. Nothing here stores, sends or waits: `net` does, and asks here before.

pub mod append;
pub mod calendar;
pub mod change;
pub mod create;
pub mod cut;
pub mod drain;
pub mod guard;
pub mod hold;
pub mod open;
pub mod pace;
pub mod quota;
pub mod range;
pub mod stop;

#[cfg(test)]
mod matrix;
#[cfg(test)]
pub(crate) mod sample;
