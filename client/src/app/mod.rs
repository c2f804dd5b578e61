//! Intents in, read models out: the only door for every face. It knows nothing of terminals, sockets or pages.

mod acquaintance;
mod alike;
mod answer;
#[allow(clippy::module_inception)] // The noun of this folder is the noun of its main file.
mod app;
mod attachments;
mod body;
mod changes;
mod convene;
mod decision;
mod direct;
mod directives;
mod explain;
mod export;
mod feed;
mod find;
mod forward;
mod heard;
mod inbox;
mod intent;
mod isolation;
mod issue;
mod keep;
mod liaison;
mod links;
mod meetings;
mod membership;
mod mentions;
mod merge;
mod minutes;
mod notify;
mod offices;
mod own;
mod principles;
mod problem;
mod proposals;
mod relays;
mod relocate;
mod remarks;
mod reminders;
mod retention;
mod returning;
mod search;
mod standing;
mod status;
mod successor;
mod talk;
mod view;

pub use answer::{
    AcceptanceView, Answer, Check, ContradictionView, DecidedView, InboxItem, InviteView, JoinStage,
    JoinView, MessageKind, MessageView, OfficeView, PersonView, PrinciplesView, ProtectionView, RelayState,
    RelayView, RemovedView, RequestView, RetentionView, RoomState, RoomView, RosterView, Status,
    SuccessorView, SuccessorWord, TextView, VaultWord, Verdict,
};
pub use app::{App, IDLE_MINUTES, Telling};
pub use attachments::{AttachmentView, size as file_size};
pub use convene::MeetingAct;
pub use decision::{
    AmendmentView, BallotWord, HolderView, MethodWord, OfficeLine, OutcomeView, PollView, PowerLine,
    ProposalView, ResultView, StepWord, SubjectWord, WordView,
};
pub use direct::DirectView;
pub use directives::{AnswerWord, BoardRow, BoardView, DirectiveView, RaiseWord, RaisedView, SumView};
pub use export::{FileView, row as csv_row, verify};
pub use feed::{FeedWord, FileLine, ItemView, SourceView};
pub use intent::{DraftWord, ExportWord, Intent, Keep, KindWord, Secret, SuiteWord};
pub use issue::{FieldWord, FormField, ItemWord, PriorityWord};
pub use keep::{destroy, examine};
pub use liaison::{IntroducedView, IntroductionView};
pub use links::{EdgeView, LinkView, NodeView, OfferView, SendsWord};
pub use meetings::{HandsView, MeetingView, MeetingWord, MinutesView, PointView};
pub use notify::Bell;
pub use problem::{Code, Problem};
pub use relocate::{CopyView, PlaceView};
pub use remarks::{MarkView, QuoteView, RemarkWord, RemarksView};
pub use search::{HitView, PieceView};
pub use status::protect;
pub use talk::Follow;

pub use crate::relay::Sockets;
pub use crate::vault::Cost;
