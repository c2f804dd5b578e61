//! How meetings are shown.

use super::console::{Console, Piece, bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::time;
use crate::app::{Answer, HandsView, Intent, MeetingView, MeetingWord, MinutesView};
use crate::calendar;

/// Shows which there are.
pub(super) fn list(session: &mut Session, body: &str) -> Result<u8, Failure> {
    let answer = all(session, body, None)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Meetings { meetings, .. } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if meetings.is_empty() {
            return session
                .console
                .say("No meeting is called; `caucus meeting call` calls one.");
        }
        let mut table = Table::with_head(["MEETING", "FOR", "TITLE", "STATE"]);
        for view in meetings {
            table.row([
                plain(view.number.to_string()),
                plain(calendar::stamp(view.at)),
                stage(&view),
                bold(view.title),
            ]);
        }
        table.print(&mut session.console, 0)
    })
}

fn all(session: &mut Session, body: &str, number: Option<u32>) -> Result<Answer, Failure> {
    let intent = Intent::Meetings {
        body: body.to_owned(),
        number,
    };
    session.ask_in(body, &intent)
}

/// The number that is given, or else of the latest meeting that fits.
fn chosen(
    session: &mut Session,
    body: &str,
    number: Option<u32>,
    fits: impl Fn(&MeetingView) -> bool,
) -> Result<u32, Failure> {
    if let Some(number) = number {
        return Ok(number);
    }
    let Answer::Meetings { meetings, .. } = all(session, body, None)? else {
        return Err(Session::unexpected(&Answer::Done {}));
    };
    let found = meetings.iter().rev().find(|view| fits(view));
    found.map(|view| view.number).ok_or_else(|| {
        Failure::bad_input(
            "there is no meeting now of which that could be meant",
            "`caucus meeting list` shows which there are",
        )
    })
}

/// One meeting, with the text of its minutes: the one of this number, or else the latest that fits.
pub(super) fn ask(
    session: &mut Session,
    body: &str,
    number: Option<u32>,
    fits: impl Fn(&MeetingView) -> bool,
) -> Result<MeetingView, Failure> {
    let number = chosen(session, body, number, fits)?;
    match all(session, body, Some(number))? {
        Answer::Meetings { mut meetings, .. } if meetings.len() == 1 => meetings
            .pop()
            .ok_or_else(|| Session::unexpected(&Answer::Done {})),
        other => Err(Session::unexpected(&other)),
    }
}

/// Shows how one stands.
pub(super) fn show(session: &mut Session, body: &str, number: Option<u32>) -> Result<u8, Failure> {
    let open = |view: &MeetingView| {
        matches!(
            view.stage,
            MeetingWord::Called | MeetingWord::Held | MeetingWord::Closed
        )
    };
    let number = chosen(session, body, number, open)?;
    let answer = all(session, body, Some(number))?;
    ending::show(session, answer, |session, answer| match answer {
        Answer::Meetings { meetings, .. } => meetings
            .iter()
            .try_for_each(|view| tell(&mut session.console, view)),
        other => Err(Session::unexpected(&other)),
    })
}

fn stage(view: &MeetingView) -> Piece<'static> {
    match view.stage {
        MeetingWord::Called => plain("called"),
        MeetingWord::Held => warn("is held now"),
        MeetingWord::Closed if view.minutes.is_some() => plain("closed, minutes to be adopted"),
        MeetingWord::Closed => plain("closed, no minutes yet"),
        MeetingWord::Adopted => plain("minutes adopted"),
        MeetingWord::Cancelled => dim("called off"),
        MeetingWord::Lapsed => dim("lapsed"),
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}

fn tell(console: &mut Console, view: &MeetingView) -> Result<(), Failure> {
    console.line([
        plain(format!("Meeting {}: ", view.number)),
        bold(view.title.as_str()),
        plain(", "),
        stage(view),
    ])?;
    let mut row =
        |what: &'static str, text: String| console.line([dim(format!("  {what:<12}")), plain(text)]);
    row(
        "called",
        format!("for {} UTC, by {}", calendar::stamp(view.at), view.by),
    )?;
    if let Some(opened) = view.opened {
        let until = view
            .closed
            .map_or_else(String::new, |closed| format!(" to {}", calendar::stamp(closed)));
        row("held", format!("{}{until} UTC", calendar::stamp(opened)))?;
    }
    match view.stage {
        MeetingWord::Held => {
            row("here", names(&view.here))?;
            row(
                "has the word",
                view.speaker.clone().unwrap_or_else(|| "nobody".to_owned()),
            )?;
            row("ask to speak", names(&view.queue))?;
            if view.guide {
                row("you", "guide it".to_owned())?;
            }
        }
        MeetingWord::Closed => row("were there", names(&[&view.here[..], &view.left[..]].concat()))?,
        MeetingWord::Adopted | MeetingWord::Lapsed if view.attended > 0 => {
            let people = if view.attended == 1 { "person" } else { "people" };
            row("were there", format!("{} {people}", view.attended))?;
        }
        _ => {}
    }
    for (number, point) in (1_u16..).zip(&view.agenda) {
        let reached = point
            .reached
            .map_or_else(String::new, |at| format!("  {}", time::clock(at, at)));
        let text = format!("{number}. {}", point.text);
        console.line([
            plain("  "),
            if view.item == Some(number) {
                bold(text)
            } else {
                plain(text)
            },
            dim(reached),
        ])?;
    }
    view.hands
        .iter()
        .try_for_each(|hands| tell_vote(console, hands))?;
    match &view.minutes {
        Some(minutes) => tell_minutes(console, view, minutes),
        None => Ok(()),
    }
}

fn tell_vote(console: &mut Console, hands: &HandsView) -> Result<(), Failure> {
    console.line([
        plain(format!("  vote {} by hands: ", hands.number)),
        plain(hands.question.as_str()),
    ])?;
    console.line([
        plain(format!(
            "    {} for, {} against, {} abstained",
            hands.yes, hands.no, hands.abstain
        )),
        dim(format!(", as {} counted", hands.by)),
    ])?;
    console.line([
        plain(format!("    confirmed by {}", names(&hands.confirmed))),
        plain(", "),
        if hands.contested.is_empty() {
            dim("contested by nobody")
        } else {
            warn(format!("contested by {}", names(&hands.contested)))
        },
    ])
}

fn tell_minutes(console: &mut Console, view: &MeetingView, minutes: &MinutesView) -> Result<(), Failure> {
    console.line([
        plain(format!("  minutes by {}", minutes.by)),
        dim(format!(
            ", version {}, {} UTC",
            minutes.version,
            calendar::stamp(minutes.written)
        )),
    ])?;
    if view.stage == MeetingWord::Closed {
        console.line([plain(format!(
            "    adopted by {} of {} needed: {}",
            minutes.adopted.len(),
            minutes.needed,
            names(&minutes.adopted)
        ))])?;
        if !minutes.contested.is_empty() {
            console.line([warn(format!("    contested by {}", names(&minutes.contested)))])?;
        }
    }
    match &minutes.text {
        Some(text) => {
            for line in super::plain::lines(text) {
                console.line([plain("    "), plain(line)])?;
            }
            Ok(())
        }
        None => console.line([dim("    their text is not on this device")]),
    }
}
