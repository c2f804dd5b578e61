//! Aligned columns.

use std::borrow::Cow;

use super::console::{Console, Look, Piece};
use super::failure::Failure;
use super::plain;

/// Space between columns.
const GAP: usize = 2;

/// Rows of columns. The width of a column is that of its widest cell, in characters.
#[derive(Default)]
pub(super) struct Table<'a> {
    rows: Vec<Vec<Piece<'a>>>,
}

impl<'a> Table<'a> {
    /// A table with a dim head.
    #[must_use]
    pub(super) fn with_head<const N: usize>(head: [&'static str; N]) -> Self {
        let row = head.map(|cell| Piece(Look::Dim, Cow::Borrowed(cell)));
        Self {
            rows: vec![row.into()],
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, row: [Piece<'a>; N]) {
        self.rows.push(row.into());
    }

    /// Prints it, indented by so many spaces.
    ///
    /// # Errors
    /// As `Console::line`.
    pub(super) fn print(self, console: &mut Console, indent: usize) -> Result<(), Failure> {
        let mut widths: Vec<usize> = Vec::new();
        let rows: Vec<Vec<(Look, String)>> = self
            .rows
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .map(|Piece(look, text)| (look, plain::line(&text)))
                    .collect()
            })
            .collect();
        for row in &rows {
            for (at, (_, text)) in row.iter().enumerate() {
                let width = text.chars().count();
                match widths.get_mut(at) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        for row in rows {
            let mut pieces = vec![Piece(Look::Plain, " ".repeat(indent).into())];
            for ((look, text), width) in row.into_iter().zip(&widths) {
                let space = width.saturating_sub(text.chars().count()) + GAP;
                pieces.push(Piece(look, text.into()));
                pieces.push(Piece(Look::Plain, " ".repeat(space).into()));
            }
            console.line(pieces)?;
        }
        Ok(())
    }
}
