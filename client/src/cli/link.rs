//! `caucus link`: links with other bodies: offered, looked at, accepted, ended.

use clap::{Args, Subcommand, ValueEnum};

use super::console::{Piece, bold, dim, plain, warn};
use super::failure::Failure;
use super::remove::sure;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, qr, relay, time};
use crate::app::{Answer, Code, Intent, LinkView, OfferView, Problem, SendsWord};

/// How an offer begins.
const SCHEME: &str = "caucus-link:";

/// Most bytes of an offer with whatever surrounds it.
const LONGEST: u64 = 64 * 1024;

/// Letters of a body's id that people compare.
const LETTERS: usize = 12;

/// Link a body with others: what each may send to the other is agreed first, and either may end it
///
/// Linked bodies stay apart: neither sees the other's rooms or people, only what is sent over the link. Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus link list North")]
pub(super) struct Link {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Offer a link; whoever has the text that comes out may accept it
    #[command(
        after_help = "Example:\n  caucus link offer North --we reports --they announcements,directives\n  caucus link offer City --we announcements,directives --they reports --expires 2d --qr"
    )]
    Offer {
        /// By which of your bodies
        body: String,
        /// What it may send to the other
        #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT,..")]
        we: Vec<Sends>,
        /// What the other may send to it
        #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT,..")]
        they: Vec<Sends>,
        /// How long it may be accepted, from 1m to 30d
        #[arg(long, default_value = "7d", value_name = "TIME", value_parser = time::duration)]
        expires: u64,
        /// Show it as a QR code as well
        #[arg(long)]
        qr: bool,
    },
    /// Show the links of a body: with whom, what goes which way, and whether all is well
    #[command(after_help = "Example:\n  caucus link list North")]
    List {
        /// Of which body
        body: String,
    },
    /// Show what an offer says; nothing is accepted
    #[command(
        after_help = "Example:\n  caucus link preview North\n  caucus link preview North - < offer.txt"
    )]
    Preview(Offered),
    /// Accept an offer, after it was shown
    #[command(
        after_help = "Example:\n  caucus link accept North\n  caucus link accept North - --yes < offer.txt"
    )]
    Accept {
        #[command(flatten)]
        offered: Offered,
        /// You have looked at it: do not ask
        #[arg(long)]
        yes: bool,
    },
    /// End a link, or take back an offer that nobody has accepted
    #[command(
        after_help = "Example:\n  caucus link end North \"City Committee\" --because \"We have left the union\"\n  caucus link end North 3 --yes"
    )]
    End {
        /// Of which body
        body: String,
        /// With whom: what the other body is called, or the number of the link
        with: String,
        /// Why; both bodies see it
        #[arg(long, default_value = "", value_name = "TEXT")]
        because: String,
        /// You mean it: do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// An offer that somebody has made.
#[derive(Args, Debug)]
struct Offered {
    /// For which of your bodies
    body: String,
    /// The text of the offer; asked for if none is given; - reads it from standard input
    offer: Option<String>,
}

/// What goes over a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Sends {
    /// What everybody there should know
    Announcements,
    /// What is asked to be done
    Directives,
    /// Motions, reports and questions
    Reports,
}

impl Link {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Offer {
                body,
                we,
                they,
                expires,
                qr,
            } => {
                let intent = Intent::OfferLink {
                    body: body.clone(),
                    we: sends(&we),
                    they: sends(&they),
                    minutes: expires,
                };
                offer(session, &body, &intent, qr)
            }
            What::List { body } => list(session, &body),
            What::Preview(offered) => preview(session, offered),
            What::Accept { offered, yes } => accept(session, offered, yes),
            What::End {
                body,
                with,
                because,
                yes,
            } => {
                let question =
                    format!("End the link of {body} with {with}? To link anew, both have to agree again.");
                sure(session, yes, &question)?;
                let intent = Intent::EndLink {
                    body: body.clone(),
                    link: with,
                    reason: because,
                };
                let answer = session.ask_in(&body, &intent)?;
                ending::done(
                    session,
                    answer,
                    "The link has ended; nothing is sent over it any more.",
                )
            }
        }
    }
}

