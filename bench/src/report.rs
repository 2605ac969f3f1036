//! What was measured, and how it is told.

use std::fmt;

/// The rows so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    cells: [String; 5],
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Ok,
    Missed,
    /// There is no bar.
    Told,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Missed => "MISSED",
            Self::Told => "-",
        })
    }
}

/// How a number is written.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
    Micros,
    KiB,
    MiB,
    Times,
    Percent,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{} /s", thousands(value)),
            Self::Milliseconds => format!("{} ms", three_digits(value)),
            Self::Micros => format!("{} µs", three_digits(value)),
            Self::KiB => format!("{} KiB", three_digits(value)),
            Self::MiB => format!("{} MiB", three_digits(value)),
            Self::Times => format!("{value:.2} ×"),
            Self::Percent => format!("{value:.1} %"),
        }
    }
}

impl Report {
    /// A rate that is to reach a part of the limit's, if there is a bar. One value of each for every round, in the order of
    /// the rounds.
    pub(crate) fn share(&mut self, name: &str, ours: &[f64], limit: &[f64], goal: Option<f64>) {
        let ratios: Vec<f64> = ours.iter().zip(limit).map(|(a, b)| 100.0 * a / b).collect();
        let ratio = median(&ratios);
        self.add(Row {
            cells: [
                name.to_owned(),
                Unit::PerSecond.show(median(ours)),
                Unit::PerSecond.show(median(limit)),
                format!("{ratio:.0} % ({})", spread(&ratios, |r| format!("{r:.0}"))),
                goal.map_or(String::new(), |goal| format!("≥ {:.0} %", 100.0 * goal)),
            ],
            verdict: goal.map_or(Verdict::Told, |goal| verdict(ratio >= 100.0 * goal)),
        });
    }

    /// A cost that must not be above the goal; the limit's is told beside it where there is one.
    pub(crate) fn at_most(
        &mut self,
        name: &str,
        unit: Unit,
        ours: &[f64],
        limit: Option<&[f64]>,
        goal: f64,
    ) {
        let verdict = verdict(median(ours) <= goal);
        self.cost(
            name,
            unit,
            ours,
            limit,
            format!("≤ {}", unit.show(goal)),
            verdict,
        );
    }

    /// A cost without a bar.
    pub(crate) fn told(&mut self, name: &str, unit: Unit, ours: &[f64], limit: Option<&[f64]>) {
        self.cost(name, unit, ours, limit, String::new(), Verdict::Told);
    }

    fn cost(
        &mut self,
        name: &str,
        unit: Unit,
        ours: &[f64],
        limit: Option<&[f64]>,
        goal: String,
        verdict: Verdict,
    ) {
        let several = if ours.len() > 1 {
            format!(" ({})", spread(ours, three_digits))
        } else {
            String::new()
        };
        let ratio = limit.map(|limit| format!("{:.1} ×", median(ours) / median(limit)));
        self.add(Row {
            cells: [
                name.to_owned(),
                unit.show(median(ours)) + &several,
                limit
                    .map(|limit| unit.show(median(limit)))
                    .unwrap_or_default(),
                ratio.unwrap_or_default(),
                goal,
            ],
            verdict,
        });
    }

    /// Told at once, too: the rows after it can take minutes, or fail.
    fn add(&mut self, row: Row) {
        let cells = row.cells.iter().filter(|cell| !cell.is_empty());
        let cells: Vec<&str> = cells.map(String::as_str).collect();
        eprintln!("bench:   = {} {}", cells.join(" | "), row.verdict);
        self.rows.push(row);
    }

    /// A remark below the table.
    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Whether a goal was missed.
    pub(crate) fn has_misses(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Missed)
    }
}

fn verdict(reached: bool) -> Verdict {
    if reached {
        Verdict::Ok
    } else {
        Verdict::Missed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "thicket (min–max)", "limit", "ratio (min–max)", "goal"].map(str::to_owned);
        let mut widths = [0; 5];
        for cells in self.rows.iter().map(|row| &row.cells).chain([&head]) {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut line = |cells: &[String; 5], verdict: &str| {
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, "{cell:width$}  ")?;
            }
            writeln!(f, "{verdict}")
        };
        line(&head, "")?;
        for row in &self.rows {
            line(&row.cells, &row.verdict.to_string())?;
        }
        for note in &self.notes {
            write!(f, "\n- {note}")?;
        }
        Ok(())
    }
}

/// The middle value; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this part of the values does not exceed; 0 of none.
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let place = (part * last as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let show = |part| show(percentile(values, part));
    format!("{}–{}", show(0.0), show(1.0))
}

/// Three significant digits, more before the point if need be.
fn three_digits(value: f64) -> String {
    match value.abs() {
        big if big >= 99.95 => format!("{value:.0}"),
        middle if middle >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_judged_by_the_median_of_the_rounds() {
        let mut report = Report::default();
        report.share("a", &[60.0, 10.0, 55.0], &[100.0, 100.0, 100.0], Some(0.5));
        assert!(!report.has_misses());
        report.share("b", &[40.0, 40.0, 90.0], &[100.0, 100.0, 100.0], Some(0.5));
        assert!(report.has_misses());
        let text = report.to_string();
        assert!(text.contains("55 % (10–60)"), "{text}");
        assert!(
            text.lines()
                .nth(2)
                .is_some_and(|line| line.ends_with("MISSED"))
        );
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(Unit::PerSecond.show(1_234_567.0), "1,234,567 /s");
        assert_eq!(Unit::Milliseconds.show(1.234), "1.23 ms");
        assert_eq!(Unit::KiB.show(123.4), "123 KiB");
        assert_eq!(percentile(&[3.0, 1.0, 2.0], 1.0), 3.0);
        assert_eq!(median(&[]), 0.0);
    }
}
