//! `bump`: writes the next version and its migration into the attribute of a type.

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use anyhow::{Context, bail};
use smarterbase_schema::{
    Form, Lock, Part, Sealed,
    difference::{self, Change},
};

use crate::{
    blocks::{Block, Look, Messages},
    edit::{self, Target},
    seal,
};

/// What was said about renames before anybody is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Every question is answered with yes.
    pub(crate) yes: bool,
    /// Old and new name.
    pub(crate) renamed: Vec<(String, String)>,
    /// Names of parts that went.
    pub(crate) removed: Vec<String>,
}

impl Answers {
    /// The answers of the command line.
    pub(crate) fn new(yes: bool, renames: &[String], removed: &[String]) -> anyhow::Result<Self> {
        let pair = |text: &String| -> anyhow::Result<(String, String)> {
            let (old, new) = text
                .split_once('=')
                .context("`--rename` is `<old>=<new>`")?;
            Ok((old.to_owned(), new.to_owned()))
        };
        Ok(Self {
            yes,
            renamed: renames.iter().map(pair).collect::<Result<_, _>>()?,
            removed: removed.to_vec(),
        })
    }
}

/// Bumps the type with this Rust or stored name.
pub(crate) fn bump(name: &str, answers: &Answers, cargo: &[String]) -> anyhow::Result<String> {
    let look = Look {
        arguments: cargo,
        messages: Messages::Hidden,
        deny_drafts: false,
    };
    let found = look.run()?;
    let compiles = found.compiles;
    let mut blocks = found.changed;
    blocks.extend(found.blocks);
    blocks.retain(|block| block.type_name == name || block.today.name == name);
    let [block] = &blocks[..] else {
        return Err(not_one(name, &blocks));
    };
    let lock = lock(block)?;
    let last = lock.last().context("a lock has a version")?;
    let changes = changes(block, last, compiles)?;
    let renamed = renames(&changes, answers, &mut ask)?;
    write(block, last, &changes, &renamed)
}

fn not_one(name: &str, blocks: &[Block]) -> anyhow::Error {
    match blocks {
        [] => anyhow::anyhow!(
            "nothing that `{name}` stores has changed, or the crates do not compile as far as it\n  \
             help: `cargo check` tells what is wrong"
        ),
        _ => anyhow::anyhow!("several types are called `{name}`\n  help: say the stored name"),
    }
}

fn lock(block: &Block) -> anyhow::Result<Lock> {
    let (name, path) = (&block.type_name, &block.lock_path);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "`{name}` was never sealed, so its first version is a draft: change it as you like\n  \
             help: run `cargo smarterbase seal` before data that matters is stored"
        ),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let lock = Lock::parse(&text).with_context(|| path.display().to_string())?;
    seal::is_of(block, &lock)?;
    Ok(lock)
}

/// What the struct stores otherwise than the last sealed version.
fn changes(block: &Block, last: &Sealed, compiles: bool) -> anyhow::Result<Vec<Change>> {
    let (name, sealed) = (&block.type_name, last.version);
    let today = block.today.last().context("a block has a version")?;
    if today.version == sealed + 1 {
        bail!(
            "`{name}` version {} is a draft already, so its migration may still change\n  \
             help: `cargo check` tells which step is missing",
            today.version
        );
    }
    if today.version != sealed {
        bail!(
            "`{name}` says version {}, but {sealed} is the last sealed one\n  help: write `version = {sealed}`",
            today.version
        );
    }
    let (mut changes, undecided) = difference::between(&last.shape, &today.shape);
    // Where the crates do not compile, a type with another name may be the reason.
    if changes.is_empty() && !compiles {
        changes.extend(
            undecided
                .into_iter()
                .map(|(before, after)| Change::Retyped(before, after)),
        );
    }
    if changes.is_empty() {
        bail!("nothing that `{name}` stores has changed since version {sealed}");
    }
    Ok(changes)
}

/// Which parts were renamed: as it was said, or asked for one pair after the other.
fn renames(
    changes: &[Change],
    answers: &Answers,
    ask: &mut dyn FnMut(&str) -> anyhow::Result<bool>,
) -> anyhow::Result<Vec<(String, String)>> {
    let possible = difference::renames(changes);
    for (old, new) in &answers.renamed {
        if !possible.contains(&(old.clone(), new.clone())) {
            bail!(
                "`{old}` cannot have become `{new}`: one must be gone, the other be new, and their types be equal"
            );
        }
    }
    let mut renamed = answers.renamed.clone();
    for (old, new) in &possible {
        let is_settled = |(one, other): &(String, String)| one == old || other == new;
        if renamed.iter().any(is_settled) || answers.removed.contains(old) {
            continue;
        }
        let is_alone = possible.iter().filter(|pair| is_settled(pair)).count() == 1;
        let is_rename = match answers.yes {
            true if !is_alone => return Err(ambiguous(old, &possible)),
            true => true,
            false => ask(&format!("was `{old}` renamed to `{new}`?"))?,
        };
        if is_rename {
            renamed.push((old.clone(), new.clone()));
        }
    }
    Ok(renamed)
}

