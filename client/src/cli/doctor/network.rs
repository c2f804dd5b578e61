//! The relays: reached or not, and with the key that their addresses name.

use super::super::session::Session;
use super::{broken, ok, warning};
use crate::app::{Answer, Check, Code, Intent, Status, VaultWord};

pub(super) fn look(session: &mut Session, status: Option<&Status>, checks: &mut Vec<Check>) {
    let Some(status) = status.filter(|status| status.vault == VaultWord::Open) else {
        checks.push(ok(
            "relays",
            "not looked at: which they are stands in the vault; `caucus unlock` and look again",
        ));
        return;
    };
    if status.relays.is_empty() {
        checks.push(ok("relays", "none yet: `caucus relay add ADDRESS` adds one"));
    }
    for relay in &status.relays {
        let address = relay.address.clone();
        let place = address.rsplit('@').next().unwrap_or_default().to_owned();
        let asked = session.ask_as_it_is(&Intent::RelayInfo {
            address: Some(address),
        });
        let what = "relay";
        checks.push(match asked {
            Ok(Answer::Relay(info)) if info.store == "memory" => warning(
                what,
                format!("{place} answers with the right key, but a restart of it forgets everything"),
                "use it for tests only",
            ),
            Ok(Answer::Relay(info)) => ok(
                what,
                format!("{place} answers with the right key ({})", info.software),
            ),
            Ok(_) => broken(
                what,
                format!("{place}: an answer that does not belong here"),
                "report it",
            ),
            Err(failure) => unreached(what, &place, failure.code(), &failure.words()),
        });
    }
}

fn unreached(what: &str, place: &str, code: Option<Code>, words: &str) -> Check {
    match code {
        Some(Code::WrongRelayKey) => broken(
            what,
            format!("{place}: another key answers than the address names"),
            "nothing was sent. Ask whoever runs it: it was set up anew, or somebody stands between",
        ),
        Some(Code::Unreachable) => broken(
            what,
            format!("{place} does not answer: {words}"),
            format!(
                "it is down, or UDP to {place} is blocked on the way: try another network; what you say waits here"
            ),
        ),
        _ => warning(
            what,
            format!("{place}: {words}"),
            "try again; ask whoever runs it",
        ),
    }
}
