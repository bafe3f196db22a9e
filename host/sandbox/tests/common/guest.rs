//! Guests as text: the handler's exports by hand in the canonical ABI, harmless until a test
//! puts something else into one of them.
//!
//! | memory | holds |
//! |--|--|
//! | 0 | where imports put their answers |
//! | 256 | zeros: the answer `ok` |
//! | 512 | pointer and length of the saved state |
//! | 1,024 | the manifest and its texts |
//! | 4,096 | a text for logs and keys |
//! | 8,192 | scratch of a test |
//! | 65,536 | what the host writes, anew after each call with events |

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, WorldItem};

/// Where `on-events` finds trades, aggregate trades, quotes and depth in its batch: whether they
/// are there, then pointer and length of their `seq`. The list of other events is at 256.
pub const COLUMNS: [u32; 4] = [0, 60, 120, 180];

/// Every function that a strategy may import: interface and function.
pub fn imports() -> Vec<(String, &'static Function)> {
    let resolve = contract();
    let package = resolve.packages.iter().find(|(_, package)| package.name.namespace == "ringfence").unwrap().0;
    let world = resolve.select_world(&[package], Some("strategy")).expect("the world");
    let mut all = Vec::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        let name = interface.name.clone().unwrap_or_default();
        all.extend(interface.functions.values().map(|function| (name.clone(), function)));
    }
    all
}

/// Parameters of an import as a core module sees it; the last one is where the answer goes if there
/// is no place for it among the results.
pub fn core_type(function: &Function) -> (Vec<&'static str>, Vec<&'static str>) {
    let word = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    };
    let signature = contract().wasm_signature(AbiVariant::GuestImport, function);
    (signature.params.iter().map(word).collect(), signature.results.iter().map(word).collect())
}

/// The imports that a text calls as `$interface.function`.
fn called(text: &str, version: &str) -> String {
    let mut declared = String::new();
    for (interface, function) in imports() {
        let name = format!("${interface}.{}", function.name);
        if text.contains(&format!("(call {name} ")) || text.contains(&format!("(call {name})")) {
            let (params, results) = core_type(function);
            let _ = writeln!(
                declared,
                "(import \"ringfence:strategy/{interface}@{version}\" \"{}\" (func {name} (param {}) (result {})))",
                function.name,
                params.join(" "),
                results.join(" "),
            );
        }
    }
    declared
}

#[derive(Debug, Clone)]
pub struct Guest {
    pub name: String,
    pub version: String,
    /// Fields of the module: memories, tables, globals, functions, `(start …)`.
    pub memory: String,
    pub fields: String,
    pub imports: String,
    pub describe: String,
    pub init: String,
    pub on_events: String,
    pub save: String,
    pub after_save: String,
    pub restore: String,
    pub shutdown: String,
    pub realloc: String,
    /// Bytes over the manifest's own, from 1,024 on.
    pub manifest: Vec<u8>,
    /// A world of another contract.
    pub world: Option<String>,
    /// How its texts are written.
    pub encoding: StringEncoding,
}

/// The contract's folder.
pub fn wit() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))
}

/// The contract, parsed once.
fn contract() -> &'static Resolve {
    static CONTRACT: OnceLock<Resolve> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        resolve.push_dir(wit()).expect("the contract");
        resolve
    })
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Record `manifest` at 1,024: five texts and two lists.
fn manifest(name: &str) -> Vec<u8> {
    let (texts, mut at) = ([name, "0.1.0", "made for a test", "wat"], 1_200u32);
    let (mut fields, mut bytes) = (Vec::new(), Vec::new());
    for text in texts {
        fields.extend([at, text.len() as u32]);
        at += text.len() as u32;
        bytes.extend_from_slice(text.as_bytes());
    }
    // One wish: BTCUSDT, and of it the stream `trades`, which is eight zeros.
    fields.extend([1_100, 1, 0, 0]);
    let mut all = words(&fields);
    all.resize(1_100 - 1_024, 0);
    all.extend(words(&[1_130, 7, 256, 1]));
    all.resize(1_130 - 1_024, 0);
    all.extend_from_slice(b"BTCUSDT");
    all.resize(1_200 - 1_024, 0);
    all.extend(bytes);
    all
}

