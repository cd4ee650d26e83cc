//! A server process that does not outlive the test that started it.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Mutex, mpsc},
    time::Duration,
};

/// How long a server may take until it answers.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(20);

/// A child process, killed and reaped on drop.
///
/// When the test process is killed, nothing is dropped. On Linux with `setpriv` (util-linux) the kernel then kills the
/// child; elsewhere a server whose test was killed by force has to be stopped by hand.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts `program`, after `prepare` gave it its arguments and streams.
    pub(super) fn start(program: &Path, prepare: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let mut command = match setpriv() {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        prepare(&mut command);
        spawn(command).map(Self)
    }

    /// The process id. `setpriv` becomes the program it starts, so this is the program's.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has.
    pub(super) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first of `names` that is an executable file in a folder of `PATH`.
pub(super) fn find_in_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// `setpriv`, where it can tie a child to its parent; BusyBox's cannot.
fn setpriv() -> Option<&'static Path> {
    static SETPRIV: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| find_in_path(&["setpriv"]).filter(|found| can_tie(found)));
    SETPRIV.as_deref()
}

fn can_tie(setpriv: &Path) -> bool {
    let mut trial = Command::new(setpriv);
    trial
        .args(["--pdeathsig", "KILL", "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    trial.status().is_ok_and(|status| status.success())
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Spawns on a thread that lives as long as this process.
///
/// The kernel's "parent died" signal fires when the *thread* that spawned ends, and a test's thread ends with its test,
/// while a server may be shared by many. Source: `PR_SET_PDEATHSIG` in
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in received {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (answer, answered) = mpsc::channel();
    let spawner = SPAWNER
        .lock()
        .expect("nothing panics while it holds the sender");
    spawner.send((command, answer)).map_err(io::Error::other)?;
    drop(spawner);
    answered.recv().map_err(io::Error::other)?
}

/// Asks `is_ready` every 5 ms until it says so.
///
/// # Errors
/// What `is_ready` answered, or a timeout after [`READY_WITHIN`].
pub(super) fn wait_until_ready(
    what: &str,
    mut is_ready: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    let deadline = now() + READY_WITHIN;
    while !is_ready()? {
        if now() > deadline {
            let message = format!("{what} was not ready within {} s", READY_WITHIN.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        pause();
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a real server needs real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "servers are started outside of the code under test"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
