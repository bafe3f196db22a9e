//! What admission looked at, step by step: what it found, what is allowed, and its verdict.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::refusal::Refusal;

/// A step of admission, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum StepName {
    File,
    Signature,
    Scan,
    Compile,
    Contract,
    Describe,
    Probe,
}

impl StepName {
    /// What the step does, for people.
    pub const fn words(self) -> &'static str {
        match self {
            StepName::File => "one copy of the file, no links followed",
            StepName::Signature => "signature and pins",
            StepName::Scan => "whole, and not too much of anything",
            StepName::Compile => "compiled in a process of its own",
            StepName::Contract => "imports and exports against the contract",
            StepName::Describe => "asked what it is",
            StepName::Probe => "started without any grant",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Figure {
    Count(u64),
    Text(String),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Count(count) => write!(f, "{count}"),
            Figure::Text(text) => f.write_str(text),
        }
    }
}

/// One thing that a step looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct Finding {
    /// The rule's name, or what was looked at.
    pub what: String,
    pub value: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Finding {
    pub(crate) fn count(what: impl fmt::Display, value: u64, limit: Option<u64>) -> Self {
        Finding { what: what.to_string(), value: Figure::Count(value), limit }
    }

    pub(crate) fn text(what: &str, value: impl Into<String>) -> Self {
        Finding { what: what.to_owned(), value: Figure::Text(value.into()), limit: None }
    }
}

/// One step that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct Step {
    pub name: StepName,
    #[serde(rename = "micros", serialize_with = "micros")]
    pub took: Duration,
    pub findings: Vec<Finding>,
    /// Why it ended here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

fn micros<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) steps: Vec<Step>,
}

impl Report {
    /// Takes a step and notes what became of it.
    pub(crate) fn step<T>(
        &mut self,
        name: StepName,
        run: impl FnOnce(&mut Vec<Finding>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let started = Instant::now();
        let mut findings = Vec::new();
        let result = run(&mut findings);
        let refusal = result.as_ref().err().cloned();
        self.steps.push(Step { name, took: started.elapsed(), findings, refusal });
        result
    }
}
