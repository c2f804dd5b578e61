//! What went wrong, as a person gets it: what happened, then what to do next.

use caucus_proto::org::Denied;
use caucus_proto::wire::RefusedBecause;

use super::forward::TOLD_TWICE;
use super::problem::{Code, Problem};
use crate::engine::EngineError;
use crate::mls::MlsError;
use crate::relay::{LinkError, Unreachable};
use crate::vault::VaultError;

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        let message = error.to_string();
        match error {
            VaultError::WrongPassphrase => Self::new(Code::WrongPassphrase, message, "try again"),
            VaultError::EmptyPassphrase => Self::new(Code::BadInput, message, "choose a passphrase"),
            VaultError::Taken | VaultError::NoFolder | VaultError::NoBackup | VaultError::Unreadable => {
                Self::new(Code::BadInput, message, "give the path of another file")
            }
            VaultError::Missing => Self::new(Code::NoVault, message, "make one with `caucus init`"),
            VaultError::Exists => Self::new(
                Code::VaultExists,
                message,
                "open it with `caucus unlock`, or choose another folder with --home",
            ),
            VaultError::InUse => Self::new(
                Code::Vault,
                message,
                "another agent has it: end that one with `caucus agent --stop`, or use it",
            ),
            VaultError::Newer { .. } => Self::new(
                Code::Vault,
                message,
                "install the newer program; nothing was changed",
            ),
            VaultError::Full => Self::new(
                Code::Vault,
                message,
                "free some space and try again; nothing that was acknowledged is lost",
            ),
            VaultError::ReadOnly => Self::new(
                Code::Vault,
                message,
                "make the folder writable, or choose another with --home",
            ),
            VaultError::Memory { .. } => Self::new(Code::Vault, message, "end other programs and try again"),
            VaultError::NotPlain(_) | VaultError::Exposed(_) => Self::new(
                Code::Vault,
                message,
                "somebody may have tampered with the folder: look at it before going on, or choose another with --home",
            ),
            VaultError::Damaged(_) => Self::new(
                Code::Vault,
                message,
                "do not go on writing to it: move the folder away and put a backup in place with `caucus restore FILE`",
            ),
            VaultError::Cost { .. }
            | VaultError::TooLarge { .. }
            | VaultError::Randomness
            | VaultError::Failed(_) => Self::new(
                Code::Vault,
                message,
                "look at the disk and the system, then try again",
            ),
        }
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        let message = error.to_string();
        match error {
            LinkError::WrongKey => Self::new(
                Code::WrongRelayKey,
                message,
                "nothing was sent. Ask whoever runs the relay for its address: either it has changed or somebody stands between",
            ),
            LinkError::Unreachable {
                why: Unreachable::Private | Unreachable::Nowhere,
            } => Self::new(
                Code::Unreachable,
                message,
                "nothing was sent there. If you know whose relay it is, add it yourself: `caucus relay add ADDRESS`",
            ),
            LinkError::Unreachable { .. } | LinkError::Lost { .. } | LinkError::Timeout { .. } => Self::new(
                Code::Unreachable,
                message,
                "check the network and the relay's address (`caucus status`), then try again",
            ),
            LinkError::Draining { .. } => Self::new(Code::Unreachable, message, "try again in a moment"),
            LinkError::Version { .. } => Self::new(
                Code::RelayRefused,
                message,
                "install the newer of the two programs on the other side",
            ),
            LinkError::Refused(because) => Self::new(Code::RelayRefused, message, next_of(because)),
            LinkError::Peer { .. } => Self::new(
                Code::RelayRefused,
                message,
                "this is no relay, or a broken one: use another",
            ),
            LinkError::Misuse(_) => Self::new(Code::BadInput, message, "make it smaller"),
        }
    }
}

