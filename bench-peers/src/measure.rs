//! Timing. Systems take turns within every round, so that a noisy minute is a noisy minute of all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::{
    article::{Library, shuffled},
    operation::Operation,
    systems::Contestant,
};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// A system that has used up its time for an operation has at least this many answers before it sits out.
const LEAST_RUNS: usize = 3;
/// The number of a question that is not timed.
const WARM_UP: usize = 1_000_003;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) is_quick: bool,
}

impl Effort {
    /// Rounds, and questions of one system in each.
    fn rounds(self, operation: Operation) -> (usize, usize) {
        let (rounds, questions) = operation.rounds();
        if self.is_quick {
            ((rounds / 8).max(LEAST_RUNS), questions)
        } else {
            (rounds, questions)
        }
    }

    /// Whether a system has had its time for one operation: enough answers, or so long that few must do.
    fn is_used_up(self, runs: &[Duration]) -> bool {
        let budget = Duration::from_secs(if self.is_quick { 1 } else { 4 });
        let spent: Duration = runs.iter().sum();
        spent > 4 * budget || (spent > budget && runs.len() >= LEAST_RUNS)
    }
}

/// How long one answer takes: the median of all, and the quartiles around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) median: Duration,
    pub(crate) lower: Duration,
    pub(crate) upper: Duration,
    pub(crate) runs: usize,
}

impl Took {
    /// # Panics
    /// Without a run.
    pub(crate) fn of(mut runs: Vec<Duration>) -> Self {
        runs.sort_unstable();
        let at = |quarters: usize| runs[(runs.len() - 1) * quarters / 4];
        Self {
            median: at(2),
            lower: at(1),
            upper: at(3),
            runs: runs.len(),
        }
    }

    /// How many times longer this takes than `other`, by the medians.
    pub(crate) fn over(self, other: Self) -> f64 {
        self.median.as_secs_f64() / other.median.as_secs_f64()
    }
}

/// What one system did in one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    Took(Took),
    /// It was not asked; the peer says why.
    Declined,
}

impl Cell {
    pub(crate) fn took(self) -> Option<Took> {
        match self {
            Self::Took(took) => Some(took),
            Self::Declined => None,
        }
    }
}

/// Asks every system in every round, in an order that changes.
pub(crate) async fn measure(
    operation: Operation,
    contestants: &mut [Contestant],
    library: &Library,
    effort: Effort,
) -> anyhow::Result<Vec<Cell>> {
    let mut runs: Vec<Vec<Duration>> = vec![Vec::new(); contestants.len()];
    let (rounds, questions) = effort.rounds(operation);
    for round in 0..rounds {
        // Who leaves work to the disk does not always leave it to the same one.
        for who in shuffled(contestants.len(), round as u64) {
            let contestant = &mut contestants[who];
            let is_out = effort.is_used_up(&runs[who]);
            if is_out || contestant.peer.declines(operation).is_some() {
                continue;
            }
            if round == 0 && operation.warms_up() {
                ask(operation, contestant, library, WARM_UP).await?;
            }
            for number in round * questions..(round + 1) * questions {
                runs[who].push(ask(operation, contestant, library, number).await?);
            }
        }
    }
    let cells = contestants.iter().zip(runs);
    Ok(cells
        .map(|(contestant, runs)| cell(operation, contestant, runs))
        .collect())
}

fn cell(operation: Operation, contestant: &Contestant, runs: Vec<Duration>) -> Cell {
    match contestant.peer.declines(operation) {
        Some(_) => Cell::Declined,
        None => Cell::Took(Took::of(runs)),
    }
}

/// One question, timed from asking to the decoded documents.
async fn ask(
    operation: Operation,
    contestant: &mut Contestant,
    library: &Library,
    number: usize,
) -> anyhow::Result<Duration> {
    let question = operation.question(library, number, contestant.peer.first_number());
    let expected = question.expects();
    let start = now();
    let answered = tokio::time::timeout(DEADLINE, question.ask(&mut *contestant.peer)).await;
    let took = start.elapsed();
    let told = || format!("{}, {}", contestant.system.name(), operation.name());
    let answer = answered.with_context(told)?.with_context(told)?;
    ensure!(
        answer.len() == expected,
        "{}: {} documents instead of {expected}",
        told(),
        answer.len()
    );
    Ok(took)
}

#[allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures the time that passes"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
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
    format!("{} {unit}", three_digits(value))
}

/// As many decimals as three digits leave room for.
pub(crate) fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quartiles_stand_around_the_median() {
        let runs = [5, 1, 4, 2, 3].map(Duration::from_millis);
        let took = Took::of(runs.to_vec());
        let expected = [2, 3, 4].map(Duration::from_millis);
        assert_eq!([took.lower, took.median, took.upper], expected);
        assert_eq!(took.runs, 5);
    }

    #[test]
    fn what_is_slow_sits_out_sooner() {
        let effort = Effort { is_quick: false };
        let runs = |seconds: u64, count| vec![Duration::from_secs(seconds); count];
        assert!(!effort.is_used_up(&runs(2, 2)) && effort.is_used_up(&runs(2, 3)));
        assert!(effort.is_used_up(&runs(17, 1)) && !effort.is_used_up(&[]));
    }

    #[test]
    fn durations_have_three_digits() {
        let texts =
            [999, 1_234, 56_789, 999_400, 12_345_678].map(|n| short(Duration::from_nanos(n)));
        assert_eq!(texts, ["999 ns", "1.23 µs", "56.8 µs", "999 µs", "12.3 ms"]);
    }
}
