//! What was measured, beside the floor and what it should reach: a table for people, JSON for programs.

use serde::Serialize;

use super::server::Side;
use crate::figures::samples::median;

/// One figure of one run on one side.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

impl Sample {
    pub(super) const fn of(what: &'static str, unit: &'static str, value: f64) -> Self {
        Self { what, unit, value }
    }

    /// The server's CPU by delivery.
    pub(super) const fn cpu(value: f64) -> Self {
        Self::of(CPU, "us/delivery", value)
    }
}

/// The name of the figure by which deliveries are compared.
pub(super) const CPU: &str = "CPU";

/// What a row should reach.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reach {
    /// At most so many times the floor.
    Ratio(f64),
    /// At most so much.
    Value(f64),
    /// At most so many times the relay's own figure in the first row of that name.
    OwnRatio(&'static str, f64),
}

/// One figure in all runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Row {
    work: &'static str,
    what: &'static str,
    unit: &'static str,
    relay: Vec<f64>,
    floor: Vec<f64>,
    /// Relay by floor, run by run.
    ratio: Vec<f64>,
    reach: Option<Reach>,
    ok: Option<bool>,
}

/// All rows, in the order in which they were measured first.
#[derive(Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Takes in the figures of one run on one side.
    pub(super) fn add(&mut self, work: &'static str, side: Side, samples: Vec<Sample>) {
        for sample in samples {
            let known = |row: &&mut Row| row.work == work && row.what == sample.what;
            let row = match self.rows.iter_mut().find(known) {
                Some(row) => row,
                None => {
                    self.rows.push(Row::new(work, &sample));
                    self.rows.last_mut().expect("the row just made")
                }
            };
            match side {
                Side::Relay => row.relay.push(sample.value),
                Side::Floor => row.floor.push(sample.value),
            }
        }
    }

    /// Compares.
    pub(super) fn judge(&mut self, reach: impl Fn(&str, &str) -> Option<Reach>) {
        let own: Vec<_> = self
            .rows
            .iter()
            .map(|row| (row.work, row.what, median(&row.relay)))
            .collect();
        for row in &mut self.rows {
            row.ratio = row
                .relay
                .iter()
                .zip(&row.floor)
                .map(|(relay, floor)| relay / floor)
                .collect();
            row.reach = reach(row.work, row.what);
            row.ok = row.reach.map(|reach| match reach {
                Reach::Ratio(most) => median(&row.ratio) <= most,
                Reach::Value(most) => median(&row.relay) <= most,
                Reach::OwnRatio(work, most) => {
                    let first = own.iter().find(|(of, what, _)| *of == work && *what == row.what);
                    first.is_none_or(|(.., first)| median(&row.relay) <= first * most)
                }
            });
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether everything reached what it should.
    pub(super) fn is_reached(&self) -> bool {
        self.rows.iter().all(|row| row.ok != Some(false))
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let head = ["work", "figure", "relay", "floor", "ratio", "reach", ""].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head)
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..7).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in &rows {
            let cells: Vec<_> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            out.push_str(cells.join("  ").trim_end());
            out.push('\n');
        }
        out
    }
}

impl Row {
    fn new(work: &'static str, sample: &Sample) -> Self {
        Self {
            work,
            what: sample.what,
            unit: sample.unit,
            relay: Vec::new(),
            floor: Vec::new(),
            ratio: Vec::new(),
            reach: None,
            ok: None,
        }
    }

    fn cells(&self) -> [String; 7] {
        let runs = |values: &[f64]| {
            values
                .iter()
                .map(|value| digits(*value))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let reach = match self.reach {
            Some(Reach::Ratio(most)) => format!("<= {most} x floor"),
            Some(Reach::Value(most)) => format!("<= {most}"),
            Some(Reach::OwnRatio(work, most)) => format!("<= {most} x {work}"),
            None => String::new(),
        };
        let ok = match self.ok {
            Some(true) => "ok",
            Some(false) => "NOT REACHED",
            None => "",
        };
        [
            self.work.to_owned(),
            format!("{}, {}", self.what, self.unit),
            runs(&self.relay),
            runs(&self.floor),
            runs(&self.ratio),
            reach,
            ok.to_owned(),
        ]
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_by_the_median_of_its_ratios() {
        let mut report = Report::default();
        for (relay, floor) in [(1.0, 2.0), (9.0, 10.0), (3.0, 2.0)] {
            report.add("W", Side::Relay, vec![Sample::cpu(relay)]);
            report.add("W", Side::Floor, vec![Sample::cpu(floor)]);
        }
        report.judge(|_, _| Some(Reach::Ratio(0.9)));
        assert!(report.is_reached());
        assert!(report.table().contains("0.50 0.90 1.50"), "{}", report.table());
        report.judge(|_, _| Some(Reach::Ratio(0.89)));
        assert!(!report.is_reached());
        report.judge(|_, _| Some(Reach::OwnRatio("W", 0.99)));
        assert!(!report.is_reached());
        report.judge(|_, _| Some(Reach::Value(3.0)));
        assert!(report.is_reached());
    }
}
