//! The board of `caucus directives board`: what became of directives, by body, and what was reported in sum.

use super::console::{Piece, bold, dim, plain, warn};
use super::directives::stage_words;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, BoardRow, BoardView, Intent, SumView, csv_row, file_size};
use crate::calendar;

/// Shows it, or writes it as CSV to standard output.
///
/// # Errors
/// `Failure`.
pub(super) fn show(
    session: &mut Session,
    body: &str,
    number: Option<u32>,
    all: bool,
    as_csv: bool,
) -> Result<u8, Failure> {
    let intent = Intent::Board {
        body: body.to_owned(),
        number,
        all,
    };
    let answer = session.ask_in(body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Board { body, boards } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if as_csv {
            return session.console.page(&csv(&boards));
        }
        if boards.is_empty() {
            session
                .console
                .say(&format!("{body} asks nothing of other bodies."))?;
            session.console.flush()?;
            session.console.remark(&format!(
                "  next: `caucus directives issue {} TEXT --title TITLE` asks for something",
                harmless::word(&body)
            ));
            return Ok(());
        }
        for (place, board) in boards.iter().enumerate() {
            if place > 0 {
                session.console.say("")?;
            }
            tell(session, board)?;
        }
        Ok(())
    })
}

fn tell(session: &mut Session, board: &BoardView) -> Result<(), Failure> {
    let (now, item) = (session.now, &board.item);
    let due = item
        .due
        .map_or_else(String::new, |due| format!(", to be done by {}", time::due(due)));
    session.console.line([
        bold(format!("{}. {}", item.number, item.title)),
        dim(format!("  {} UTC{due}", time::clock(item.at, now))),
    ])?;
    if let Some(by) = item.gone {
        session
            .console
            .line([warn(format!("  holds no more: see {by}"))])?;
    }
    if board.rows.is_empty() {
        return session.console.line([dim(
            "  It is for nobody yet: no linked body takes directives of yours. `caucus link list BODY` shows what goes which way.",
        )]);
    }
    let mut table = Table::with_head(["BODY", "HOW FAR", "SINCE (UTC)", "", "IN WORDS"]);
    for row in &board.rows {
        let since = row
            .since
            .map_or_else(|| "-".to_owned(), |since| time::clock(since, now));
        table.row([
            bold(row.body.as_str()),
            plain(stage_words(&row.stage)),
            plain(since),
            mark(row),
            plain(reported(board, row)),
        ]);
    }
    table.print(&mut session.console, 2)?;
    for row in &board.rows {
        for (place, file) in row.files.iter().enumerate() {
            session.console.line([dim(format!(
                "  [file {} of {}: {}, {}]",
                place + 1,
                row.body,
                file.name,
                file_size(file.size)
            ))])?;
        }
    }
    for sum in board.sums.iter().filter(|sum| sum.answers > 0) {
        session.console.line([
            dim("  in sum  "),
            plain(sum.label.as_str()),
            plain(": "),
            bold(summed(sum)),
        ])?;
    }
    Ok(())
}

fn mark(row: &BoardRow) -> Piece<'static> {
    match (row.late, row.ended) {
        (_, true) => dim("link ended"),
        (true, false) => warn("late"),
        (false, false) => plain(""),
    }
}

/// What a body said, by field and in words.
fn reported(board: &BoardView, row: &BoardRow) -> String {
    let fields = board.item.form.iter().zip(&row.values);
    let mut words: Vec<_> = fields
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| format!("{}: {value}", field.label))
        .collect();
    if !row.words.is_empty() {
        words.push(row.words.clone());
    }
    words.join("; ")
}

fn summed(sum: &SumView) -> String {
    let answers = time::count_of(sum.answers, "answer");
    let counts: Vec<_> = (sum.counts.iter())
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    match (sum.sum, counts.is_empty()) {
        (Some(total), _) => format!("{total} ({answers})"),
        (None, false) => format!("{} ({answers})", counts.join(", ")),
        (None, true) => answers,
    }
}

