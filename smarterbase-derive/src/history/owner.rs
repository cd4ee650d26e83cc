//! Whether a package has a crate of a name. A lock may belong to another crate of the package (its library, when a test
//! declares a type of the same name), but one whose crate is gone belongs to nobody: the crate was renamed.

use std::path::Path;

/// Where cargo looks for crates that no manifest names.
const FOLDERS: [&str; 4] = ["src/bin", "tests", "examples", "benches"];

/// Whether the package in this folder has a crate that is called so.
pub(super) fn has_crate(package: &Path, name: &str) -> bool {
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap_or_default();
    let names = Names::of(&manifest);
    let is_default = names.package.as_deref() == Some(name)
        && (!names.has_named_library || package.join("src/main.rs").is_file());
    is_default
        || names.targets.iter().any(|target| target == name)
        || FOLDERS
            .iter()
            .any(|folder| is_found(&package.join(folder), name))
}

/// `<folder>/<name>.rs` or `<folder>/<name>/main.rs`.
fn is_found(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.any(|path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let is_crate = path.extension().is_some_and(|extension| extension == "rs")
            || path.join("main.rs").is_file();
        is_crate && stem.is_some_and(|stem| as_crate(stem) == name)
    })
}

/// What a manifest calls its crates.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    package: Option<String>,
    has_named_library: bool,
    targets: Vec<String>,
}

impl Names {
    fn of(manifest: &str) -> Self {
        let (mut names, mut section) = (Self::default(), "");
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.split(']').next().unwrap_or_default();
                section = section.trim_start_matches('[').trim();
            } else if let Some(name) = name_of(line) {
                names.add(section, as_crate(name));
            }
        }
        names
    }

    fn add(&mut self, section: &str, name: String) {
        match section {
            "package" => self.package = Some(name),
            "lib" => {
                self.has_named_library = true;
                self.targets.push(name);
            }
            "bin" | "example" | "test" | "bench" => self.targets.push(name),
            _ => {}
        }
    }
}

/// The value in `name = "value"`.
fn name_of(line: &str) -> Option<&str> {
    let value = line.strip_prefix("name")?.trim_start().strip_prefix('=')?;
    let value = value.trim_start();
    let quote = value
        .chars()
        .next()
        .filter(|first| "\"'".contains(*first))?;
    value[1..].split(quote).next()
}

/// How rustc calls the crate of this target.
fn as_crate(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_manifest_names_the_package_and_its_targets_and_nothing_else_does() {
        let names = Names::of(
            "[package]\nname = \"my-app\" # the app\nversion = \"1.0.0\"\n[lib]\nname='model'\n[[ bin ]]\nname = \"run-it\"\n\
             [dependencies]\nname = \"1\"\n[package.metadata.x]\nname = \"y\"\n[[test]]\nnames = \"z\"\n",
        );
        let expected = Names {
            package: Some("my_app".to_owned()),
            has_named_library: true,
            targets: vec!["model".to_owned(), "run_it".to_owned()],
        };
        assert_eq!(names, expected);
    }
}
