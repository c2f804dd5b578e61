//! One figure, and the table of them.

use serde::Serialize;

use super::samples::Spread;

/// What a figure has to be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Target {
    /// At least.
    pub least: f64,
    /// Less than.
    pub below: f64,
}

impl Target {
    /// Less than this.
    #[must_use]
    pub const fn below(below: f64) -> Self {
        Self { least: 0.0, below }
    }

    fn is_met(self, value: f64) -> bool {
        value >= self.least && value < self.below
    }

    fn words(self, unit: &str) -> String {
        if self.least > 0.0 {
            format!("{} to {} {unit}", self.least, self.below)
        } else {
            format!("< {} {unit}", self.below)
        }
    }
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// What.
    pub what: String,
    /// How much; the median where there are many samples.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it has to be; none if it is only reported.
    pub target: Option<Target>,
    /// Whether it is; none without a target.
    pub ok: Option<bool>,
    /// The samples behind a median, in the same unit.
    pub spread: Option<Spread>,
    /// How it was measured.
    pub how: String,
}

impl Figure {
    /// One number.
    #[must_use]
    pub fn of(what: &str, value: f64, unit: &'static str, how: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            value,
            unit,
            target: None,
            ok: None,
            spread: None,
            how: how.into(),
        }
    }

    /// The median of many.
    #[must_use]
    pub fn median(what: &str, spread: Spread, unit: &'static str, how: impl Into<String>) -> Self {
        Self {
            spread: Some(spread),
            ..Self::of(what, spread.p50, unit, how)
        }
    }

    /// With what it has to be.
    #[must_use]
    pub fn aim(self, target: Target) -> Self {
        Self {
            ok: Some(target.is_met(self.value)),
            target: Some(target),
            ..self
        }
    }

    fn cells(&self) -> [String; 5] {
        let spread = self.spread.map_or_else(String::new, |spread| {
            format!(
                "n {}, p90 {}, p99 {}, most {}",
                spread.n,
                digits(spread.p90),
                digits(spread.p99),
                digits(spread.most)
            )
        });
        [
            self.what.clone(),
            format!("{} {}", digits(self.value), self.unit),
            self.target
                .map_or_else(String::new, |target| target.words(self.unit)),
            match self.ok {
                Some(true) => "ok".to_owned(),
                Some(false) => "NOT OK".to_owned(),
                None => String::new(),
            },
            spread,
        ]
    }
}

/// All of them as a table for people; what each row means stands below it.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let head = ["what", "figure", "target", "", "spread"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head)
        .chain(figures.iter().map(Figure::cells))
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for figure in figures {
        text.push_str(&format!("{}: {}\n", figure.what, figure.how));
    }
    text
}

/// Three digits that matter, and no false precision.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_outside_its_target_is_not_ok() {
        let unlock = Target {
            least: 0.25,
            below: 1.5,
        };
        for (value, ok) in [(0.2, false), (0.25, true), (1.49, true), (1.5, false)] {
            assert_eq!(
                Figure::of("unlock", value, "s", "").aim(unlock).ok,
                Some(ok),
                "{value}"
            );
        }
        let table = table(&[Figure::of("unlock", 2.0, "s", "a process").aim(unlock)]);
        assert!(table.contains("2.00 s"), "{table}");
        assert!(table.contains("0.25 to 1.5 s"), "{table}");
        assert!(table.contains("NOT OK"), "{table}");
    }

    #[test]
    fn a_figure_that_is_only_reported_is_neither() {
        let figure = Figure::of("appends", 1234.0, "per s", "");
        assert_eq!(figure.ok, None);
        let table = table(&[figure]);
        assert!(table.contains("1234 per s") && !table.contains("ok"), "{table}");
    }
}