impl Guest {
    /// It takes every event, saves eight bytes and does no harm.
    pub fn new(name: &str) -> Self {
        Guest {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            memory: "(memory (export \"memory\") 8)".to_owned(),
            fields: String::new(),
            imports: String::new(),
            describe: "(i32.const 1024)".to_owned(),
            init: "(i32.const 256)".to_owned(),
            on_events: "(call $count (local.get $batch))".to_owned(),
            save: "(i32.const 512)".to_owned(),
            after_save: String::new(),
            restore: "(i32.const 256)".to_owned(),
            shutdown: String::new(),
            realloc: "(call $bump (local.get $align) (local.get $size))".to_owned(),
            manifest: manifest(name),
            world: None,
            encoding: StringEncoding::UTF8,
        }
    }

    pub fn on_events(mut self, body: &str) -> Self {
        self.on_events = body.to_owned();
        self
    }

    /// `on-events` does this and then takes all events, as if nothing were.
    pub fn does(self, body: &str) -> Self {
        self.on_events(&format!("{body} (call $count (local.get $batch))"))
    }

    pub fn init(mut self, body: &str) -> Self {
        self.init = body.to_owned();
        self
    }

    pub fn restore(mut self, body: &str) -> Self {
        self.restore = body.to_owned();
        self
    }

    pub fn save(mut self, body: &str) -> Self {
        self.save = body.to_owned();
        self
    }

    pub fn fields(mut self, fields: &str) -> Self {
        self.fields.push_str(fields);
        self
    }

    /// Bytes of the manifest at an address.
    pub fn poke(mut self, at: u32, with: &[u32]) -> Self {
        let at = (at - 1_024) as usize;
        let with = words(with);
        self.manifest[at..at + with.len()].copy_from_slice(&with);
        self
    }

