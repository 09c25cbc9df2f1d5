//! What was measured, and the table that is made of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::meter::Spent;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Measured {
    /// One append at so many lines of history.
    Append { lines: usize },
    /// One lifecycle of so many at once.
    Lifecycle { at_once: usize },
    /// A listing of so many tasks.
    List { tasks: usize },
    /// A sweep over so many tasks, of which all are there.
    Sweep { tasks: usize },
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Side {
    /// This store, called natively.
    Native,
    /// This store through a guest, each entry acknowledged on its own.
    Guest,
    /// This store through a guest, by `current-task.log`.
    GuestHeld,
    /// The commands of `Native`, with nothing around them.
    Bare,
    /// The commands of `Guest`, with nothing around them.
    BareGuest,
    /// The peer's way.
    Peer,
}

/// One measurement, for one of what was done.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    /// Wall time in seconds.
    pub(crate) seconds: f64,
    /// The server's processor time in seconds.
    pub(crate) server_cpu: f64,
    /// Bytes sent to the server.
    pub(crate) sent: f64,
    /// Bytes that the server sent.
    pub(crate) received: f64,
    /// The longest wait of another client meanwhile, in seconds.
    pub(crate) longest_wait: Option<f64>,
}

impl Sample {
    /// A sample of `count` that took `seconds` each and `spent` together.
    pub(crate) fn of_each(seconds: f64, spent: Spent, count: usize) -> Self {
        let each = |total: f64| total / count as f64;
        let (server_cpu, sent, received) = (each(spent.cpu), each(spent.sent), each(spent.received));
        Self { seconds, server_cpu, sent, received, longest_wait: None }
    }
}

/// Every sample.
#[derive(Debug, Default)]
pub(crate) struct Results(BTreeMap<(Measured, Side), Vec<Sample>>);

impl Results {
    pub(crate) fn add(&mut self, measured: Measured, side: Side, sample: Sample) {
        self.0.entry((measured, side)).or_default().push(sample);
    }

    /// The median of each number, each on its own.
    fn median(&self, measured: Measured, side: Side) -> Option<Sample> {
        let samples = self.0.get(&(measured, side))?;
        let of = |field: fn(&Sample) -> f64| median(&samples.iter().map(field).collect::<Vec<_>>());
        let waits: Vec<f64> = samples.iter().filter_map(|sample| sample.longest_wait).collect();
        Some(Sample {
            seconds: of(|sample| sample.seconds),
            server_cpu: of(|sample| sample.server_cpu),
            sent: of(|sample| sample.sent),
            received: of(|sample| sample.received),
            longest_wait: if waits.is_empty() { None } else { Some(median(&waits)) },
        })
    }

    /// How many times longer one took than another.
    fn times(&self, measured: Measured, slow: Side, fast: Side) -> Option<f64> {
        Some(self.median(measured, slow)?.seconds / self.median(measured, fast)?.seconds)
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, measured: Measured, side: Side) -> fmt::Result {
        let Some(sample) = self.median(measured, side) else { return Ok(()) };
        let ours = matches!(side, Side::Native | Side::Guest | Side::GuestHeld).then_some(side);
        let times = |other| Some(format!("{:.2}", self.times(measured, other, ours?)?));
        let bare = if side == Side::Native { Side::Bare } else { Side::BareGuest };
        let bare = if self.0.contains_key(&(measured, bare)) { bare } else { Side::Bare };
        let shown = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        writeln!(
            f,
            "| {measured} | {side} | {} | {} | {} | {} | {} | {} | {} | {} |",
            speed(measured, sample.seconds),
            time(sample.server_cpu),
            bytes(sample.sent),
            bytes(sample.received),
            shown(times(Side::Peer)),
            shown(times(bare)),
            shown(self.growth(measured, side)),
            shown(sample.longest_wait.map(time)),
        )
    }

    /// Time, processor time and bytes sent of an append, against those at the shortest history.
    fn growth(&self, measured: Measured, side: Side) -> Option<String> {
        let Measured::Append { .. } = measured else { return None };
        let (now, first) = (self.median(measured, side)?, self.median(Measured::Append { lines: 10 }, side)?);
        let (time, cpu) = (now.seconds / first.seconds, now.server_cpu / first.server_cpu);
        Some(format!("{time:.2} / {cpu:.2} / {:.2}", now.sent / first.sent))
    }

    /// The goals, and what was reached.
    fn goals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (append, at_once) = (|lines| Measured::Append { lines }, |at_once| Measured::Lifecycle { at_once });
        for side in [Side::Native, Side::Guest] {
            if let Some(growth) = self.growth(append(10_000), side) {
                writeln!(f, "- append at 10,000 lines against 10, {side} (at most 1.2): {growth}")?;
            }
        }
        let (guest, peer, bare) = (Side::Guest, Side::Peer, Side::BareGuest);
        for (goal, measured, slow) in [
            ("acknowledged append at 10 lines, guest against the peer (at least 8)", append(10), peer),
            ("acknowledged append at 10000 lines, guest against the peer (at least 60)", append(10_000), peer),
            ("lifecycles at 32 at once, guest against the peer (at least 20)", at_once(32), peer),
            (
                "lifecycles at 256 at once, guest against the bare limit of its commands (at least 0.7)",
                at_once(256),
                bare,
            ),
        ] {
            if let Some(times) = self.times(measured, slow, guest) {
                writeln!(f, "- {goal}: {times:.2}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.0.values().map(Vec::len).max().unwrap_or(0);
        writeln!(f, "Medians of {rounds} interleaved rounds.\n")?;
        writeln!(
            f,
            "| what | by | time, or so many a second | server CPU | sent | received | times as fast as the peer | of the \
             bare limit | time / CPU / sent against 10 lines | longest wait of another client |"
        )?;
        writeln!(f, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for &(measured, side) in self.0.keys() {
            self.row(f, measured, side)?;
        }
        writeln!(f)?;
        self.goals(f)
    }
}

impl Serialize for Results {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.iter();
        serializer.collect_seq(
            entries.map(|((measured, side), samples)| json!({"measured": measured, "side": side, "samples": samples})),
        )
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { lines } => write!(f, "append at {lines} lines"),
            Self::Lifecycle { at_once } => write!(f, "lifecycles, {at_once} at once"),
            Self::List { tasks } => write!(f, "list {tasks} tasks"),
            Self::Sweep { tasks } => write!(f, "sweep {tasks} tasks"),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Guest => "guest",
            Self::GuestHeld => "guest, current-task.log",
            Self::Bare => "bare limit of native",
            Self::BareGuest => "bare limit of guest",
            Self::Peer => "peer",
        })
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => (sorted[length / 2 - 1] + sorted[length / 2]) / 2.0,
    }
}

/// Lifecycles are counted by the second, everything else is timed.
fn speed(measured: Measured, seconds: f64) -> String {
    match measured {
        Measured::Lifecycle { .. } => format!("{:.0}/s", 1.0 / seconds),
        _ => time(seconds),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn bytes(count: f64) -> String {
    match count {
        b if b < 10_000.0 => format!("{b:.0} B"),
        b if b < 1e7 => format!("{:.0} kB", b / 1e3),
        b => format!("{:.0} MB", b / 1e6),
    }
}
