//! `caucus search`: looks for words in what was said.

use clap::Args;

use super::console::{Look, Piece, bold, dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, HitView, Intent};

/// Search what was said in your rooms, the newest first
///
/// Nothing is asked of anybody: the search reads what is kept on this device. All words must be there; quotes make a phrase.
/// Case and accents do not count.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus search hall november\n  caucus search \"rent strike\" --in North --from Ana --since 2026-11-01"
)]
pub(super) struct Search {
    /// What to look for
    #[arg(required = true)]
    words: Vec<String>,
    /// In one room: BODY or BODY/ROOM
    #[arg(long = "in", value_name = "ROOM")]
    room: Option<String>,
    /// Said by this person
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Said on this day (2026-11-24) or later, by the author's clock
    #[arg(long, value_name = "DAY", value_parser = begin_of_day)]
    since: Option<u64>,
    /// At most so many [default: 20]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

/// The first minute of a day.
fn begin_of_day(text: &str) -> Result<u64, String> {
    Ok(time::end_of_day(text)?.saturating_sub(24 * 60 - 1))
}

impl Search {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Search {
            words: self.words,
            room: self.room.clone(),
            from: self.from,
            since: self.since,
            limit: self.limit,
        };
        let answer = match &self.room {
            Some(room) => session.ask_in(room, &intent)?,
            None => session.ask(&intent)?,
        };
        ending::show(session, answer, |session, answer| {
            let Answer::Found { hits, more } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if hits.is_empty() {
                return session.console.say("Nothing was found on this device.");
            }
            for hit in &hits {
                show(session, hit)?;
            }
            if more {
                session.console.remark("There is more: --limit N shows it.");
            }
            Ok(())
        })
    }
}

fn show(session: &mut Session, hit: &HitView) -> Result<(), Failure> {
    let time = hit
        .time
        .map_or_else(|| "--:--".to_owned(), |time| time::clock(time, session.now));
    let author = harmless::line(hit.author.as_deref().unwrap_or("somebody"));
    session.console.line([
        bold(hit.room.clone()),
        dim(format!("  {}  {time}  ", hit.position)),
        plain(author),
        dim(hit.handed_by.as_deref().map_or_else(String::new, |by| {
            format!(" (handed over by {})", harmless::line(by))
        })),
    ])?;
    let pieces = hit.excerpt.iter().map(|piece| {
        let look = if piece.hit { Look::Bold } else { Look::Plain };
        Piece(look, piece.text.as_str().into())
    });
    session.console.line([plain("  ")].into_iter().chain(pieces))
}
