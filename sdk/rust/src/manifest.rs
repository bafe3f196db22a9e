//! What a strategy says of itself, and what it is given in return. What lives here: building a manifest,
//! reading parameters with their defaults and ranges.

use std::ops::RangeInclusive;

pub use crate::bindings::exports::ringfence::strategy::handler::Manifest;
use crate::{
    Balance, Context, Decimal, InitError, Instrument, Mode, ParameterSpec, Stream, Timestamp, Value, ValueRange, Wish,
};

impl Manifest {
    /// A strategy without wishes and parameters. The name: letters, digits, `-`; at most 64.
    pub fn new(name: &str, version: &str) -> Manifest {
        Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            description: String::new(),
            language: "rust".to_owned(),
            wishes: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// One line for the operator.
    pub fn description(mut self, text: &str) -> Manifest {
        text.clone_into(&mut self.description);
        self
    }

    /// Streams of a symbol that it would like; the operator decides.
    pub fn wish(mut self, symbol: &str, streams: &[Stream]) -> Manifest {
        self.wishes.push(Wish { symbol: symbol.to_owned(), streams: streams.to_vec() });
        self
    }

    /// A whole number.
    pub fn integer(self, name: &str, default: i64, range: RangeInclusive<i64>, description: &str) -> Manifest {
        self.parameter(name, description, Value::Integer(default), ValueRange::Integer(range.into_inner()))
    }

    /// An exact amount.
    pub fn number(self, name: &str, default: Decimal, range: RangeInclusive<Decimal>, description: &str) -> Manifest {
        self.parameter(name, description, Value::Number(default), ValueRange::Number(range.into_inner()))
    }

    /// Yes or no.
    pub fn boolean(self, name: &str, default: bool, description: &str) -> Manifest {
        self.parameter(name, description, Value::Boolean(default), ValueRange::Any)
    }

    /// Any text.
    pub fn text(self, name: &str, default: &str, description: &str) -> Manifest {
        self.parameter(name, description, Value::Text(default.to_owned()), ValueRange::Any)
    }

    /// One of some texts.
    pub fn choice(self, name: &str, default: &str, choices: &[&str], description: &str) -> Manifest {
        let choices = choices.iter().map(|&choice| choice.to_owned()).collect();
        self.parameter(name, description, Value::Text(default.to_owned()), ValueRange::Choice(choices))
    }

    fn parameter(mut self, name: &str, description: &str, default: Value, range: ValueRange) -> Manifest {
        self.parameters.push(ParameterSpec {
            name: name.to_owned(),
            description: description.to_owned(),
            default,
            range,
        });
        self
    }
}

/// What a strategy starts with: parameters, instruments, allocation.
#[derive(Debug, Clone)]
pub struct Setup {
    context: Context,
    parameters: Vec<(String, Value)>,
}

fn invalid(name: &str, problem: impl Into<String>) -> InitError {
    InitError::InvalidParameter((name.to_owned(), problem.into()))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "integer",
        Value::Number(_) => "number",
        Value::Boolean(_) => "boolean",
        Value::Text(_) => "text",
    }
}

/// A given value in the declared type and range.
fn checked(spec: &ParameterSpec, given: &Value) -> Result<Value, InitError> {
    let value = match (given, &spec.default) {
        // A whole number is an amount too.
        (Value::Integer(whole), Value::Number(_)) => Value::Number(Decimal::new(*whole, 0)),
        (given, _) => given.clone(),
    };
    if kind(&value) != kind(&spec.default) {
        let problem = format!("must be of type {}, not {}", kind(&spec.default), kind(&value));
        return Err(invalid(&spec.name, problem));
    }
    let problem = match (&value, &spec.range) {
        (Value::Integer(value), ValueRange::Integer((low, high))) if value < low || value > high => {
            format!("must be from {low} to {high}")
        }
        (Value::Number(value), ValueRange::Number((low, high))) if value < low || value > high => {
            format!("must be from {low} to {high}")
        }
        (Value::Text(value), ValueRange::Choice(choices)) if !choices.contains(value) => {
            format!("must be one of {}", choices.join(", "))
        }
        _ => return Ok(value),
    };
    Err(invalid(&spec.name, problem))
}

impl Setup {
    /// Values of all declared parameters: given ones checked, the rest by default.
    pub(crate) fn new(manifest: &Manifest, context: Context) -> Result<Setup, InitError> {
        let declared = |name: &str| manifest.parameters.iter().any(|spec| spec.name == name);
        if let Some(stranger) = context.parameters.iter().find(|given| !declared(&given.name)) {
            return Err(invalid(&stranger.name, "no such parameter"));
        }
        let parameters = manifest
            .parameters
            .iter()
            .map(|spec| {
                let given = context.parameters.iter().find(|given| given.name == spec.name);
                Ok((
                    spec.name.clone(),
                    given.map_or_else(|| Ok(spec.default.clone()), |given| checked(spec, &given.value))?,
                ))
            })
            .collect::<Result<_, InitError>>()?;
        Ok(Setup { context, parameters })
    }

