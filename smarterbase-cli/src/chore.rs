//! Has the user's own program do something: starts the ignored test that `schema!` emits, and reads its answer.

use std::{collections::BTreeSet, fs, path::Path, process::Stdio};

use anyhow::{Context, bail};

use crate::blocks::{List, cargo};

/// What a program is to do, as lines of `name=value`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chore(String);

impl Chore {
    pub(crate) fn new(what: &str) -> Self {
        Self::default().with("chore", what)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push_str(&format!("{name}={value}\n"));
        self
    }

    /// The answers of every list, one after the other. The first that could not do it is the error.
    pub(crate) fn run(&self, lists: &[List], arguments: &[String]) -> anyhow::Result<String> {
        let out = tempfile::tempdir().context("cannot make a temporary folder")?;
        let targets: BTreeSet<(&str, Option<&str>)> = lists
            .iter()
            .map(|list| (list.package.as_str(), list.binary.as_deref()))
            .collect();
        for (package, binary) in targets {
            self.run_tests(package, binary, arguments, out.path())?;
        }
        let answers: anyhow::Result<Vec<String>> =
            lists.iter().map(|list| answer(list, out.path())).collect();
        Ok(answers?.concat())
    }

    fn run_tests(
        &self,
        package: &str,
        binary: Option<&str>,
        arguments: &[String],
        out: &Path,
    ) -> anyhow::Result<()> {
        let mut tests = cargo("test", arguments);
        tests.args(["--package", package]);
        match binary {
            Some(name) => tests.args(["--bin", name]),
            None => tests.arg("--lib"),
        };
        tests.args(["smarterbase_chore", "--", "--ignored", "--nocapture"]);
        // Each value is one line, so a line end in one would be another value.
        let asked = format!("{}out={}\n", self.0, out.display());
        let status = tests
            .env("SMARTERBASE_CHORE", asked)
            .stdout(Stdio::null())
            .status()
            .context("cannot run cargo")?;
        if !status.success() {
            bail!("the tests of `{package}` do not run");
        }
        Ok(())
    }
}

fn answer(list: &List, out: &Path) -> anyhow::Result<String> {
    let file = out.join(format!("{}-{}.txt", list.crate_name, list.name));
    let text = fs::read_to_string(file)
        .with_context(|| format!("`schema!` of `{}` did not answer", list.crate_name))?;
    match text.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        Some((_, problem)) => bail!("{}", problem.trim_end().replace('\n', "\n       ")),
        None => bail!("`schema!` of `{}` answered nothing", list.crate_name),
    }
}
