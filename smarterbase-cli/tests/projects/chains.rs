//! Random chains of migrations, through the real compiler: all of them compile, documents of every version read as an
//! independent interpreter says, and no single change of a sealed chain compiles.

mod chain;
mod chance;
mod enumeration;
mod enumeration_reference;
mod enumeration_source;
mod reference;
mod source;
mod wrong;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use chain::Chain;
use chance::Chance;
use serde_json::Value;

use crate::project::Project;

/// Programs, and chains in each: enough that every pair of steps meets.
const PROGRAMS: usize = 4;
const CHAINS: usize = 55;
const DOCUMENTS_PER_VERSION: usize = 4;

#[test]
fn random_chains_compile_and_documents_of_every_version_read_as_the_reference_says() {
    let mut chance = Chance::of_this_run();
    let project = Project::new("chains", source::LIBRARY);
    let programs: Vec<Vec<Chain>> = (0..PROGRAMS)
        .map(|program| {
            (0..CHAINS)
                .map(|number| Chain::random(program * CHAINS + number, &mut chance))
                .collect()
        })
        .collect();
    for (number, chains) in programs.iter().enumerate() {
        let name = format!("chains{number}");
        project.write(format!("src/bin/{name}.rs"), &source::program(chains));
        source::write_locks(&project, &name, chains);
    }
    let (is_done, text) = project.cargo(&["build", "--quiet", "--bins"], &[]);
    assert!(is_done, "{chance}: {text}");
    for (number, chains) in programs.iter().enumerate() {
        read_documents(&project, &format!("chains{number}"), chains, &mut chance);
    }
}

/// Gives documents of every version to a program, and compares what it reads.
fn read_documents(project: &Project, program: &str, chains: &[Chain], chance: &mut Chance) {
    let (mut input, mut expected) = (String::new(), Vec::new());
    for (position, chain) in chains.iter().enumerate() {
        for version in 1..=chain.document.versions.len() {
            for _ in 0..DOCUMENTS_PER_VERSION {
                let (stored, read) = reference::document(chain, version, chance);
                input.push_str(&format!("{position}\t{stored}\n"));
                expected.push((stored, read));
            }
        }
    }
    let output = answers(project, program, &input);
    let answers: Vec<&str> = output.lines().collect();
    assert_eq!(answers.len(), expected.len(), "{chance}: {output}");
    for (answer, (stored, read)) in answers.iter().zip(&expected) {
        let answer: Value = serde_json::from_str(answer)
            .unwrap_or_else(|_| panic!("{chance}: {answer} for {stored}"));
        assert_eq!(answer, *read, "{chance}: of {stored}");
    }
}

fn answers(project: &Project, program: &str, input: &str) -> String {
    let mut child = Command::new(crate::project::built(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .current_dir(project.path(""))
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_single_change_of_a_sealed_chain_compiles() {
    let mut chance = Chance::of_this_run();
    let project = Project::new("chains", source::LIBRARY);
    let chains: Vec<Chain> = (1_000..1_060)
        .map(|number| Chain::random(number, &mut chance))
        .filter(|chain| chain.document.versions.len() > 1)
        .collect();
    let changed: Vec<(Chain, wrong::Change)> = chains
        .into_iter()
        .map(|chain| wrong::change(chain, &mut chance))
        .collect();
    let mut text = String::from(source::HEAD);
    let mut lines = Vec::new();
    for (chain, change) in &changed {
        let first = text.lines().count() + 1;
        text.push_str(&change.source(chain));
        lines.push(first..=text.lines().count());
        source::write_lock(&project, "wrong", &change.lock(chain, "wrong"));
        source::write_lock(&project, "wrong", &source::lock(&chain.embedded, "wrong"));
        source::write_lock(
            &project,
            "wrong",
            &enumeration_source::lock(&chain.kind, "wrong"),
        );
    }
    project.write("src/bin/wrong.rs", &(text + "fn main() {}\n"));
    let (is_done, said) = project.cargo(
        &["check", "--quiet", "--bins", "--message-format", "short"],
        &[],
    );
    assert!(!is_done);
    let errors: Vec<usize> = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("src/bin/wrong.rs:")?
                .split_once(": error")
        })
        .filter_map(|(place, _)| place.split(':').next()?.parse().ok())
        .collect();
    for ((chain, change), lines) in changed.iter().zip(lines) {
        assert!(
            errors.iter().any(|line| lines.contains(line)),
            "{chance}: {change:?} was taken in {}",
            source::module(chain)
        );
    }
    assert!(changed.len() > 40, "{} changes", changed.len());
}