    fn value<'a, T>(&'a self, name: &str, wanted: &str, pick: fn(&'a Value) -> Option<T>) -> Result<T, InitError> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        let (_, value) = found.ok_or_else(|| invalid(name, "is not declared in the manifest"))?;
        pick(value).ok_or_else(|| invalid(name, format!("is declared as {}, not {wanted}", kind(value))))
    }

    /// A parameter that is declared as integer.
    pub fn integer(&self, name: &str) -> Result<i64, InitError> {
        self.value(name, "integer", |value| if let Value::Integer(value) = value { Some(*value) } else { None })
    }

    /// A parameter that is declared as integer, as a length or a count.
    pub fn count(&self, name: &str) -> Result<usize, InitError> {
        usize::try_from(self.integer(name)?).map_err(|_| invalid(name, "must not be below zero"))
    }

    /// A parameter that is declared as number.
    pub fn number(&self, name: &str) -> Result<Decimal, InitError> {
        self.value(name, "number", |value| if let Value::Number(value) = value { Some(*value) } else { None })
    }

    /// A parameter that is declared as boolean.
    pub fn boolean(&self, name: &str) -> Result<bool, InitError> {
        self.value(name, "boolean", |value| if let Value::Boolean(value) = value { Some(*value) } else { None })
    }

    /// A parameter that is declared as text or choice.
    pub fn text(&self, name: &str) -> Result<&str, InitError> {
        self.value(name, "text", |value| if let Value::Text(value) = value { Some(value.as_str()) } else { None })
    }

    /// A granted instrument by its symbol.
    pub fn instrument(&self, symbol: &str) -> Result<Instrument, InitError> {
        let found = self.instruments().iter().find(|instrument| instrument.symbol == symbol);
        found.cloned().ok_or_else(|| InitError::MissingGrant(format!("instrument {symbol}")))
    }

    /// All granted instruments.
    pub fn instruments(&self) -> &[Instrument] {
        &self.context.instruments
    }

    /// What the strategy may trade with at the start.
    pub fn allocation(&self) -> &[Balance] {
        &self.context.allocation
    }

    /// Name of the instance in the operator's configuration.
    pub fn instance(&self) -> &str {
        &self.context.instance
    }

    /// Whether this is live, simulated or a replay.
    pub fn mode(&self) -> Mode {
        self.context.mode
    }

    /// Event time of the start.
    pub fn now(&self) -> Timestamp {
        self.context.now
    }

    /// For own random numbers; [`Ctx::random`](crate::Ctx::random) uses it.
    pub fn seed(&self) -> u64 {
        self.context.seed
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Parameter, decimal};

    fn manifest() -> Manifest {
        Manifest::new("test", "1")
            .integer("length", 10, 1..=100, "")
            .number("quantity", decimal!("0.5"), decimal!("0.1")..=decimal!("2"), "")
            .boolean("short", false, "")
            .text("note", "", "")
            .choice("at", "touch", &["touch", "mid"], "")
    }

    fn setup(given: &[(&str, Value)]) -> Result<Setup, InitError> {
        let parameters = given.iter().map(|(name, value)| Parameter { name: (*name).to_owned(), value: value.clone() });
        let context = Context {
            instance: "test".to_owned(),
            mode: Mode::Sim,
            now: 1,
            seed: 1,
            instruments: Vec::new(),
            parameters: parameters.collect(),
            allocation: Vec::new(),
        };
        Setup::new(&manifest(), context)
    }

    #[test]
    fn defaults_and_given_values() {
        let setup = setup(&[("quantity", Value::Integer(2)), ("at", Value::Text("mid".to_owned()))]).unwrap();
        assert_eq!((setup.integer("length").unwrap(), setup.count("length").unwrap()), (10, 10));
        assert_eq!(setup.number("quantity").unwrap(), decimal!("2"));
        assert!(!setup.boolean("short").unwrap());
        assert_eq!((setup.text("note").unwrap(), setup.text("at").unwrap()), ("", "mid"));
        assert_eq!(setup.instrument("BTCUSDT"), Err(InitError::MissingGrant("instrument BTCUSDT".to_owned())));
        assert!(matches!(setup.integer("nothing"), Err(InitError::InvalidParameter(_))));
        assert!(matches!(setup.integer("quantity"), Err(InitError::InvalidParameter(_))));
    }

    #[test]
    fn wrong_values_are_named() {
        for (name, value, problem) in [
            ("length", Value::Integer(0), "must be from 1 to 100"),
            ("length", Value::Number(decimal!("1")), "must be of type integer, not number"),
            ("quantity", Value::Number(decimal!("2.1")), "must be from 0.1 to 2"),
            ("at", Value::Text("top".to_owned()), "must be one of touch, mid"),
            ("depth", Value::Integer(1), "no such parameter"),
        ] {
            assert_eq!(setup(&[(name, value)]).unwrap_err(), invalid(name, problem));
        }
    }
}
