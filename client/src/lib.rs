//! Caucus for one person: an agent that holds the open vault and the connections, and the faces over it.
//!
//! Arrows never point back: faces (`cli`, `agent`) import `app`; `app` imports `engine`; `engine` joins `mls`,
//! `vault` and `relay`. Everything may import `caucus_proto`, `calendar` and `charter`.

pub mod agent;
pub mod app;
pub mod calendar;
pub mod charter;
pub mod cli;
pub mod clock;
pub mod engine;
pub mod mls;
pub mod process;
pub mod relay;
pub mod vault;
