//! What the functions of migration steps take and return, between the raw text that is stored and the user's types.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::to_raw_value;

use crate::{
    document::{FieldType, Shape, Standing, upgrade},
    migration::{
        Object, Raw, Versions,
        failure::Cause,
        object::null,
        step::{Call, Input},
    },
};

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What the function of a step may return: the new value, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "this migration function returns `{Self}`, but the step needs `{New}` or `Result<{New}, E>`",
    label = "wrong return type for this migration step",
    note = "`E` is an error, a `String` or a `&str`"
)]
pub trait StepOutput<New> {
    /// The new value.
    ///
    /// # Errors
    /// What the function returned.
    fn into_step(self) -> Result<New, Source>;
}

impl<New> StepOutput<New> for New {
    fn into_step(self) -> Result<New, Source> {
        Ok(self)
    }
}
impl<New, E: Into<Source>> StepOutput<New> for Result<New, E> {
    fn into_step(self) -> Result<New, Source> {
        self.map_err(Into::into)
    }
}

/// The arguments of a step's function, as a tuple.
pub trait Arguments: Sized {
    /// Decodes the arguments; their embedded parts are brought to the versions of today first.
    ///
    /// # Errors
    /// A value is not what its version says.
    fn decode(call: &Call<'_>) -> Result<Self, Cause>;
}

fn argument<Old: FieldType + DeserializeOwned>(
    call: &Call<'_>,
    position: usize,
) -> Result<Old, Cause> {
    let input = &call.inputs[position];
    let value = current(Old::SHAPE, call.versions, input)?;
    decode(call.names[position], input, &value)
}

fn current(shape: &Shape, versions: &Versions, input: &Input) -> Result<Raw, Cause> {
    if input.is_new {
        return Ok(input.value.clone());
    }
    upgrade::value(shape, versions, &input.value)
        .map_err(|failure| Cause::Inside(Box::new(failure)))
}

/// serde's own text is left out on purpose: it quotes values.
fn decode<Old: DeserializeOwned>(name: &str, input: &Input, value: &Raw) -> Result<Old, Cause> {
    serde_json::from_str(value.get()).map_err(|_| match input.is_missing {
        true => Cause::Missing(name.to_owned()),
        false => Cause::NotAsSealed(name.to_owned()),
    })
}

macro_rules! arguments {
    ($($name:ident $position:literal),*) => {
        impl<$($name: FieldType + DeserializeOwned),*> Arguments for ($($name,)*) {
            fn decode(call: &Call<'_>) -> Result<Self, Cause> {
                Ok(($(argument::<$name>(call, $position)?,)*))
            }
        }
    };
}
arguments!(A 0);
arguments!(A 0, B 1);
arguments!(A 0, B 1, C 2);
arguments!(A 0, B 1, C 2, D 3);
arguments!(A 0, B 1, C 2, D 3, E 4);
arguments!(A 0, B 1, C 2, D 3, E 4, F 5);

/// An argument whose old shape is not tracked: the function says what it takes.
#[derive(Debug)]
pub struct Untracked<Old>(pub Old);

impl<Old: DeserializeOwned> Arguments for Untracked<Old> {
    fn decode(call: &Call<'_>) -> Result<Self, Cause> {
        decode(call.names[0], &call.inputs[0], &call.inputs[0].value).map(Self)
    }
}

/// Several new values of one function, as a tuple.
pub trait Results {
    /// The values as JSON.
    ///
    /// # Errors
    /// A value is not JSON.
    fn encode(&self) -> Result<Vec<Raw>, Cause>;
}

macro_rules! results {
    ($($name:ident $position:tt),*) => {
        impl<$($name: Serialize),*> Results for ($($name,)*) {
            fn encode(&self) -> Result<Vec<Raw>, Cause> {
                Ok(vec![$(encode(&self.$position)?),*])
            }
        }
    };
}
results!(A 0);
results!(A 0, B 1);
results!(A 0, B 1, C 2);
results!(A 0, B 1, C 2, D 3);
results!(A 0, B 1, C 2, D 3, E 4);
results!(A 0, B 1, C 2, D 3, E 4, F 5);

fn encode<V: Serialize>(value: &V) -> Result<Raw, Cause> {
    to_raw_value(value).map_err(|_| Cause::NotJson)
}

/// The value of `add`.
///
/// # Errors
/// The value is not JSON.
pub fn added<New: Serialize>(value: &New) -> Result<Vec<Raw>, Cause> {
    encode(value).map(|value| vec![value])
}

/// The arguments of a step's function.
///
/// # Errors
/// An argument is not what its version says.
pub fn arguments<Old: Arguments>(call: &Call<'_>) -> Result<Old, Cause> {
    Old::decode(call)
}

/// What a function with one result returned: `convert`, `merge` and `remove_variant`.
///
/// # Errors
/// The function returned an error, or the value is not JSON.
pub fn converted<New: Serialize, Out: StepOutput<New>>(result: Out) -> Result<Vec<Raw>, Cause> {
    let new = result.into_step().map_err(Cause::Refused)?;
    encode(&new).map(|value| vec![value])
}

/// What a function with several results returned: `split`.
///
/// # Errors
/// As [`converted`].
pub fn split<New: Results, Out: StepOutput<New>>(result: Out) -> Result<Vec<Raw>, Cause> {
    result.into_step().map_err(Cause::Refused)?.encode()
}

/// Runs a function that takes and returns a whole struct: `custom`. What it keeps stays as it is.
///
/// # Errors
/// An argument is not what its version says, or the function returned an error.
pub fn custom<Old: DeserializeOwned, New: Serialize, Out: StepOutput<New>>(
    call: &Call<'_>,
    shapes: &[&Shape],
    gives: &[&str],
    keeps: &[&str],
    function: fn(Old) -> Out,
) -> Result<Vec<Raw>, Cause> {
    let mut before = Object::default();
    for ((name, shape), input) in call.names.iter().zip(shapes).zip(call.inputs) {
        if !input.is_missing {
            before.set(name, current(shape, call.versions, input)?, false);
        }
    }
    let old = serde_json::from_str(&before.write())
        .map_err(|_| Cause::NotAsSealed("the whole document".to_owned()))?;
    let new = function(old).into_step().map_err(Cause::Refused)?;
    let after = Object::read(encode(&new)?.get()).map_err(|_| Cause::NotJson)?;
    let value = |name: &&str| {
        let source = if keeps.contains(name) {
            &before
        } else {
            &after
        };
        source.get(name).cloned().unwrap_or_else(null)
    };
    Ok(gives.iter().map(value).collect())
}

/// The text of a lock, held to what the derive read while the program is compiled.
///
/// # Panics
/// When it is another one now.
#[must_use]
#[track_caller]
pub const fn hold_lock(bytes: &'static [u8], seal_line: &str) -> &'static [u8] {
    assert!(
        is_lock(bytes, seal_line),
        "the lock of this type changed after the derive ran; touch this file (or run `cargo clean -p`) to expand it again"
    );
    bytes
}

/// Only the digits of the seal are compared, which change with everything else: sixteen bytes as one number, because the
/// compiler interprets this for every type. A first line that is no seal was reported by the derive.
const fn is_lock(bytes: &[u8], seal_line: &str) -> bool {
    match (digits(seal_line.as_bytes()), digits(bytes)) {
        (Some(wanted), Some(found)) => wanted == found,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// What follows `# seal `.
#[rustfmt::skip]
const fn digits(line: &[u8]) -> Option<u128> {
    match *line {
        [_, _, _, _, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] => {
            Some(u128::from_ne_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]))
        }
        _ => None,
    }
}

/// Refuses a draft while the program is compiled where `SMARTERBASE_DRAFTS=deny`. The second variable only makes cargo expand
/// drafts again when it is set: then the derive writes what `seal` collects.
///
/// # Panics
/// With `message`, where drafts are denied.
#[track_caller]
pub const fn allow_draft(drafts: Option<&str>, _seal_out: Option<&str>, message: &str) {
    if let Some(drafts) = drafts
        && matches!(drafts.as_bytes(), b"deny")
    {
        panic!("{}", message)
    }
}

/// The standing of a document that is a draft.
///
/// # Panics
/// As [`allow_draft`].
#[must_use]
#[track_caller]
pub const fn draft(
    digest: u64,
    drafts: Option<&str>,
    seal_out: Option<&str>,
    message: &str,
) -> Standing {
    allow_draft(drafts, seal_out, message);
    Standing::Draft(digest)
}

#[cfg(test)]
mod tests {
    use super::is_lock;

    #[test]
    fn a_lock_is_known_by_the_digits_of_its_seal() {
        let line = "# seal 0123456789abcdef";
        let text = "# seal 0123456789abcdef\nkind = \"document\"\n";
        assert!(is_lock(text.as_bytes(), line));
        for position in 7..line.len() {
            let mut edited = text.as_bytes().to_vec();
            edited[position] ^= 1;
            assert!(!is_lock(&edited, line), "byte {position}");
            let cut = &text.as_bytes()[..position];
            assert!(!is_lock(cut, line), "{position} bytes");
        }
    }

    #[test]
    fn a_first_line_that_is_no_seal_is_one_error_and_not_two() {
        assert!(is_lock(
            b"kind = \"document\"\n# and more text",
            "kind = \"document\""
        ));
    }
}
