//! What is looked at before the compiler sees a byte: that the file is wasm and whole, and
//! that its size in every direction is that of a strategy. Reads headers and counts; types
//! are not followed, so nothing here recurses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{
    BinaryReaderError, ComponentTypeRef, DataKind, ElementItems, Encoding, FunctionBody, KnownCustom, MemoryType,
    Operator, Parser, Payload, TypeRef,
};

use super::contract;
use super::rules::{Measures, Rule};
use crate::budgets::Budgets;
use crate::refusal::{Refusal, first_line};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A component.
    Component,
    /// A core module that carries its contract.
    Module,
}

/// What was found in a file that may go on.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) form: Form,
    pub(crate) measures: Measures,
    /// Who made it: field, name, version, as its tools say.
    pub(crate) producers: Vec<(String, String, String)>,
}

/// Tools that are listed at most; it is a courtesy of the tools, not part of the plugin.
const PRODUCERS: usize = 32;

/// Looks through a file; `limit` says how much of everything it may hold.
pub(crate) fn scan(bytes: &[u8], limit: &dyn Fn(Rule) -> u64) -> Result<Scan, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    // Before anything else: what is too large is not even looked at.
    let mut counter = Counter { measures: Measures::default(), limit };
    counter.raise(Rule::FileBytes, bytes.len())?;
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm {
            starts_with: bytes.iter().take(8).map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect(),
        });
    }
    // The parser promises no panics, but whole files have once brought one down.
    catch_unwind(AssertUnwindSafe(move || read(bytes, counter)))
        .unwrap_or_else(|_| Err(Refusal::Broken { offset: 0, what: "the parser gave up on it".to_owned() }))
}

/// What is allowed: the budgets bound some of it further, since it could never run.
pub(super) fn limit(rule: Rule, budgets: &Budgets) -> u64 {
    match rule {
        Rule::FileBytes => wide(budgets.file_bytes),
        Rule::MemoryBytes => wide(budgets.memory_bytes),
        Rule::TableElements => wide(budgets.table_elements),
        rule => rule.limit(),
    }
}

/// Counts, and stops at the first limit that is passed.
struct Counter<'a> {
    measures: Measures,
    limit: &'a dyn Fn(Rule) -> u64,
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

impl Counter<'_> {
    fn put(&mut self, rule: Rule, found: u64) -> Result<(), Refusal> {
        self.measures.set(rule, found);
        let allowed = (self.limit)(rule);
        if found > allowed { Err(Refusal::TooLarge { rule, found, allowed }) } else { Ok(()) }
    }

    fn add(&mut self, rule: Rule, more: u64) -> Result<(), Refusal> {
        self.put(rule, self.measures.get(rule).saturating_add(more))
    }

    /// Keeps the largest.
    fn raise(&mut self, rule: Rule, one: usize) -> Result<(), Refusal> {
        self.put(rule, self.measures.get(rule).max(wide(one)))
    }

    fn name(&mut self, name: &str) -> Result<(), Refusal> {
        self.raise(Rule::NameBytes, name.len())
    }
}

impl From<BinaryReaderError> for Refusal {
    fn from(error: BinaryReaderError) -> Self {
        let offset = u64::try_from(error.offset()).unwrap_or(u64::MAX);
        Refusal::Broken { offset, what: first_line(error.message()) }
    }
}

