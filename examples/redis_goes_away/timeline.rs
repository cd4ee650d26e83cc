//! What happened, each line with its time.

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Timeline(Instant);

impl Timeline {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.0.elapsed().as_secs_f64());
    }
}