fn sends(words: &[Sends]) -> SendsWord {
    SendsWord {
        announcements: words.contains(&Sends::Announcements),
        directives: words.contains(&Sends::Directives),
        reports: words.contains(&Sends::Reports),
    }
}

/// What may be sent, in words.
pub(super) fn sent(sends: SendsWord) -> String {
    let words: Vec<_> = [
        (sends.announcements, "announcements"),
        (sends.directives, "directives"),
        (sends.reports, "reports"),
    ]
    .into_iter()
    .filter_map(|(is_sent, word)| is_sent.then_some(word))
    .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

fn offer(session: &mut Session, body: &str, intent: &Intent, as_code: bool) -> Result<u8, Failure> {
    let answer = session.ask_in(body, intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::LinkOffered { body, offer, expires } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if as_code {
            qr::show(&mut session.console, &offer)?;
        }
        session.console.say(&offer)?;
        session.console.flush()?;
        session.console.remark(&format!(
            "Until {} UTC whoever has this text may accept it for a body of theirs: hand it over yourself, or by a channel that only they read.",
            time::clock(expires, session.now)
        ));
        session.console.remark(&format!(
            "  next: they look at it with `caucus link preview BODY` and accept it with `caucus link accept BODY`; `caucus link list {}` shows when they have",
            harmless::word(&body)
        ));
        Ok(())
    })
}

fn list(session: &mut Session, body: &str) -> Result<u8, Failure> {
    let intent = Intent::Links {
        body: body.to_owned(),
    };
    let answer = session.ask_in(body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Links {
            body,
            links,
            warnings,
        } = answer
        else {
            return Err(Session::unexpected(&answer));
        };
        let console = &mut session.console;
        if links.is_empty() {
            console.say(&format!("{body} is linked with nobody."))?;
            console.flush()?;
            console.remark(&format!(
                "  next: `caucus link offer {} --we reports --they announcements,directives` makes an offer for another body",
                harmless::word(&body)
            ));
        } else {
            let mut table =
                Table::with_head(["NO.", "WITH", "HOW", "WE SEND", "THEY SEND", "HEARD", "WAITING"]);
            for link in &links {
                table.row(listed(link, session.now));
            }
            table.print(&mut session.console, 0)?;
        }
        for link in &links {
            notes(session, link)?;
        }
        for words in warnings {
            session.console.line([warn(format!("! {words}"))])?;
        }
        Ok(())
    })
}

fn listed(link: &LinkView, now: u64) -> [Piece<'static>; 7] {
    let stage = match link.stage.as_str() {
        "offered" => plain("offered"),
        "linked" => plain("linked"),
        "expired" => dim("not accepted in time"),
        _ => dim("ended"),
    };
    let waiting = match link.waiting {
        _ if link.stage != "linked" => plain("-"),
        0 => plain("-"),
        count => plain(time::count_of(count, "letter")),
    };
    [
        plain(link.number.to_string()),
        link.with.clone().map_or_else(|| dim("nobody yet"), bold),
        stage,
        plain(sent(link.we)),
        plain(sent(link.they)),
        plain(
            link.heard
                .map_or_else(|| "-".to_owned(), |heard| time::ago(heard, now)),
        ),
        waiting,
    ]
}

fn notes(session: &mut Session, link: &LinkView) -> Result<(), Failure> {
    let with = link.with.as_deref().unwrap_or("nobody yet");
    for words in &link.warnings {
        session
            .console
            .line([warn(format!("! {} {with}: {words}", link.number))])?;
    }
    if let Some(reason) = link.reason.as_ref().filter(|reason| !reason.is_empty()) {
        session
            .console
            .line([dim(format!("  {} {with} ended: {reason}", link.number))])?;
    }
    Ok(())
}

fn read(session: &mut Session, body: &str, offer: &str) -> Result<Answer, Failure> {
    let intent = Intent::ReadOffer {
        body: body.to_owned(),
        offer: offer.to_owned(),
    };
    session.ask_in(body, &intent)
}