fn read(bytes: &[u8], mut count: Counter<'_>) -> Result<Scan, Refusal> {
    let mut outer = None;
    let mut depth = 0usize;
    let mut producers = Vec::new();
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                outer.get_or_insert(encoding);
                depth = depth.saturating_add(1);
                count.raise(Rule::Depth, depth)?;
                count.add(Rule::Modules, 1)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::TypeSection(section) => {
                count.add(Rule::Types, section.count().into())?;
                for group in section {
                    for ty in group?.into_types() {
                        if let wasmparser::CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                            count.raise(Rule::Parameters, ty.params().len().max(ty.results().len()))?;
                        }
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    count.add(Rule::Imports, 1)?;
                    count.name(import.module)?;
                    count.name(import.name)?;
                    // What is imported is counted where it is made, except by a module that stands alone.
                    if let (Some(Encoding::Module), TypeRef::Memory(memory)) = (outer, import.ty) {
                        count.add(Rule::MemoryBytes, minimum(&memory))?;
                    }
                }
            }
            Payload::FunctionSection(section) => count.add(Rule::Functions, section.count().into())?,
            Payload::CodeSectionEntry(body) => self::body(&mut count, &body)?,
            Payload::TableSection(section) => {
                count.add(Rule::Tables, section.count().into())?;
                for table in section {
                    count.add(Rule::TableElements, table?.ty.initial)?;
                }
            }
            Payload::MemorySection(section) => {
                count.add(Rule::Memories, section.count().into())?;
                for memory in section {
                    count.add(Rule::MemoryBytes, minimum(&memory?))?;
                }
            }
            Payload::GlobalSection(section) => count.add(Rule::Globals, section.count().into())?,
            Payload::ExportSection(section) => {
                count.add(Rule::Exports, section.count().into())?;
                for export in section {
                    count.name(export?.name)?;
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let items = match element?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    count.add(Rule::Elements, items.into())?;
                }
            }
            Payload::DataSection(section) => {
                count.add(Rule::DataSegments, section.count().into())?;
                for data in section {
                    let data = data?;
                    // Passive ones are copied when the module asks for it, in its own time.
                    debug_assert!(matches!(data.kind, DataKind::Active { .. } | DataKind::Passive));
                    count.add(Rule::DataBytes, wide(data.data.len()))?;
                }
            }
            Payload::CoreTypeSection(section) => count.add(Rule::Types, section.count().into())?,
            Payload::ComponentTypeSection(section) => count.add(Rule::Types, section.count().into())?,
            Payload::ComponentImportSection(section) => {
                count.add(Rule::Imports, section.count().into())?;
                for import in section {
                    let import = import?;
                    count.name(import.name.name)?;
                    // Types alone can't do anything.
                    if depth == 1 && !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        imports.push(import.name.name);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                count.add(Rule::Exports, section.count().into())?;
                for export in section {
                    let export = export?;
                    count.name(export.name.name)?;
                    if depth == 1 {
                        exports.push(export.name.name);
                    }
                }
            }
            Payload::CustomSection(section) => {
                count.add(Rule::CustomSections, 1)?;
                count.add(Rule::CustomBytes, wide(section.data().len()))?;
                count.name(section.name())?;
                if section.name().starts_with("component-type") {
                    count.add(Rule::ContractBytes, wide(section.data().len()))?;
                }
                if let KnownCustom::Producers(fields) = section.as_known() {
                    // Says who made it; nobody is refused for not saying it well.
                    for field in fields.into_iter().flatten() {
                        for value in field.values.into_iter().flatten() {
                            let one = (first_line(field.name), first_line(value.name), first_line(value.version));
                            if producers.len() < PRODUCERS && !producers.contains(&one) {
                                producers.push(one);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let form = match outer {
        Some(Encoding::Component) => {
            contract::check(&imports, &exports)?;
            Form::Component
        }
        Some(Encoding::Module) if count.measures.get(Rule::ContractBytes) > 0 => Form::Module,
        Some(Encoding::Module) => return Err(Refusal::NoContract),
        None => return Err(Refusal::Empty),
    };
    Ok(Scan { form, measures: count.measures, producers })
}

/// Bytes that a memory has from the start.
fn minimum(memory: &MemoryType) -> u64 {
    let page = memory.page_size_log2.unwrap_or(16).min(63);
    memory.initial.saturating_mul(1 << page)
}

fn body(count: &mut Counter<'_>, body: &FunctionBody<'_>) -> Result<(), Refusal> {
    count.raise(Rule::BodyBytes, body.range().len())?;
    let mut locals = 0usize;
    for group in body.get_locals_reader()? {
        let (more, _) = group?;
        locals = locals.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
    }
    count.raise(Rule::Locals, locals)?;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if let Operator::BrTable { targets } = operators.read()? {
            count.add(Rule::BranchTargets, targets.len().into())?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usual(rule: Rule) -> u64 {
        limit(rule, &Budgets::default())
    }

    fn kept(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/../../plugins/{name}.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn the_kept_builds_pass_with_room_to_spare() {
        for name in ["ema-cross", "market-maker", "rsi-reversion"] {
            let scan = scan(&kept(name), &usual).unwrap();
            for rule in Rule::all() {
                let (found, allowed) = (scan.measures.get(rule), usual(rule));
                assert!(found <= allowed / 4 * 3, "{name}: {rule} {found} of {allowed}");
            }
            // The Rust builds are stripped of it.
            assert_eq!(!scan.producers.is_empty(), name == "rsi-reversion", "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
            wasm.extend_from_slice(&bytes);
            for bytes in [bytes, wasm] {
                prop_assert!(scan(&bytes, &usual).is_err());
            }
        }

        #[test]
        fn mutants_of_kept_builds_are_judged(
            which in 0..2usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
            end in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            thread_local! {
                static KEPT: [Vec<u8>; 2] = ["ema-cross", "market-maker"].map(kept);
            }
            let mut mutant = KEPT.with(|kept| kept[which].clone());
            for (at, byte) in changes {
                let at = at.index(mutant.len());
                mutant[at] = byte;
            }
            if cut {
                mutant.truncate(end.index(mutant.len()));
            }
            if let Err(refusal) = scan(&mutant, &usual) {
                prop_assert!(refusal.to_string().len() > 20, "{refusal:?}");
            }
        }
    }
}
