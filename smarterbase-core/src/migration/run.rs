//! Runs the steps of one migration on the members of an object.

use super::{
    Object, Step,
    failure::{Cause, Failure},
    object::null,
    step::{Call, Change, Input, Migration, Versions},
};

/// Runs the migrations from `stored` on, in order. `type_name` is for errors.
///
/// # Errors
/// [`Failure`]: the first step that failed.
pub fn run(
    type_name: &str,
    migrations: &[Migration],
    stored: u32,
    versions: &Versions,
    object: &mut Object,
) -> Result<(), Failure> {
    let later = migrations
        .iter()
        .filter(|migration| migration.from >= stored);
    for migration in later {
        for step in migration.steps {
            apply(step, versions, object)
                .map_err(|cause| Failure::new(type_name, migration.from, step.text(), cause))?;
        }
    }
    Ok(())
}

fn apply(step: &Step, versions: &Versions, object: &mut Object) -> Result<(), Cause> {
    match step {
        Step::Rename(from, to) => {
            vacant(object, to)?;
            object.rename(from, to);
            Ok(())
        }
        Step::Remove(name) => {
            object.take(name);
            Ok(())
        }
        Step::Change(change) => apply_change(change, versions, object),
        // Steps on variants run on values, not on members: see `variant`.
        Step::RenameVariant(..) | Step::ReplaceVariant(_) | Step::Represent(..) => Ok(()),
    }
}

fn apply_change(change: &Change, versions: &Versions, object: &mut Object) -> Result<(), Cause> {
    let (takes, gives) = (change.takes.as_slice(), change.gives.as_slice());
    let inputs: Vec<Input> = takes.iter().map(|name| input(object, name)).collect();
    let results = (change.run)(&Call {
        versions,
        names: takes,
        inputs: &inputs,
    })?;
    for name in takes.iter().filter(|name| !gives.contains(name)) {
        object.take(name);
    }
    for (name, value) in gives.iter().zip(results) {
        if !takes.contains(name) {
            vacant(object, name)?;
        }
        object.set(name, value, true);
    }
    Ok(())
}

fn input(object: &Object, name: &str) -> Input {
    let member = object.members().iter().find(|member| member.name == name);
    Input {
        value: member.map_or_else(null, |member| member.value.clone()),
        is_missing: member.is_none(),
        is_new: member.is_some_and(|member| member.is_new),
    }
}

/// A step that lands on a member that is already there would lose it (rule S28).
fn vacant(object: &Object, name: &str) -> Result<(), Cause> {
    if object.has(name) {
        Err(Cause::Occupied(name.to_owned()))
    } else {
        Ok(())
    }
}
