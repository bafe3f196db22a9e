//! What is looked at before the compiler sees a byte: that the file is wasm and whole,
//! and that its size in every direction is that of a strategy.

use wasmparser::{Encoding, Parser, Payload};

use crate::refusal::Refusal;

const MODULES: usize = 64;
const FUNCTIONS: usize = 100_000;
const BODY_BYTES: usize = 1 << 20;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Component,
    /// A core module, and whether it carries its WIT.
    Module {
        with_contract: bool,
    },
}

/// Looks through a file.
pub(crate) fn scan(bytes: &[u8]) -> Result<Form, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm {
            starts_with: bytes.iter().take(8).map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect(),
        });
    }
    let broken = |error: &wasmparser::BinaryReaderError| Refusal::Broken {
        offset: u64::try_from(error.offset()).unwrap_or(u64::MAX),
        what: error.message().to_owned(),
    };
    let mut form = None;
    let (mut modules, mut functions) = (0usize, 0usize);
    let mut with_contract = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error))? {
            Payload::Version { encoding, .. } => {
                modules = modules.saturating_add(1);
                form.get_or_insert(encoding);
            }
            Payload::FunctionSection(section) => {
                functions = functions.saturating_add(usize::try_from(section.count()).unwrap_or(usize::MAX));
            }
            Payload::CodeSectionEntry(body) if body.range().len() > BODY_BYTES => {
                return Err(Refusal::TooLarge { what: "a function", found: body.range().len(), allowed: BODY_BYTES });
            }
            Payload::CustomSection(section) if section.name().starts_with("component-type") => with_contract = true,
            _ => {}
        }
        if modules > MODULES {
            return Err(Refusal::TooLarge { what: "the number of its modules", found: modules, allowed: MODULES });
        }
        if functions > FUNCTIONS {
            return Err(Refusal::TooLarge {
                what: "the number of its functions",
                found: functions,
                allowed: FUNCTIONS,
            });
        }
    }
    match form {
        Some(Encoding::Component) => Ok(Form::Component),
        Some(Encoding::Module) => Ok(Form::Module { with_contract }),
        None => Err(Refusal::Empty),
    }
}
