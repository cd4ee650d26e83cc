//! A cargo project in a temporary folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A project, and what is run in it. The folder goes with it.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// Every project is built here, so that what they depend on is built once.
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/projects");

/// A program that cargo has built.
pub(crate) fn built(name: &str) -> PathBuf {
    Path::new(TARGET).join("debug").join(name)
}

impl Project {
    /// A package with this name, whose library is this text.
    pub(crate) fn new(name: &str, library: &str) -> Self {
        let project = Self::empty();
        project.package("", name, library);
        project
    }

    /// A folder with nothing but the locked versions of this repository.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        Self { folder }
    }

    /// A package in a folder of the project.
    pub(crate) fn package(&self, folder: &str, name: &str, library: &str) {
        let own = Path::new(folder);
        let root = root();
        let workspace = if folder.is_empty() {
            "[workspace]\n"
        } else {
            ""
        };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n{workspace}[dependencies]\n\
             smarterbase = {{ path = \"{}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
             tokio = {{ version = \"1\", features = [\"rt\", \"macros\"] }}\n",
            root.display()
        );
        self.write(own.join("Cargo.toml"), &manifest);
        self.write(own.join("src/lib.rs"), library);
    }

    pub(crate) fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn read(&self, file: impl AsRef<Path>) -> String {
        let path = self.path(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn write(&self, file: impl AsRef<Path>, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces what must be there.
    pub(crate) fn edit(&self, file: impl AsRef<Path>, from: &str, to: &str) {
        let text = self.read(&file);
        assert!(text.contains(from), "{from} is not in {text}");
        self.write(file, &text.replace(from, to));
    }

    /// What the tool answers.
    pub(crate) fn answer(&self, arguments: &[&str]) -> String {
        let output = self.tool(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", shown(&output));
        self.portable(&output.stdout)
    }

    /// What the tool says when it cannot do it, and everything that cargo said before.
    pub(crate) fn complaint(&self, arguments: &[&str]) -> String {
        let output = self.tool(arguments);
        assert!(
            !output.status.success(),
            "{arguments:?}: {}",
            shown(&output)
        );
        self.portable(&output.stderr)
    }

    fn tool(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_smarterbase"), arguments)
            .output()
            .unwrap()
    }

    /// cargo in the project. Gives whether it succeeded, and what it said.
    pub(crate) fn cargo(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
        let output = self
            .command(env!("CARGO"), arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (output.status.success(), shown(&output))
    }

    /// A program in the project.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CARGO", env!("CARGO"))
            .env("CARGO_TARGET_DIR", TARGET)
            .env("CARGO_NET_OFFLINE", "true")
            // A project lives for one test, and the folder for many runs.
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUST_BACKTRACE", "0")
            .env_remove("SMARTERBASE_SCHEMA_DIR")
            .env_remove("SMARTERBASE_DRAFTS")
            .env_remove("SMARTERBASE_URL");
        command
    }

    /// The text without the name of the temporary folder.
    fn portable(&self, text: &[u8]) -> String {
        let folder = fs::canonicalize(self.folder.path()).unwrap();
        String::from_utf8_lossy(text)
            .replace(&format!("{}/", folder.display()), "")
            .replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn shown(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}
