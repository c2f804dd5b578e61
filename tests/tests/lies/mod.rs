//! Relays that lie: what they do is noticed at the first head, heartbeat or entry that crosses, kept with its evidence,
//! never merged, said in words; and everything goes on by itself once the right log is shown again.

mod branches;
mod bulletin;
mod gaps;
mod replay;
mod scene;
mod setback;
mod tail;

use crate::networks::virtually;
