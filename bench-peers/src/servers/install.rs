//! Finds the programs of a server, or installs them through the system's package manager.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};

/// Where Debian keeps the programs of PostgreSQL, one folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and `postgres`: the one in `$POSTGRES_BIN`, else the one of `PATH`, else Debian's newest.
///
/// # Errors
/// When there is none and it may not or could not be installed; the message is the command to run.
pub(crate) fn postgres() -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os("POSTGRES_BIN").map(PathBuf::from) {
        ensure!(
            has_postgres(&named),
            "POSTGRES_BIN names {}, which has no initdb and postgres",
            named.display()
        );
        return Ok(named);
    }
    found_or_installed(
        "PostgreSQL",
        "postgresql",
        "POSTGRES_BIN=/folder/of/postgres",
        installed_postgres,
    )
}

/// A `redis-server` or `valkey-server`: `$REDIS_SERVER`, else the one in `PATH`. `RedisServer` of the testkit finds the same.
///
/// # Errors
/// As [`postgres`].
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os("REDIS_SERVER").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "REDIS_SERVER names {}, which is no file",
            named.display()
        );
        return Ok(named);
    }
    let find_any = || find("redis-server").or_else(|| find("valkey-server"));
    found_or_installed(
        "Redis",
        "redis-server",
        "REDIS_SERVER=/path/to/redis-server",
        find_any,
    )
}

fn found_or_installed(
    name: &str,
    package: &str,
    setting: &str,
    find: impl Fn() -> Option<PathBuf>,
) -> anyhow::Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    eprintln!("bench-peers: {name} is not installed");
    for command in &mut ways_to_install(name, package, setting)? {
        run(command).with_context(|| format!("{name} could not be installed"))?;
    }
    find().with_context(|| {
        format!("{name} was installed, but is not where it should be; set {setting}")
    })
}

fn installed_postgres() -> Option<PathBuf> {
    // A link in PATH leads to the folder where the programs find their own files.
    let in_path = find("postgres")
        .and_then(|program| Some(program.canonicalize().ok()?.parent()?.to_owned()));
    in_path
        .filter(|folder| has_postgres(folder))
        .or_else(newest_of_debian)
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).ok()?.flatten();
    let numbered = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    let usable = numbered.filter(|(_, folder)| has_postgres(folder));
    usable.max().map(|(_, folder)| folder)
}

fn has_postgres(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// The commands that install `package` here without asking anybody.
fn ways_to_install(name: &str, package: &str, setting: &str) -> anyhow::Result<Vec<Command>> {
    if find("apt-get").is_some() {
        ensure!(
            user_id()? == 0,
            "run `sudo apt-get update && sudo apt-get install -y {package}`, then this command again"
        );
        let apt_get = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        return Ok(vec![
            apt_get(&["update"]),
            apt_get(&["install", "-y", package]),
        ]);
    }
    if find("brew").is_some() {
        let mut command = Command::new("brew");
        command.args([
            "install",
            if package == "redis-server" {
                "redis"
            } else {
                package
            },
        ]);
        return Ok(vec![command]);
    }
    bail!("install {name} with your package manager, or set {setting}");
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    eprintln!("bench-peers: $ {command:?}");
    let status = command.stdin(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Where `program` lies in a folder of `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Who runs us.
pub(crate) fn user_id() -> anyhow::Result<u32> {
    id_of(&["-u"])
}

/// What `id` says with these arguments.
pub(crate) fn id_of(arguments: &[&str]) -> anyhow::Result<u32> {
    let said = Command::new("id")
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .context("there is no `id`")?;
    ensure!(
        said.status.success(),
        "`id {}` ended with {}",
        arguments.join(" "),
        said.status
    );
    Ok(String::from_utf8(said.stdout)?.trim().parse()?)
}
