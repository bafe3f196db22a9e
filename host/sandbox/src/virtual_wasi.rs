//! An inert WASI 0.2 for languages whose runtimes insist on one: the clock is event time,
//! random numbers are seeded per instance, output goes to the plugin's log, and there are
//! no files, no environment, no arguments and no sockets.
//!
//! It is linked per plugin, for exactly what the plugin imports, so any 0.2.x version
//! fits and a plugin without WASI imports gets nothing of it.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceType, Val};
use wasmtime::{Engine, Result};

use crate::host::LogLevel;
use crate::imports::Guarded;

/// Every resource of the virtual WASI: it has no state, only an identity.
struct Inert;

/// Most bytes of one request for random numbers, and of one write.
const MOST: u64 = 64 << 10;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;
const OTHER: u32 = 3;

/// Interfaces that are answered here. Sockets, HTTP and whatever else a name may stand for are not: a
/// plugin that imports them is refused. A filesystem without preopened folders holds nothing.
const INTERFACES: [&str; 20] = [
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
];

/// Whether an import is of an interface that is answered here.
pub(crate) fn is_known(import: &str) -> bool {
    let Some((interface, version)) = import.strip_prefix("wasi:").and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    version.starts_with("0.2.") && INTERFACES.contains(&interface)
}

/// Defines what the component imports of WASI.
pub(crate) fn link(engine: &Engine, linker: &mut Linker<Guarded>, component: &Component) -> Result<()> {
    let ty = component.component_type();
    for (name, item) in ty.imports(engine) {
        if !is_known(name) {
            continue;
        }
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let interface = name.split_once('@').map_or(name, |(interface, _)| interface).to_owned();
        let mut definitions = linker.instance(name)?;
        for (export, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => {
                    definitions.resource(export, ResourceType::host::<Inert>(), |_, _| Ok(()))?;
                }
                ComponentItem::ComponentFunc(_) => {
                    let function = format!("{interface}.{export}");
                    definitions.func_new(export, move |mut store, _, arguments, results| {
                        let answer = answer(&mut store, &function, arguments)?;
                        match (results, answer) {
                            ([], None) => Ok(()),
                            ([slot], Some(value)) => {
                                *slot = value;
                                Ok(())
                            }
                            _ => Err(denied(&function)),
                        }
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn denied(function: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("{function} is not granted to plugins"))
}

fn resource(store: &mut StoreContextMut<'_, Guarded>, kind: u32) -> Result<Val> {
    Ok(Val::Resource(Resource::<Inert>::new_own(kind).try_into_resource_any(store)?))
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

/// `stream-error.closed`.
fn closed() -> Val {
    Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))))
}

/// SplitMix64 over the instance's seed.
fn random(host: &mut Guarded) -> u64 {
    host.host.random = host.host.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = host.host.random;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn random_bytes(host: &mut Guarded, length: u64) -> Result<Val> {
    if length > MOST {
        return Err(wasmtime::Error::msg(format!("{length} random bytes at once are too many")));
    }
    Ok(Val::List((0..length).map(|_| Val::U8(random(host).to_le_bytes()[0])).collect()))
}

/// Event time in nanoseconds.
fn now(host: &Guarded) -> u64 {
    host.host.post.as_ref().map_or(0, |post| post.now.0).saturating_mul(1_000)
}

/// A write to an output stream goes to the log, line by line.
fn write(store: &mut StoreContextMut<'_, Guarded>, arguments: &[Val]) -> Result<()> {
    let (Some(Val::Resource(stream)), Some(Val::List(bytes))) = (arguments.first(), arguments.get(1)) else {
        return Ok(());
    };
    let kind = stream.try_into_resource::<Inert>(&mut *store)?.rep();
    let bytes: Vec<u8> =
        bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None }).collect();
    let level = if kind == STDERR { LogLevel::Warn } else { LogLevel::Info };
    for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.trim().is_empty()) {
        store.data_mut().log(level, line);
    }
    Ok(())
}

fn answer(store: &mut StoreContextMut<'_, Guarded>, function: &str, arguments: &[Val]) -> Result<Option<Val>> {
    let name = function.strip_prefix("wasi:").unwrap_or(function);
    Ok(Some(match name {
        "cli/environment.get-environment" | "cli/environment.get-arguments" | "filesystem/preopens.get-directories" => {
            Val::List(Vec::new())
        }
        "cli/environment.initial-cwd" | "cli/environment.get-initial-cwd" => Val::Option(None),
        "cli/terminal-stdin.get-terminal-stdin"
        | "cli/terminal-stdout.get-terminal-stdout"
        | "cli/terminal-stderr.get-terminal-stderr" => Val::Option(None),
        "cli/stdin.get-stdin" => resource(store, OTHER)?,
        "cli/stdout.get-stdout" => resource(store, STDOUT)?,
        "cli/stderr.get-stderr" => resource(store, STDERR)?,
        "cli/exit.exit" => return Err(wasmtime::Error::msg("it called exit")),
        "clocks/monotonic-clock.now" => Val::U64(now(store.data())),
        "clocks/monotonic-clock.resolution" => Val::U64(1_000),
        "clocks/wall-clock.now" => {
            let nanos = now(store.data());
            let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
            time(nanos / 1_000_000_000, rest)
        }
        "clocks/wall-clock.resolution" => time(0, 1_000),
        "random/random.get-random-u64" | "random/insecure.get-insecure-random-u64" => {
            Val::U64(random(store.data_mut()))
        }
        "random/random.get-random-bytes" | "random/insecure.get-insecure-random-bytes" => match arguments {
            [Val::U64(length)] => random_bytes(store.data_mut(), *length)?,
            _ => return Err(denied(function)),
        },
        "random/insecure-seed.insecure-seed" => {
            Val::Tuple(vec![Val::U64(random(store.data_mut())), Val::U64(random(store.data_mut()))])
        }
        "io/streams.[method]output-stream.check-write" => ok(Some(Val::U64(MOST))),
        "io/streams.[method]output-stream.write" | "io/streams.[method]output-stream.blocking-write-and-flush" => {
            write(store, arguments)?;
            ok(None)
        }
        "io/streams.[method]output-stream.flush" | "io/streams.[method]output-stream.blocking-flush" => ok(None),
        "io/streams.[method]input-stream.read"
        | "io/streams.[method]input-stream.blocking-read"
        | "io/streams.[method]input-stream.skip"
        | "io/streams.[method]input-stream.blocking-skip" => closed(),
        "io/streams.[method]output-stream.subscribe"
        | "io/streams.[method]input-stream.subscribe"
        | "clocks/monotonic-clock.subscribe-instant"
        | "clocks/monotonic-clock.subscribe-duration" => resource(store, OTHER)?,
        // Nothing is ever waited for: time stands still within an event.
        "io/poll.[method]pollable.ready" => Val::Bool(true),
        "io/poll.[method]pollable.block" => return Ok(None),
        "io/poll.poll" => match arguments {
            [Val::List(pollables)] => {
                let count = u32::try_from(pollables.len()).unwrap_or(0);
                Val::List((0..count).map(Val::U32).collect())
            }
            _ => return Err(denied(function)),
        },
        _ => return Err(denied(function)),
    }))
}

fn time(seconds: u64, nanoseconds: u32) -> Val {
    Val::Record(vec![("seconds".to_owned(), Val::U64(seconds)), ("nanoseconds".to_owned(), Val::U32(nanoseconds))])
}
