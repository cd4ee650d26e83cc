//! Durations in options: `ttl = "30d"`.

use syn::{Expr, ExprLit, Lit, spanned::Spanned as _};

use super::{
    Spanned,
    item::{Item, Value},
};
use crate::errors::Errors;

/// The longest one: 36,500 days, in seconds.
const MOST: u64 = 36_500 * 24 * 60 * 60;

/// `ttl`, which is none, or `ttl = "30d"`: in seconds.
pub(super) fn seconds(item: &Item, errors: &mut Errors) -> Option<Spanned<u64>> {
    let (span, value) = match &item.value {
        Value::Nothing => (item.span(), Some(0)),
        Value::Equals(value) => (value.span(), written(value)),
        Value::List(_) => (item.span(), None),
    };
    if value.is_none() {
        errors.push(
            span,
            "`ttl` takes a time: write `ttl = \"30d\"`, with `s`, `m`, `h`, `d` or `w`, up to 36500 days\n  \
             help: `ttl` alone means the moment in the field itself",
        );
    }
    value.map(|value| Spanned { value, span })
}

fn written(value: &Expr) -> Option<u64> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => parse(&text.value()),
        _ => None,
    }
}

/// `30d` in seconds.
fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let of_one = seconds_of(unit)?;
    let seconds = number(text.strip_suffix(unit)?)?.checked_mul(of_one)?;
    (seconds <= MOST).then_some(seconds)
}

fn seconds_of(unit: char) -> Option<u64> {
    Some(match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    })
}

/// Digits alone: no sign.
fn number(digits: &str) -> Option<u64> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_digits)
}

#[cfg(test)]
mod tests {
    use super::{MOST, parse};

    #[test]
    fn a_duration_is_digits_and_a_unit() {
        let longest = format!("{MOST}s");
        let days = 24 * 60 * 60;
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("2m", 120),
            ("3h", 10_800),
            ("030d", 30 * days),
            ("1w", 7 * days),
            ("36500d", MOST),
            (&longest, MOST),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        let too_many = format!("{}w", u64::MAX);
        for text in [
            "", "d", "30", "30 d", "+30d", "-1d", "1.5h", "30 days", "30D", "3é", "36501d",
            "99999w", &too_many,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
