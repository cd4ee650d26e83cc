//! The worker processes: started, killed, started again, and listened to.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
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

/// The workers of a run, and what they reported.
pub(crate) struct Fleet {
    workers: Vec<Worker>,
    journal: Arc<Mutex<Journal>>,
    chance: Chance,
}

struct Worker {
    number: u32,
    incarnation: u32,
    process: Child,
    /// Ends when everything that the process sent is in the journal.
    listener: JoinHandle<anyhow::Result<()>>,
}

impl Fleet {
    pub(crate) fn start(options: &RunOptions) -> anyhow::Result<Self> {
        let journal = Arc::new(Mutex::new(Journal::default()));
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
            sleep_until(start + Duration::from_secs(second)).await;
            let victim = self.chance.below(u64::from(options.processes)) as usize;
            self.replace(victim, options).await?;
            summary::progress(
                second,
                &self
                    .journal
                    .lock()
                    .expect("no panic while holding the lock"),
            );
        }
        Ok(())
    }

    async fn replace(&mut self, victim: usize, options: &RunOptions) -> anyhow::Result<()> {
        let worker = &mut self.workers[victim];
        worker.kill().await?;
        *worker = Worker::start(
            options,
            worker.number,
            worker.incarnation + 1,
            &self.journal,
        )?;
        let mut journal = self
            .journal
            .lock()
            .expect("no panic while holding the lock");
        journal.kills += 1;
        Ok(())
    }

    /// Lets the workers finish, and gives everything that was reported.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Journal> {
        for worker in &mut self.workers {
            drop(worker.process.stdin.take());
        }
        for mut worker in self.workers {
            let finished = timeout(FINISH, worker.process.wait()).await;
            let status =
                finished.with_context(|| format!("worker {} does not finish", worker.number))??;
            if !status.success() {
                bail!("worker {} ended with {status}", worker.number);
            }
            worker.listener.await??;
        }
        let journal = Arc::into_inner(self.journal).expect("every listener has ended");
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
        journal: &Arc<Mutex<Journal>>,
    ) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["worker", "--url", &options.url])
            .args(["--seed", &options.seed.to_string()])
            .args(["--number", &number.to_string()])
            .args(["--incarnation", &incarnation.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker")?;
        let output = process.stdout.take().context("a worker has no output")?;
        let listener = tokio::spawn(listen(output, journal.clone()));
        Ok(Self {
            number,
            incarnation,
            process,
            listener,
        })
    }

    /// `kill -9`, and waits until all that it sent before is in the journal.
    async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!("worker {} ended by itself with {status}", self.number);
        }
        self.process.kill().await?;
        (&mut self.listener).await?
    }
}

async fn listen(output: ChildStdout, journal: Arc<Mutex<Journal>>) -> anyhow::Result<()> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        let line: Line =
            serde_json::from_str(&line).with_context(|| format!("a worker sent `{line}`"))?;
        journal
            .lock()
            .expect("no panic while holding the lock")
            .take(line);
    }
    Ok(())
}