fn preview(session: &mut Session, offered: Offered) -> Result<u8, Failure> {
    let text = text(offered.offer, session)?;
    let answer = read(session, &offered.body, &text)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Offer(offer) = answer else {
            return Err(Session::unexpected(&answer));
        };
        tell(session, &offered.body, &offer)?;
        session.console.flush()?;
        let verb = if offer.by_poll {
            "propose link"
        } else {
            "link accept"
        };
        session.console.remark(&format!(
            "  next: `caucus {verb} {}`",
            harmless::word(&offered.body)
        ));
        Ok(())
    })
}

fn tell(session: &mut Session, body: &str, offer: &OfferView) -> Result<(), Failure> {
    session
        .console
        .line([bold(offer.with.as_str()), plain(" offers a link.")])?;
    let id: String = offer.id.chars().take(LETTERS).collect();
    let mut table = Table::default();
    table.row([
        dim("calls itself"),
        plain(format!("{}, a {}", offer.with, offer.kind)),
    ]);
    table.row([dim("its id begins with"), bold(id)]);
    table.row([dim("it may send"), plain(sent(offer.they))]);
    table.row([
        dim("you may send"),
        plain(format!("{} (as {body})", sent(offer.we))),
    ]);
    let until = format!("{} UTC", time::clock(offer.expires, session.now));
    table.row([
        dim("open until"),
        if offer.expires <= session.now {
            warn(format!("{until}: it is over"))
        } else {
            plain(until)
        },
    ]);
    table.row([
        dim("decided by"),
        plain(if offer.by_poll {
            "a poll of everybody, by the charter"
        } else {
            "whoever may link, by the charter"
        }),
    ]);
    table.print(&mut session.console, 2)?;
    session.console.line([dim(
        "  Anybody can call a body anything: compare the id with them in person or by telephone; `caucus map` shows them theirs.",
    )])
}

fn accept(session: &mut Session, offered: Offered, yes: bool) -> Result<u8, Failure> {
    let Offered { body, offer } = offered;
    let text = text(offer, session)?;
    let answer = read(session, &body, &text)?;
    let Answer::Offer(offer) = answer else {
        return Err(Session::unexpected(&answer));
    };
    if !session.console.json {
        tell(session, &body, &offer)?;
        session.console.flush()?;
    }
    if offer.by_poll {
        return Err(Failure::Problem(Problem::new(
            Code::Denied,
            "by the charter everybody decides in a poll whether it is accepted",
            format!("propose it with `caucus propose link {}`", harmless::word(&body)),
        )));
    }
    sure(session, yes, &format!("Link {body} with {}?", offer.with))?;
    let intent = Intent::AcceptLink {
        body: body.clone(),
        offer: text,
    };
    let answer = session.ask_in(&body, &intent)?;
    let words = format!("{body} is linked with {}.", offer.with);
    ending::done(session, answer, &words)
}

/// The offer as given, asked for on a terminal, or from standard input.
///
/// # Errors
/// `Failure` if there is none, or it is something else.
pub(super) fn text(given: Option<String>, session: &mut Session) -> Result<String, Failure> {
    let text = match given {
        Some(text) if text != "-" => text,
        _ if session.console.interactive => session.console.ask("Paste the offer: ").unwrap_or_default(),
        _ if session.source.passphrase_stdin => {
            return Err(Failure::usage(
                "standard input cannot be both the offer and the passphrase",
                "give --passphrase-file FILE instead",
            ));
        }
        _ => (session.console.rest_of_input(LONGEST).ok().flatten()).ok_or_else(|| {
            Failure::bad_input("what came on standard input is no offer", "give the offer alone")
        })?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage(
            "an offer is needed",
            "give the text that `caucus link offer` printed for them, or - to read it from standard input",
        ));
    }
    if text.starts_with(relay::SCHEME) || !text.starts_with(SCHEME) {
        return Err(Failure::bad_input(
            "this is no offer of a link",
            format!(
                "ask the other body for the text that `caucus link offer` prints; it begins with {SCHEME}"
            ),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_is_told_in_words() {
        assert_eq!(sent(sends(&[])), "nothing");
        assert_eq!(
            sent(sends(&[Sends::Reports, Sends::Announcements])),
            "announcements, reports"
        );
    }
}
