//! Stories that need both sides.

mod link;
