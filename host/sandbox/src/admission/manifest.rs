//! What a plugin says of itself, looked at before anybody believes or shows it.

use ringfence_model::strategy::{Manifest, Value, ValueRange};

use crate::budgets::Budgets;
use crate::refusal::{Refusal, first_line};

/// Most wishes, streams of a wish, parameters, and choices of a parameter: a form that a person
/// still reads.
const ENTRIES: usize = 64;

/// A name that may be shown, become a file's name, and label a metric.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub(super) fn check(manifest: &Manifest, budgets: &Budgets) -> Result<(), Refusal> {
    let wrong = |what: String| Err(Refusal::Manifest(what));
    if !is_name(&manifest.name) {
        return wrong(format!("name {:?} must be 1 to 64 letters, digits, `-` or `_`", first_line(&manifest.name)));
    }
    for (what, text) in [("version", &manifest.version), ("language", &manifest.language)] {
        if text.is_empty() || text.len() > 64 || first_line(text) != *text {
            return wrong(format!("{what} must be 1 to 64 visible characters"));
        }
    }
    if manifest.description.len() > budgets.log_line {
        return wrong(format!("description is longer than {} bytes", budgets.log_line));
    }
    if manifest.wishes.len() > ENTRIES || manifest.parameters.len() > ENTRIES {
        return wrong(format!("it has more than {ENTRIES} wishes or parameters"));
    }
    for (symbol, streams) in &manifest.wishes {
        if !(1..=32).contains(&symbol.len()) || !symbol.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return wrong(format!("it wishes for {:?}, which is no symbol; write it like BTCUSDT", first_line(symbol)));
        }
        if streams.len() > ENTRIES {
            return wrong(format!("it wishes for more than {ENTRIES} streams of {symbol}"));
        }
    }
    for (index, spec) in manifest.parameters.iter().enumerate() {
        if !is_name(&spec.name) {
            return wrong(format!(
                "parameter {:?} must be named with 1 to 64 letters, digits, `-` or `_`",
                first_line(&spec.name)
            ));
        }
        if manifest.parameters.iter().take(index).any(|other| other.name == spec.name) {
            return wrong(format!("parameter `{}` is declared twice", spec.name));
        }
        let fits = match (&spec.range, &spec.default) {
            (ValueRange::Integer(low, high), Value::Integer(value)) => (low..=high).contains(&value),
            (ValueRange::Number(low, high), Value::Number(value)) => (low..=high).contains(&value),
            (ValueRange::Choice(choices), Value::Text(value)) => choices.len() <= ENTRIES && choices.contains(value),
            (ValueRange::Any, _) => true,
            _ => false,
        };
        if !fits {
            return wrong(format!("the default of parameter `{}` is not within its own range", spec.name));
        }
    }
    Ok(())
}
