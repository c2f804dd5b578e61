//! Every story and every check of Caucus that is not a unit test, as one binary.

mod attacks;
mod commands;
mod durable;
mod kills;
mod lies;
mod link;
mod model;
mod networks;
mod relay;
mod silent;
mod stories;
mod vectors;
