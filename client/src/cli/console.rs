//! Where a command speaks and listens: answers on standard output, problems and questions on standard error.
//! Everything printed goes through `plain`; the only control characters that get out are line breaks, and, on a
//! terminal, the colours chosen here and the line that shows progress.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;
use super::plain;
use crate::app::Answer;

/// How a piece of a line looks on a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// As it is.
    Plain,
    /// What counts.
    Bold,
    /// What is beside the point.
    Dim,
    /// What a person should not overlook.
    Warn,
}

/// A piece of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece<'a>(pub(super) Look, pub(super) Cow<'a, str>);

/// A piece as it is.
pub(super) fn plain<'a>(text: impl Into<Cow<'a, str>>) -> Piece<'a> {
    Piece(Look::Plain, text.into())
}

/// A piece that counts.
pub(super) fn bold<'a>(text: impl Into<Cow<'a, str>>) -> Piece<'a> {
    Piece(Look::Bold, text.into())
}

/// A piece beside the point.
pub(super) fn dim<'a>(text: impl Into<Cow<'a, str>>) -> Piece<'a> {
    Piece(Look::Dim, text.into())
}

/// A piece that should not be overlooked.
pub(super) fn warn<'a>(text: impl Into<Cow<'a, str>>) -> Piece<'a> {
    Piece(Look::Warn, text.into())
}

/// Where a command speaks and listens.
pub(super) struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn BufRead>,
    /// Colours on standard output.
    coloured: bool,
    /// A person sits there who can be asked.
    pub(super) interactive: bool,
    /// A person sees standard output.
    pub(super) seen: bool,
    /// Answers as JSON.
    pub(super) json: bool,
    /// How far something long is, where a person sees it.
    bar: Option<ProgressBar>,
    /// A person sees standard error.
    watched: bool,
}

impl Console {
    /// The process's own.
    #[must_use]
    pub(super) fn of_process(json: bool) -> Self {
        let on_terminal = io::stdout().is_terminal();
        let coloured = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            coloured,
            interactive: !json && io::stdin().is_terminal() && io::stderr().is_terminal(),
            seen: !json && on_terminal,
            json,
            bar: None,
            watched: !json && io::stderr().is_terminal(),
        }
    }

    /// One that reads from and writes to what a test gives it; nobody can be asked.
    #[cfg(test)]
    pub(super) fn of_test(
        json: bool,
        input: &[u8],
        out: impl Write + 'static,
        err: impl Write + 'static,
    ) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            input: Box::new(io::Cursor::new(input.to_vec())),
            coloured: false,
            interactive: false,
            seen: false,
            json,
            bar: None,
            watched: false,
        }
    }

    /// One line of an answer.
    ///
    /// # Errors
    /// `Failure::Closed` if nobody reads any more.
    pub(super) fn line<'a>(&mut self, pieces: impl IntoIterator<Item = Piece<'a>>) -> Result<(), Failure> {
        let mut text = String::new();
        for Piece(look, piece) in pieces {
            let piece = plain::line(&piece);
            let code = match look {
                _ if !self.coloured || piece.is_empty() => None,
                Look::Plain => None,
                Look::Bold => Some("1"),
                Look::Dim => Some("2"),
                Look::Warn => Some("33"),
            };
            match code {
                Some(code) => {
                    text.push_str("\x1b[");
                    text.push_str(code);
                    text.push('m');
                    text.push_str(&piece);
                    text.push_str("\x1b[0m");
                }
                None => text.push_str(&piece),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        self.out.write_all(text.as_bytes()).map_err(Failure::closed)
    }

    /// One line of an answer, without looks.
    ///
    /// # Errors
    /// As `line`.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.line([plain(text)])
    }

    /// A text of many lines.
    ///
    /// # Errors
    /// As `line`.
    pub(super) fn page(&mut self, text: &str) -> Result<(), Failure> {
        plain::lines(text).try_for_each(|line| self.say(&line))
    }

    /// An answer as one line of JSON.
    ///
    /// # Errors
    /// As `line`.
    pub(super) fn answer(&mut self, answer: &Answer) -> Result<(), Failure> {
        let text = encoded(answer);
        writeln!(self.out, "{text}").map_err(Failure::closed)?;
        self.flush()
    }

    /// Brings out what was said so far.
    ///
    /// # Errors
    /// As `line`.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::closed)
    }

    /// A remark beside the answer, on standard error; none with JSON.
    pub(super) fn remark(&mut self, text: &str) {
        if !self.json {
            self.complain(text);
        }
    }

    /// A line on standard error. With that closed, the exit code still tells.
    pub(super) fn complain(&mut self, text: &str) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{}", plain::line(text));
    }

    /// How far something long is; a line that is written over, on a terminal only.
    pub(super) fn progress(&mut self, what: &str, (done, total): (u64, u64), bytes: bool) {
        if !self.watched {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(total), target);
            let template = if bytes {
                "{msg} [{bar:30}] {percent:>3} %  {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
            } else {
                "{msg} [{bar:30}] {percent:>3} %"
            };
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style.progress_chars("=> ")),
                Err(_) => bar,
            }
        });
        bar.set_message(plain::line(what));
        bar.set_length(total);
        bar.set_position(done);
    }

    /// It is done: the line goes.
    pub(super) fn progress_ends(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A value as JSON on standard error.
    pub(super) fn complain_json(&mut self, value: &impl Serialize) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{}", encoded(value));
    }

    /// Asks yes or no; only "y" and "yes" mean yes. Nobody there means no.
    pub(super) fn confirm(&mut self, question: &str) -> bool {
        self.ask(&format!("{question} [y/N] "))
            .is_some_and(|answer| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a line.
    pub(super) fn ask(&mut self, question: &str) -> Option<String> {
        if !self.interactive {
            return None;
        }
        let _ = self.out.flush();
        let _ = write!(self.err, "{}", plain::line(question));
        let _ = self.err.flush();
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }

    /// All of standard input, at most so many bytes; none if it is longer or not UTF-8.
    ///
    /// # Errors
    /// `io::Error` if it cannot be read.
    pub(super) fn rest_of_input(&mut self, most: u64) -> io::Result<Option<String>> {
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        let read = self.input.by_ref().take(most + 1).read_to_end(&mut bytes)?;
        Ok((read as u64 <= most)
            .then(|| String::from_utf8(bytes.to_vec()).ok())
            .flatten())
    }
}

fn encoded(value: &impl Serialize) -> String {
    // Answers have string keys only, so that they always encode.
    plain::json(&serde_json::to_string(value).unwrap_or_default())
}
