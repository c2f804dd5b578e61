//! Intents in, read models out: the only door for every face. It knows nothing of terminals, sockets or pages.

mod answer;
mod intent;
mod problem;

pub use answer::{
    Answer, DecidedView, InviteView, JoinStage, JoinView, MessageKind, MessageView, PersonView, RelayState,
    RelayView, RequestView, RoomState, RoomView, Status, VaultWord,
};
pub use intent::{Intent, KindWord, Secret, SuiteWord};
pub use problem::{Code, Problem};
