//! Debian's package manager, where we are root and may use it.

use std::process::{Command, Stdio};

use crate::command::{find, new};

/// Whether this machine has `apt-get`.
pub(crate) fn is_there() -> bool {
    find("apt-get").is_some()
}

/// The commands that install `package`, or `None` when only another user may.
pub(crate) fn install(package: &str) -> Option<[Command; 2]> {
    (is_there() && is_root()).then(|| [apt_get(&["update"]), apt_get(&["install", "-y", package])])
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = new("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    let answer = new("id", &["-u"]).stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}
