//! The worker processes: started, killed, started again, and listened to.

use std::{
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    chance::Chance,
    journal::{Journal, Line},
    options::RunOptions,
    summary,
};

/// How long the workers may take to finish what they have in flight when the time is over.
const FINISH: Duration = Duration::from_secs(60);
/// How often the workers hear a tick.
const TICK: Duration = Duration::from_millis(20);
const TICKS_PER_SECOND: u64 = 50;

/// The workers of a run, and what they reported.
pub(crate) struct Fleet {
    workers: Vec<Worker>,
    journal: SharedJournal,
    chance: Chance,
}

#[derive(Clone, Default)]
struct SharedJournal(Arc<Mutex<Journal>>);

impl SharedJournal {
    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().expect("no panic while holding the lock")
    }
}

struct Worker {
    number: u32,
    incarnation: u32,
    process: Child,
    /// End when everything that the process sent is in the journal.
    listeners: [JoinHandle<anyhow::Result<()>>; 2],
}

impl Fleet {
    pub(crate) fn start(options: &RunOptions) -> anyhow::Result<Self> {
        let journal = SharedJournal::default();
        let workers =
            (0..options.processes).map(|number| Worker::start(options, number, 0, &journal));
        Ok(Self {
            workers: workers.collect::<anyhow::Result<_>>()?,
            journal: journal.clone(),
            chance: Chance::new(options.seed, &[u64::MAX]),
        })
    }

    /// Kills one worker every second, and starts another in its place.
    pub(crate) async fn run(&mut self, options: &RunOptions) -> anyhow::Result<()> {
        let start = Instant::now();
        for second in 1..=options.seconds {
            for tick in 1..=TICKS_PER_SECOND {
                let number = (second - 1) * TICKS_PER_SECOND + tick;
                let beats = u32::try_from(number).context("the run is too long")?;
                sleep_until(start + TICK * beats).await;
                self.tick(number).await;
            }
            let victim = self.chance.below(u64::from(options.processes)) as usize;
            self.replace(victim, options).await?;
            summary::progress(second, &self.journal.lock());
        }
        Ok(())
    }

    /// First into the journal, then to the workers: what a worker begins after it has heard the tick began after everything
    /// that stands before the tick in the journal had ended.
    async fn tick(&mut self, number: u64) {
        self.journal.lock().take(Line::Tick(number));
        let text = format!("{number}\n");
        for worker in &mut self.workers {
            if let Some(input) = &mut worker.process.stdin {
                // One that died by itself is found when it is killed or waited for.
                let _ = input.write_all(text.as_bytes()).await;
            }
        }
    }

    async fn replace(&mut self, victim: usize, options: &RunOptions) -> anyhow::Result<()> {
        let worker = &mut self.workers[victim];
        worker.kill().await?;
        self.journal.lock().take(Line::Killed);
        *worker = Worker::start(
            options,
            worker.number,
            worker.incarnation + 1,
            &self.journal,
        )?;
        Ok(())
    }

    /// Lets the workers finish, and gives everything that was reported.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Journal> {
        for worker in &mut self.workers {
            drop(worker.process.stdin.take());
        }
        for worker in self.workers {
            worker.finish().await?;
        }
        let journal = Arc::into_inner(self.journal.0).expect("every listener has ended");
        Ok(journal
            .into_inner()
            .expect("no panic while holding the lock"))
    }
}

impl Worker {
    fn start(
        options: &RunOptions,
        number: u32,
        incarnation: u32,
        journal: &SharedJournal,
    ) -> anyhow::Result<Self> {
        let url = options.worker_url.as_ref().unwrap_or(&options.url);
        let mut process = Command::new(std::env::current_exe()?)
            .args(["worker", "--url", url])
            .args(["--seed", &options.seed.to_string()])
            .args(["--faults", &options.faults.to_string()])
            .args(["--number", &number.to_string()])
            .args(["--incarnation", &incarnation.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker")?;
        let output = process.stdout.take().context("a worker has no output")?;
        let complaints = process.stderr.take().context("a worker has no errors")?;
        let listeners = [
            tokio::spawn(listen(output, journal.clone(), report)),
            tokio::spawn(listen(complaints, journal.clone(), complaint)),
        ];
        Ok(Self {
            number,
            incarnation,
            process,
            listeners,
        })
    }

    /// `kill -9`, and waits until all that it sent before is in the journal.
    async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!("worker {} ended by itself with {status}", self.number);
        }
        self.process.kill().await?;
        self.hear_all().await
    }

    async fn finish(mut self) -> anyhow::Result<()> {
        let finished = timeout(FINISH, self.process.wait()).await;
        let number = self.number;
        let status = finished.with_context(|| format!("worker {number} does not finish"))??;
        if !status.success() {
            bail!("worker {number} ended with {status}");
        }
        self.hear_all().await
    }

    async fn hear_all(&mut self) -> anyhow::Result<()> {
        for listener in &mut self.listeners {
            listener.await??;
        }
        Ok(())
    }
}

async fn listen(
    source: impl AsyncRead + Unpin,
    journal: SharedJournal,
    understand: fn(&str) -> anyhow::Result<Option<Line>>,
) -> anyhow::Result<()> {
    let mut lines = BufReader::new(source).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(line) = understand(&line)? {
            journal.lock().take(line);
        }
    }
    Ok(())
}

fn report(line: &str) -> anyhow::Result<Option<Line>> {
    let understood = serde_json::from_str(line).map(Some);
    understood.with_context(|| format!("a worker sent `{line}`"))
}

/// A worker has nothing to say but the seed of its faults; a panic in any of its tasks would be in here.
fn complaint(line: &str) -> anyhow::Result<Option<Line>> {
    if line.starts_with("faults: ") || line.is_empty() {
        return Ok(None);
    }
    eprintln!("{line}");
    let what = format!("a worker complained: {line}");
    Ok(Some(Line::Broken { what }))
}
