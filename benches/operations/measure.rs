//! Timing, and printing durations and ratios.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How much is measured: `--quick` is enough to see that everything runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) is_quick: bool,
}

impl Effort {
    /// As many as given, or a tenth of it.
    pub(crate) fn of(self, full: usize) -> usize {
        if self.is_quick {
            (full / 10).max(5)
        } else {
            full
        }
    }
}

/// How long one run of something takes: the median and the 95th percentile of all runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) median: Duration,
    pub(crate) p95: Duration,
}

impl Took {
    fn of(mut runs: Vec<Duration>) -> Self {
        runs.sort_unstable();
        Self {
            median: runs[runs.len() / 2],
            p95: runs[runs.len() * 95 / 100],
        }
    }

    /// How many times longer this takes than `block`, by the medians.
    pub(crate) fn over(self, block: Self) -> f64 {
        self.median.as_secs_f64() / block.median.as_secs_f64()
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", short(self.median), short(self.p95))
    }
}

/// Three digits and a unit.
pub(crate) fn short(duration: Duration) -> String {
    let nanoseconds = duration.as_secs_f64() * 1e9;
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    match value {
        v if v < 10.0 => format!("{v:.2} {unit}"),
        v if v < 100.0 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a bench measures the time that passes"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How many runs of something short share one reading of the clock.
const BATCH: usize = 64;

/// Times something that takes less than a few microseconds.
pub(crate) fn tiny<R>(batches: usize, mut run: impl FnMut() -> R) -> Took {
    let mut runs = Vec::with_capacity(batches);
    for batch in 0..batches + batches / 10 {
        let start = now();
        for _ in 0..BATCH {
            std::hint::black_box(run());
        }
        if batch >= batches / 10 {
            runs.push(start.elapsed() / BATCH as u32);
        }
    }
    Took::of(runs)
}

/// [`tiny`] for something that is awaited.
pub(crate) async fn tiny_async<R>(batches: usize, mut run: impl AsyncFnMut() -> R) -> Took {
    let mut runs = Vec::with_capacity(batches);
    for batch in 0..batches + batches / 10 {
        let start = now();
        for _ in 0..BATCH {
            std::hint::black_box(run().await);
        }
        if batch >= batches / 10 {
            runs.push(start.elapsed() / BATCH as u32);
        }
    }
    Took::of(runs)
}

/// Times each run on its own; `run` gets its number. The first tenth warms up.
pub(crate) async fn each<R>(runs: usize, mut run: impl AsyncFnMut(usize) -> R) -> Took {
    let mut took = Vec::with_capacity(runs);
    for number in 0..runs + runs / 10 {
        let start = now();
        std::hint::black_box(run(number).await);
        if number >= runs / 10 {
            took.push(start.elapsed());
        }
    }
    Took::of(took)
}

/// Starts a table of Markdown.
pub(crate) fn table(title: &str, columns: &[&str]) {
    println!("\n### {title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len() - 1));
}

/// One row of a table.
pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}
