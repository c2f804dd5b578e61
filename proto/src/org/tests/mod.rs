//! The machine against a slow, obvious model, and its laws one by one.

mod laws;
mod model;
mod random;
mod renewal;
pub(crate) mod world;
