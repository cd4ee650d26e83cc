//! Threads of its own for a server, so that it answers while the test's runtime is blocked.

use std::{io, ops::Deref};

use tokio::runtime::{Builder, Runtime};

/// A runtime whose tasks and sockets end when it is dropped, also inside of another runtime.
#[derive(Debug)]
pub(super) struct ServerRuntime(Option<Runtime>);

impl ServerRuntime {
    /// Starts two threads called `name`.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }
}

impl Deref for ServerRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("only `drop` takes the runtime")
    }
}

impl Drop for ServerRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // A plain drop would wait for the tasks, and panics inside of another runtime.
            runtime.shutdown_background();
        }
    }
}