fn ambiguous(old: &str, possible: &[(String, String)]) -> anyhow::Error {
    let pairs: Vec<String> = possible
        .iter()
        .map(|(old, new)| format!("{old}={new}"))
        .collect();
    anyhow::anyhow!(
        "`{old}` could have been renamed in more than one way, so `--yes` is no answer\n  \
         help: say which it was with `--rename`: {}\n  help: or say `--remove {old}`",
        pairs.join(", ")
    )
}

/// Asks on the terminal. Where there is none, nobody may answer for the user: a rename that is taken for a removal loses
/// data.
fn ask(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!(
            "{question}\n  help: there is no terminal to ask on; say `--rename <old>=<new>`, `--remove <old>`, or `--yes`"
        );
    }
    loop {
        eprint!("{question} [y/n] ");
        io::stderr().flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            bail!("nobody answered");
        }
        match line.trim() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

fn write(
    block: &Block,
    last: &Sealed,
    changes: &[Change],
    renamed: &[(String, String)],
) -> anyhow::Result<String> {
    let form = last.shape.form;
    let to = last.version + 1;
    let steps = difference::steps_with(form, changes, renamed).join(", ");
    let migration = format!("migrate({} => {to}, {steps})", last.version);
    let word = block.today.kind.name();
    let (file, line) = block
        .place
        .as_ref()
        .filter(|(file, _)| file.is_file())
        .with_context(|| by_hand(block, word, to, &migration))?;
    let source = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let target = Target {
        word,
        type_name: &block.type_name,
        line: *line,
    };
    let edited = edit::bumped(&source, &target, to, &migration)
        .with_context(|| by_hand(block, word, to, &migration))?;
    seal::replace(file, &edited)?;
    Ok(format!(
        "`{}` is at version {to} now:\n{}\n  {migration}\n{}",
        block.type_name,
        difference::list(changes),
        functions(form, changes)
    ))
}

fn by_hand(block: &Block, word: &str, to: u32, migration: &str) -> String {
    format!(
        "the source of `{}` cannot be edited\n  help: write #[{word}(version = {to}, {migration})]",
        block.type_name
    )
}

/// The functions that the migration calls, and that are yet to be written.
fn functions(form: Form, changes: &[Change]) -> String {
    let signature = |change: &Change| match change {
        Change::Retyped(before, after) if is_converted(before, after) => Some(format!(
            "  write `fn convert_{}(old: {}) -> {}`, or one that returns a `Result`\n",
            after.name.to_lowercase(),
            before.ty,
            after.ty
        )),
        Change::Removed(part) if form == Form::Enum => Some(format!(
            "  write `fn replace_{}({}) -> Self`'s type, for values of the variant that went\n",
            part.name.to_lowercase(),
            if part.ty == "()" {
                String::new()
            } else {
                format!("old: {}", part.ty)
            }
        )),
        _ => None,
    };
    changes.iter().filter_map(signature).collect()
}

fn is_converted(before: &Part, after: &Part) -> bool {
    !before.parsed().widens_to(&after.parsed()) && before.is_opaque() == after.is_opaque()
}

#[cfg(test)]
mod tests {
    use smarterbase_schema::{Part, difference::Change};

    use super::{Answers, renames};

    fn changes() -> Vec<Change> {
        vec![
            Change::Removed(Part::new("name", "String")),
            Change::Added(Part::new("full_name", "String")),
            Change::Added(Part::new("nick", "String")),
            Change::Added(Part::new("age", "u8")),
        ]
    }

    fn pair(old: &str, new: &str) -> (String, String) {
        (old.to_owned(), new.to_owned())
    }

    #[test]
    fn each_possible_rename_is_asked_for_until_one_is_taken() {
        let mut asked = Vec::new();
        let mut ask = |question: &str| {
            asked.push(question.to_owned());
            Ok(question.contains("nick"))
        };
        let found = renames(&changes(), &Answers::default(), &mut ask).unwrap();
        assert_eq!(found, [pair("name", "nick")]);
        assert_eq!(
            asked,
            [
                "was `name` renamed to `full_name`?",
                "was `name` renamed to `nick`?"
            ]
        );
    }

    #[test]
    fn what_was_said_is_not_asked() {
        let mut never = |question: &str| panic!("{question}");
        let said = Answers::new(false, &["name=full_name".to_owned()], &[]).unwrap();
        let found = renames(&changes(), &said, &mut never).unwrap();
        assert_eq!(found, [pair("name", "full_name")]);
        let said = Answers::new(false, &[], &["name".to_owned()]).unwrap();
        assert_eq!(renames(&changes(), &said, &mut never).unwrap(), []);
    }

    #[test]
    fn yes_is_no_answer_where_there_is_a_choice_and_no_rename_is_made_up() {
        let mut never = |question: &str| panic!("{question}");
        let yes = Answers {
            yes: true,
            ..Answers::default()
        };
        let text = renames(&changes(), &yes, &mut never)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("--rename`: name=full_name, name=nick"),
            "{text}"
        );
        let said = Answers::new(false, &["name=age".to_owned()], &[]).unwrap();
        let text = renames(&changes(), &said, &mut never)
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("`name` cannot have become `age`"),
            "{text}"
        );
    }
}