    pub fn text(&self) -> String {
        let Guest { version, memory, fields, imports, describe, init, on_events, .. } = self;
        let Guest { save, after_save, restore, shutdown, realloc, .. } = self;
        // What is absent is not written at all: its length is whatever was there before.
        let counts: String = COLUMNS
            .iter()
            .map(|at| {
                let (present, length) = (at, at + 8);
                let load = |what, at| format!("({what} offset={at} (local.get $batch))");
                format!("(i32.add (i32.mul {} {}))", load("i32.load8_u", *present), load("i32.load", length))
            })
            .collect();
        let manifest = escaped(&self.manifest);
        let bodies =
            [fields, describe, init, on_events, save, after_save, restore, shutdown, realloc].map(String::as_str);
        let called = called(&bodies.join(" "), version);
        let handler = format!("ringfence:strategy/handler@{version}");
        format!(
            r#"(module
  (import "ringfence:strategy/orders@{version}" "cancel" (func $cancel (param i64 i64 i32)))
  (import "ringfence:strategy/market@{version}" "subscribe" (func $subscribe (param i32 i32 i32 i32)))
  (import "ringfence:strategy/timers@{version}" "set" (func $timer (param i64 i64 i32)))
  (import "ringfence:strategy/timers@{version}" "set-interval" (func $interval (param i64 i64 i32)))
  (import "ringfence:strategy/state@{version}" "set" (func $store (param i32 i32 i32 i32 i32)))
  (import "ringfence:strategy/state@{version}" "delete" (func $delete (param i32 i32)))
  (import "ringfence:strategy/state@{version}" "keys" (func $keys (param i32)))
  (import "ringfence:strategy/log@{version}" "write" (func $log (param i32 i32 i32)))
  (import "ringfence:strategy/metrics@{version}" "gauge" (func $gauge (param i32 i32 i64 i32)))
  {called}
  {imports}
  {memory}
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 512) "\00\20\00\00\08\00\00\00")
  (data (i32.const 1024) "{manifest}")
  (data (i32.const 4096) "abcdefghijklmnopqrstuvwxyz0123456789")
  {fields}
  (func $count (param $batch i32) (result i32) (i32.load offset=260 (local.get $batch)) {counts})
  (func $seq (param $batch i32) (result i64)
    (if (i32.load8_u (local.get $batch)) (then (return (i64.load (i32.load offset=4 (local.get $batch))))))
    (i64.load (i32.load offset=256 (local.get $batch))))
  (func $bump (param $align i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func $fresh (global.set $heap (i32.const 65536)))
  (func $loop (loop $again (br $again)))
  (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
    {realloc})
  (func (export "{handler}#describe") (result i32) {describe})
  (func (export "{handler}#init")
    (param i32 i32 i32 i64 i64 i32 i32 i32 i32 i32 i32) (result i32) (call $fresh) {init})
  (func (export "{handler}#on-events") (param $batch i32) (result i32) (call $handle (local.get $batch)) (call $fresh))
  (func $handle (param $batch i32) (result i32) (local $i i32) (local $j i64) {on_events})
  (func (export "{handler}#save") (result i32) (local $i i32) {save})
  (func (export "cabi_post_{handler}#save") (param i32) {after_save})
  (func (export "{handler}#restore") (param $state i32) (param $length i32) (result i32) (call $fresh) {restore})
  (func (export "{handler}#shutdown") (param i32) {shutdown}))"#
        )
    }

    /// A core module with its contract in it, as a toolchain makes it.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = contract().clone();
        let package = match &self.world {
            None => resolve.packages.iter().find(|(_, package)| package.name.namespace == "ringfence").unwrap().0,
            Some(world) => resolve.push_str("world.wit", world).expect("a world"),
        };
        let world = resolve.select_world(&[package], None).expect("one world");
        embed_component_metadata(&mut module, &resolve, world, self.encoding).expect("a contract in it");
        module
    }
}

/// Traps at the first event that does not follow the one before it, in whatever generation that was.
pub fn checker() -> Guest {
    let next = "(i64.add (local.get $j) (i64.const 1))";
    let checks = format!(
        "(local.set $j (i64.load (i32.const 8192)))
        (if (i32.gt_u (i32.load offset=260 (local.get $batch)) (i32.const 1)) (then unreachable))
        (if (i32.load offset=260 (local.get $batch)) (then
          (if (i64.ne (i64.load (i32.load offset=256 (local.get $batch))) {next}) (then unreachable))
          (local.set $j {next})))
        (if (i32.load8_u (local.get $batch)) (then
          (local.set $i (i32.const 0))
          (loop $each
            (if (i64.ne (i64.load (i32.add (i32.load offset=4 (local.get $batch)) (i32.mul (local.get $i) (i32.const 8)))) {next})
              (then unreachable))
            (local.set $j {next})
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $each (i32.lt_u (local.get $i) (i32.load offset=8 (local.get $batch)))))))
        (i64.store (i32.const 8192) (local.get $j))"
    );
    let restore = "(i64.store (i32.const 8192) (i64.load (local.get $state))) (i32.const 256)".to_owned();
    Guest { restore, ..Guest::new("checker").does(&checks) }
}

/// Another content with the same meaning: a custom section at the end.
pub fn marked(bytes: &[u8], mark: u8) -> Vec<u8> {
    let mut marked = bytes.to_vec();
    marked.extend_from_slice(&[0, 6, 4, b'm', b'a', b'r', b'k', mark]);
    marked
}

/// A loop around `body` that runs `times`; `$i` counts.
pub fn times(times: u32, body: &str) -> String {
    format!(
        "(local.set $i (i32.const 0)) (loop $repeat {body}
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $repeat (i32.lt_u (local.get $i) (i32.const {times}))))"
    )
}
