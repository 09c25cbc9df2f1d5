//! What was measured, and the table that is made of it.

use std::fmt;

use serde::Serialize;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Seconds: the fewer the better.
    Seconds,
    /// So many in a second: the more the better.
    Rate,
    /// Bytes: the fewer the better.
    Bytes,
    /// Just a number: the more the better.
    Count,
}

/// All samples of one thing.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    by: String,
    unit: Unit,
    samples: Vec<f64>,
}

/// What ought to be reached.
#[derive(Debug, Serialize)]
struct Goal {
    goal: String,
    reached: String,
}

/// Every sample, in the order in which things were first measured, and the goals.
#[derive(Debug, Default, Serialize)]
pub struct Results {
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

impl Results {
    /// One more sample of one thing, by one side.
    pub fn add(&mut self, what: &str, by: &str, unit: Unit, sample: f64) {
        match self.rows.iter_mut().find(|row| row.what == what && row.by == by) {
            Some(row) => row.samples.push(sample),
            None => {
                self.rows.push(Row { what: what.to_owned(), by: by.to_owned(), unit, samples: vec![sample] });
            }
        }
    }

    /// The median of one thing; not a number if it was not measured.
    pub fn median(&self, what: &str, by: &str) -> f64 {
        quantile(self.samples(what, by), 0.5)
    }

    /// How many times more the one is than the other. Of things that were measured equally often, which is in the same
    /// rounds, it is the median of what each round says: the machine is as fast for the one as for the other there.
    pub fn times(&self, what: &str, one: &str, other: &str) -> f64 {
        let (ones, others) = (self.samples(what, one), self.samples(what, other));
        if ones.len() != others.len() {
            return quantile(ones, 0.5) / quantile(others, 0.5);
        }
        let times: Vec<f64> = ones.iter().zip(others).map(|(one, other)| one / other).collect();
        quantile(&times, 0.5)
    }

    fn samples(&self, what: &str, by: &str) -> &[f64] {
        self.rows.iter().find(|row| row.what == what && row.by == by).map_or(&[], |row| &row.samples)
    }

    /// Says what was reached of a goal.
    pub fn goal(&mut self, goal: impl Into<String>, reached: impl Into<String>) {
        self.goals.push(Goal { goal: goal.into(), reached: reached.into() });
    }
}

impl Row {
    /// The least time or memory, the highest rate.
    fn best(&self) -> f64 {
        let better = match self.unit {
            Unit::Seconds | Unit::Bytes => f64::min,
            Unit::Rate | Unit::Count => f64::max,
        };
        self.samples.iter().copied().fold(f64::NAN, better)
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Medians of interleaved rounds, and the best of them; of the first, the median of what each round says of both.\n"
        )?;
        writeln!(f, "| what | by | median | best | rounds | of the first |")?;
        writeln!(f, "|---|---|--:|--:|--:|--:|")?;
        for row in &self.rows {
            let (median, best) = (quantile(&row.samples, 0.5), row.best());
            let first = self.rows.iter().find(|first| first.what == row.what);
            let of_first = first.filter(|first| first.by != row.by);
            let of_first = of_first.map(|first| format!("{:.2}", self.times(&row.what, &row.by, &first.by)));
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                row.what,
                row.by,
                shown(row.unit, median),
                shown(row.unit, best),
                row.samples.len(),
                of_first.as_deref().unwrap_or("–"),
            )?;
        }
        writeln!(f)?;
        self.goals.iter().try_for_each(|Goal { goal, reached }| writeln!(f, "- {goal}: {reached}"))
    }
}

/// The value below which so large a part of the others is, from 0 to 1.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds => time(value),
        Unit::Rate => format!("{value:.0}/s"),
        Unit::Bytes => format!("{:.1} KiB", value / 1024.0),
        Unit::Count => format!("{value:.0}"),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_things_are_compared_within_their_rounds() {
        let mut results = Results::default();
        // The machine is five times as slow in the second round, and is disturbed in the third.
        for (one, other) in [(3.0, 2.0), (15.0, 10.0), (3.0, 1.0)] {
            results.add("x", "one", Unit::Seconds, one);
            results.add("x", "other", Unit::Seconds, other);
        }
        assert_eq!(results.times("x", "one", "other"), 1.5);
        results.add("x", "other", Unit::Seconds, 1.0);
        assert_eq!(results.times("x", "one", "other"), 2.0);
        assert!(results.times("x", "one", "nobody").is_nan());
    }
}
