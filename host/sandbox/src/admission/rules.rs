//! How much of everything a file may hold. A limit without a reason is a bug, so each stands
//! beside its own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is counted in a file before the compiler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the table says it")]
pub enum Rule {
    FileBytes,
    Modules,
    Depth,
    Types,
    Functions,
    Parameters,
    Locals,
    BodyBytes,
    BranchTargets,
    Imports,
    Exports,
    NameBytes,
    Globals,
    Memories,
    MemoryBytes,
    Tables,
    TableElements,
    Elements,
    DataSegments,
    DataBytes,
    CustomSections,
    CustomBytes,
    ContractBytes,
}

/// Rule, limit, what it counts, why.
const TABLE: [(Rule, u64, &str, &str); 23] = {
    use Rule::*;
    [
        (FileBytes, 32 << 20, "its size in bytes", "it is held in memory whole; a Python build has 18 MB"),
        (
            Modules,
            64,
            "the number of its modules",
            "each becomes an instance of its own; a Python build links some dozen",
        ),
        (Depth, 8, "the nesting of its components", "toolchains nest once or twice, readers are written to follow"),
        (Types, 50_000, "the number of its types", "the engine keeps each for as long as the plugin lives"),
        (Functions, 100_000, "the number of its functions", "50,000 empty ones cost the compiler a second and 154 MiB"),
        (
            Parameters,
            100,
            "the parameters and results of a function",
            "each becomes code at every call; compilers pass more in memory",
        ),
        (Locals, 10_000, "the locals of a function", "the compiler's work grows faster than their number"),
        (
            BodyBytes,
            1 << 20,
            "the bytes of a function",
            "the compiler's work grows faster than its length; the loop of Python's interpreter has 417 KiB",
        ),
        (
            BranchTargets,
            1_000_000,
            "the targets of its branch tables",
            "each is an edge in the compiler's graph; an interpreter has some 10,000",
        ),
        (Imports, 5_000, "the number of its imports", "each is looked up when an instance is made"),
        (Exports, 50_000, "the number of its exports", "each is a text that is kept; linked libraries have thousands"),
        (NameBytes, 1_024, "the bytes of a name", "names are kept and shown; mangled ones are long"),
        (Globals, 50_000, "the number of its globals", "each is set when an instance is made"),
        (Memories, 64, "the number of its memories", "each reserves address space; their sizes are summed elsewhere"),
        (MemoryBytes, 64 << 20, "the memory it wants at once", "it could not start within its memory"),
        (Tables, 64, "the number of its tables", "each is allocated by the host"),
        (TableElements, 100_000, "the table elements it wants at once", "each costs the host 8 bytes"),
        (Elements, 200_000, "the elements that it fills its tables with", "each is written when an instance is made"),
        (DataSegments, 50_000, "the number of its data segments", "each is copied when an instance is made"),
        (DataBytes, 32 << 20, "the bytes of its data", "they are copied when an instance is made"),
        (CustomSections, 1_000, "the number of its custom sections", "each is looked at, none does anything"),
        (CustomBytes, 16 << 20, "the bytes of its custom sections", "names and debug information, which nobody runs"),
        (
            ContractBytes,
            256 << 10,
            "the bytes of the contract in it",
            "the world `strategy` has 20 KiB; it is parsed before it is compared",
        ),
    ]
};

impl Rule {
    /// Every rule, in the order in which a report shows them.
    pub fn all() -> impl Iterator<Item = Rule> {
        TABLE.iter().map(|row| row.0)
    }

    const fn row(self) -> &'static (Rule, u64, &'static str, &'static str) {
        // Pinned by a test: the rows stand in the order of the variants.
        &TABLE[self as usize]
    }

    /// The most that is taken.
    pub const fn limit(self) -> u64 {
        self.row().1
    }

    /// What is counted.
    pub const fn words(self) -> &'static str {
        self.row().2
    }

    /// Why there is a limit.
    pub const fn reason(self) -> &'static str {
        self.row().3
    }

    /// The machine's word for it.
    pub fn name(self) -> String {
        // `FileBytes` → `file-bytes`, as in JSON.
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// What was counted in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measures([u64; TABLE.len()]);

impl Default for Measures {
    fn default() -> Self {
        Measures([0; TABLE.len()])
    }
}

impl Measures {
    /// What was counted under a rule.
    pub fn get(&self, rule: Rule) -> u64 {
        self.0.get(rule as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, rule: Rule, value: u64) {
        if let Some(slot) = self.0.get_mut(rule as usize) {
            *slot = value;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_row_a_limit_and_a_reason() {
        for (index, (rule, limit, words, reason)) in TABLE.iter().enumerate() {
            assert_eq!(*rule as usize, index);
            assert!(*limit > 0 && words.len() > 10 && reason.len() > 20, "{rule}");
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
    }

    /// Changing a limit is a visible change.
    #[test]
    fn the_limits() {
        let limits: Vec<_> = Rule::all().map(|rule| format!("{rule} {}", rule.limit())).collect();
        assert_eq!(
            limits.join(", "),
            "file-bytes 33554432, modules 64, depth 8, types 50000, functions 100000, parameters 100, locals 10000, \
             body-bytes 1048576, branch-targets 1000000, imports 5000, exports 50000, name-bytes 1024, globals 50000, \
             memories 64, memory-bytes 67108864, tables 64, table-elements 100000, elements 200000, data-segments 50000, \
             data-bytes 33554432, custom-sections 1000, custom-bytes 16777216, contract-bytes 262144"
        );
    }
}