/// All boards as one table: a line for each body and directive, a column for each field that any of them asks for.
#[must_use]
fn csv(boards: &[BoardView]) -> String {
    let mut labels = Vec::<&str>::new();
    for field in boards.iter().flat_map(|board| &board.item.form) {
        if !labels.contains(&field.label.as_str()) {
            labels.push(&field.label);
        }
    }
    let head = [
        "directive",
        "title",
        "body",
        "how far",
        "since (UTC)",
        "late",
        "link ended",
        "in words",
    ];
    let head: Vec<String> = head
        .into_iter()
        .chain(labels.iter().copied())
        .map(str::to_owned)
        .collect();
    let mut text = csv_row(&head);
    for board in boards {
        for row in &board.rows {
            let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
            let mut cells = vec![
                board.item.number.to_string(),
                board.item.title.clone(),
                row.body.clone(),
                stage_words(&row.stage).to_owned(),
                row.since.map_or_else(String::new, calendar::stamp),
                yes(row.late),
                yes(row.ended),
                row.words.clone(),
            ];
            cells.extend(labels.iter().map(|label| {
                let mut fields = board.item.form.iter().zip(&row.values);
                let found = fields.find(|(field, _)| field.label == *label);
                found.map_or_else(String::new, |(_, value)| value.clone())
            }));
            text.push_str(&csv_row(&cells));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{FieldWord, FormField, ItemView};

    fn board(number: u32, labels: &[&str], rows: Vec<BoardRow>) -> BoardView {
        let field = |label: &&str| FormField {
            label: (*label).to_owned(),
            takes: FieldWord::Text {},
        };
        BoardView {
            item: ItemView {
                number,
                title: "Count".to_owned(),
                form: labels.iter().map(field).collect(),
                ..ItemView::default()
            },
            rows,
            sums: Vec::new(),
        }
    }

    fn row(body: &str, stage: &str, words: &str, values: &[&str]) -> BoardRow {
        BoardRow {
            body: body.to_owned(),
            stage: stage.to_owned(),
            since: Some(0),
            words: words.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            files: Vec::new(),
            late: stage == "received",
            ended: false,
        }
    }

    #[test]
    fn what_others_wrote_is_no_formula_and_breaks_no_line() {
        let rows = vec![
            row(
                "=cmd|' /C calc'!A0",
                "reported",
                "+1\r\n\"so\"",
                &["-5", "@SUM(A1)"],
            ),
            row("South, the", "received", "", &[]),
        ];
        let text = csv(&[board(3, &["How many?", "-Notes"], rows)]);
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "\"directive\",\"title\",\"body\",\"how far\",\"since (UTC)\",\"late\",\"link ended\",\"in words\",\"How many?\",\"'-Notes\"",
                "\"3\",\"Count\",\"'=cmd|' /C calc'!A0\",\"reported\",\"1970-01-01 00:00\",\"no\",\"no\",\"'+1  \"\"so\"\"\",\"-5\",\"'@SUM(A1)\"",
                "\"3\",\"Count\",\"South, the\",\"received\",\"1970-01-01 00:00\",\"yes\",\"no\",\"\",\"\",\"\"",
                "",
            ]
        );
    }

    #[test]
    fn several_directives_share_the_columns_of_fields_of_one_name() {
        let boards = [
            board(2, &["A", "B"], vec![row("North", "reported", "", &["1", "2"])]),
            board(1, &["B", "C"], vec![row("South", "reported", "", &["3", "4"])]),
        ];
        let text = csv(&boards);
        let cells = |line: usize| -> Vec<String> {
            let line = text.lines().nth(line).unwrap();
            line.split(',')
                .skip(8)
                .map(|cell| cell.trim_matches('"').to_owned())
                .collect()
        };
        assert_eq!(cells(0), ["A", "B", "C"]);
        assert_eq!(cells(1), ["1", "2", ""]);
        assert_eq!(cells(2), ["", "3", "4"]);
        assert_eq!(csv(&[]).lines().count(), 1);
    }

    #[test]
    fn sums_are_told_in_words() {
        let sum = |answers, sum, counts: &[(&str, u64)]| SumView {
            label: String::new(),
            answers,
            sum,
            counts: counts
                .iter()
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect(),
        };
        assert_eq!(summed(&sum(2, Some(-3), &[])), "-3 (2 answers)");
        assert_eq!(
            summed(&sum(1, None, &[("yes", 1), ("no", 0)])),
            "yes 1, no 0 (1 answer)"
        );
        assert_eq!(summed(&sum(0, None, &[])), "0 answers");
    }
}
