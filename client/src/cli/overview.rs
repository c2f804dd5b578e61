//! `caucus` alone: what there is, and how to begin.

use super::console::{bold, dim, plain};
use super::failure::Failure;
use super::session::Session;

const FIRST: [(&str, &str); 6] = [
    ("caucus init", "make your vault"),
    (
        "caucus relay add ADDRESS",
        "tell it of a relay (whoever runs one has its address)",
    ),
    ("caucus found cell \"North\"", "found a cell"),
    (
        "caucus invite North",
        "make a link for the next person; they run `caucus join`",
    ),
    ("caucus admit --all", "let in who asks"),
    (
        "caucus say North \"Hello\"",
        "talk; `caucus read North --follow` listens",
    ),
];

const GROUPS: [(&str, &[(&str, &str)]); 6] = [
    (
        "Talk",
        &[
            ("say ROOM TEXT", "say something"),
            ("read ROOM", "read, and follow"),
            (
                "send-file ROOM FILE",
                "send a file; it goes on where it broke off",
            ),
            ("files, get-file", "which files were sent; fetch one"),
            ("reply, react", "answer a message; mark it"),
            ("edit, unsay", "say a message of yours otherwise; delete it"),
            ("pin, pins", "pin messages for everybody"),
            ("search WORDS", "find what was said"),
            ("draft ROOM", "keep what you want to say later"),
            ("mark, mute", "a room counts as read; is quiet"),
            ("vanish ROOM", "let what is said vanish after a time"),
            ("rooms", "the rooms you are in"),
            ("dm BODY NAME", "talk alone with somebody of a body"),
            ("open BODY ROOM", "open another room of a body"),
            ("meeting", "call and hold meetings, write their minutes"),
        ],
    ),
    (
        "People",
        &[
            ("inbox", "what waits for you"),
            ("people BODY", "who is there and what they may do"),
            ("charter", "a body's rules; a draft of your own"),
            ("principles", "a body's points of unity: read, accept, set"),
            ("vouch BODY NAME", "give your word for somebody"),
            ("promote, demote", "take somebody into the next stage, or back"),
            ("suspend, lift", "begin a review of somebody, and end it"),
            ("handover BODY OFFICE", "hand an office to the next in line"),
            ("verify BODY NAME", "compare codes with somebody"),
            ("renew BODY NAME", "let a device back in that asks for it"),
            ("rekey BODY", "change the key of your persona"),
            ("remove BODY NAME", "remove somebody"),
            ("body", "where a body lies; move it to another relay"),
            ("successor BODY", "go on where the channel is gone or hostile"),
            ("leave BODY", "leave"),
        ],
    ),
    (
        "Deciding",
        &[
            ("propose", "propose words, people, offices, rules"),
            ("proposals [BODY]", "what is proposed, voted on, decided"),
            ("proposal", "read, discuss, support, amend one"),
            ("poll", "put one to the vote; close the vote"),
            ("vote", "vote"),
            ("offices", "who holds what until when, and who is next"),
            ("powers BODY", "who may do what now, and why"),
            ("export", "decisions, minutes, roster: signed, for others"),
            ("verify-export FILE", "check such a signature"),
        ],
    ),
    (
        "Joining",
        &[
            ("join [LINK]", "ask to join by an invite link"),
            ("joins", "requests of your own"),
            ("invite BODY", "make an invite link"),
            ("invites, revoke", "open invites; end one"),
            ("requests", "who asks to be let in"),
            ("admit, decline", "decide"),
            (
                "recognize, replace",
                "whoever lost everything: say who they are; let them back",
            ),
        ],
    ),
    (
        "Between bodies",
        &[
            ("map", "the bodies you know of, and their links"),
            ("link", "offer, accept, end links with other bodies"),
            ("liaison", "bring people of linked bodies together"),
            ("announce BODY TEXT", "tell the bodies that hear yours something"),
            ("forward", "pass on what another body announced"),
            ("feed", "read what bodies announce; choose whom you hear"),
            ("issued, withdraw", "what a body sent; withdraw some of it"),
            (
                "directives",
                "what bodies ask of each other, and what comes of it",
            ),
            ("raise, answer", "ask another body something; answer it"),
            ("raised [BODY]", "what was asked, and waits for an answer"),
        ],
    ),
    (
        "This device",
        &[
            ("status", "how things stand"),
            ("init", "make the vault"),
            ("lock, unlock", "close and open the vault"),
            ("passphrase", "change the passphrase"),
            ("backup, restore", "put a copy of the vault away; put it back"),
            ("retention", "how long words are kept here"),
            ("isolate BODY", "a connection for each room"),
            ("notify", "whether your desktop tells of something new"),
            ("destroy", "destroy the vault at once"),
            ("relay", "relays you use"),
            ("found", "found a body"),
            ("agent", "the process that holds the open vault"),
            ("doctor", "find what is wrong on this machine"),
            ("completions, man", "for your shell; manual pages"),
        ],
    ),
];

/// Shows it.
///
/// # Errors
/// `Failure` if nobody reads.
pub(super) fn show(session: &mut Session) -> Result<u8, Failure> {
    let console = &mut session.console;
    console.line([
        bold("caucus"),
        plain(": people talk and decide in end-to-end encrypted rooms, through a relay that reads nothing"),
    ])?;
    console.say("")?;
    console.line([bold("First steps")])?;
    for (number, (command, what)) in FIRST.iter().enumerate() {
        console.line([plain(format!("  {}. {command:<28}", number + 1)), dim(*what)])?;
    }
    console.say("")?;
    console.line([
        plain("Invited? "),
        bold("caucus join --as NAME"),
        plain(" asks for the link and makes your vault too."),
    ])?;
    for (title, commands) in GROUPS {
        console.say("")?;
        console.line([bold(title)])?;
        for (command, what) in commands {
            console.line([plain(format!("  {command:<21}")), dim(*what)])?;
        }
    }
    console.say("")?;
    console.say("`caucus COMMAND --help` tells more, with an example.")?;
    Ok(0)
}