fn next_of(because: RefusedBecause) -> &'static str {
    match because {
        RefusedBecause::NotOpened => {
            "it has ended, or the keys have turned: ask for a new link, or look at `caucus rooms`"
        }
        RefusedBecause::PassWanted => {
            "ask whoever runs the relay for creation passes and add them with `caucus relay add ADDRESS --passes FILE`"
        }
        RefusedBecause::PassRefused => "ask for new creation passes",
        RefusedBecause::TooFast { .. } | RefusedBecause::Held { .. } => "try again in a moment",
        RefusedBecause::ChannelFull => "wait until older messages expire",
        RefusedBecause::RelayFull | RefusedBecause::StoreFailed => "tell whoever runs the relay",
        _ => "install the newest program on both sides; if it stays so, report it",
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Vault(error) => error.into(),
            EngineError::File(error) => error.into(),
            EngineError::Relay(error) => error.into(),
            EngineError::Mls(MlsError::Storage(error)) => error.into(),
            EngineError::Denied(Denied::ByPoll) => Self::new(
                Code::Denied,
                message,
                "`caucus propose link BODY` proposes a link, `caucus propose directive BODY NUMBER` that a directive is adopted",
            ),
            EngineError::Denied(
                Denied::NotNext | Denied::DirectiveOver | Denied::NoDirective | Denied::Form,
            ) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "`caucus directives list --all` shows how far each is; it is acknowledged, adopted, carried out, then reported on",
            ),
            EngineError::Denied(
                Denied::NoLink | Denied::LinkOver | Denied::NotInTerms | Denied::LinkedAlready,
            ) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "`caucus link list BODY` shows its links, and what each side may send",
            ),
            EngineError::Denied(Denied::NotYourWords | Denied::NoMessage | Denied::OfDecision) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "see what stands there with `caucus read ROOM`, and answer it with `caucus reply`",
            ),
            EngineError::Denied(Denied::TooManyPins | Denied::PinnedSo) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "see what is pinned with `caucus pins ROOM`",
            ),
            EngineError::Denied(Denied::TooManyMarks) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "take a mark away with `caucus react ROOM NUMBER MARK --off`",
            ),
            EngineError::Denied(Denied::Vanishing) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "see how it is with `caucus vanish ROOM`",
            ),
            EngineError::Denied(Denied::NotForAll) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "`caucus feed show` shows what holds; what another body asked of yours alone, say in your own words with `caucus announce`",
            ),
            EngineError::Denied(_) => Self::new(
                Code::Denied,
                format!("not allowed: {message}"),
                "see who may do what with `caucus powers BODY`",
            ),
            EngineError::Link(_) => Self::new(
                Code::BadInput,
                message,
                "copy the whole link, from `caucus-invite:` or `caucus-link:` to its last character",
            ),
            EngineError::Name(_) => Self::new(Code::BadInput, message, "choose another name"),
            EngineError::NotFound { what, .. } => Self::new(
                Code::NotFound,
                message,
                match what {
                    "message" => {
                        "see their numbers with `caucus read ROOM`; what happened, or is gone, is no message"
                    }
                    "file" => "see which there are with `caucus files ROOM`",
                    "person" => "see who is there with `caucus people BODY`",
                    "request" => "see what waits with `caucus requests`",
                    "invite" => "see what is open with `caucus invites BODY`",
                    "announcement" => "see which there are with `caucus feed show --all`",
                    "report" => "see what was reported with `caucus directives board BODY`",
                    "linked body" => "see which there are with `caucus link list BODY`",
                    _ => "see what there is with `caucus rooms`",
                },
            ),
            EngineError::Ambiguous {
                what: "linked body", ..
            } => Self::new(
                Code::BadInput,
                message,
                "use its number instead, as `caucus link list BODY` shows it",
            ),
            EngineError::Ambiguous { what: TOLD_TWICE, .. } => Self::new(
                Code::Denied,
                message,
                "those who forward it do not say the same: ask that body itself, or link with it with `caucus link offer`",
            ),
            EngineError::Ambiguous { .. } => Self::new(
                Code::BadInput,
                message,
                "use the first letters of its id instead, as `caucus rooms --json` shows them",
            ),
            EngineError::Contradicted(lie) => Self::new(Code::RoomState, message, lie.next()),
            EngineError::RoomState(_) => Self::new(Code::RoomState, message, "see `caucus status`"),
            EngineError::NoRelay => Self::new(
                Code::NotFound,
                message,
                "add one with `caucus relay add caucus://...` (whoever runs it has the address)",
            ),
            EngineError::TooLarge(_) => Self::new(Code::BadInput, message, "make it shorter"),
            EngineError::Blob(_) | EngineError::Seal(_) | EngineError::Mls(_) | EngineError::Random => {
                Self::new(Code::Internal, message, "try again; if it stays so, report it")
            }
        }
    }
}
