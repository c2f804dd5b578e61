//! The machine against a slow, obvious model, and its laws one by one.

mod laws;
mod model;
mod random;
mod renewal;
mod succeed;
pub(crate) mod world;
