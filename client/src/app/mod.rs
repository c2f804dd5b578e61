//! Intents in, read models out: the only door for every face. It knows nothing of terminals, sockets or pages.

mod answer;
#[allow(clippy::module_inception)] // The noun of this folder is the noun of its main file.
mod app;
mod body;
mod explain;
mod find;
mod intent;
mod membership;
mod problem;
mod relays;
mod status;
mod talk;
mod view;

pub use answer::{
    Answer, DecidedView, InviteView, JoinStage, JoinView, MessageKind, MessageView, PersonView, RelayState,
    RelayView, RequestView, RoomState, RoomView, Status, VaultWord,
};
pub use app::{App, IDLE_MINUTES};
pub use intent::{Intent, KindWord, Secret, SuiteWord};
pub use problem::{Code, Problem};
pub use talk::Follow;

pub use crate::vault::Cost;
