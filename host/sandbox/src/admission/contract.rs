//! A plugin's imports and exports, by name, against the contract. What the names stand for
//! is held against it when the plugin is linked.

use wit_parser::{Resolve, WorldId, WorldItem};

use crate::refusal::{PACKAGE, Refusal, VERSION, first_line};
use crate::virtual_wasi;

/// The interfaces of the contract that a plugin may import.
pub(crate) const IMPORTS: [&str; 10] =
    ["account", "events", "log", "market", "metrics", "orders", "quota", "state", "timers", "types"];

/// Holds names against the contract. Imports of types alone are left out by the caller.
pub(crate) fn check<N: AsRef<str>>(imports: &[N], exports: &[N]) -> Result<(), Refusal> {
    let rest_of = |name: &str| name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    let wrong_version = |name: &str| {
        let rest = rest_of(name)?;
        let (_, version) = rest.split_once('@')?;
        (version != VERSION).then(|| first_line(version))
    };
    for import in imports.iter().map(AsRef::as_ref) {
        if let Some(found) = wrong_version(import) {
            return Err(Refusal::Version { found });
        }
        let ours = rest_of(import)
            .is_some_and(|rest| rest.split_once('@').is_some_and(|(interface, _)| IMPORTS.contains(&interface)));
        if !ours && !virtual_wasi::is_known(import) {
            return Err(Refusal::Import { import: first_line(import) });
        }
    }
    if let Some(found) = exports.iter().find_map(|name| wrong_version(name.as_ref())) {
        return Err(Refusal::Version { found });
    }
    let handler = format!("{PACKAGE}/handler@{VERSION}");
    if !exports.iter().any(|name| name.as_ref() == handler) {
        let names: Vec<_> = exports.iter().map(AsRef::as_ref).collect();
        let found = if names.is_empty() { "nothing".to_owned() } else { first_line(&names.join(", ")) };
        return Err(Refusal::WrongWorld { found });
    }
    Ok(())
}

/// The same for a contract that a core module carries, before anything is made of it.
pub(crate) fn check_embedded(resolve: &Resolve, world: WorldId) -> Result<(), Refusal> {
    let Some(world) = resolve.worlds.get(world) else {
        return Err(Refusal::Encoding("it has no world".to_owned()));
    };
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| -> Vec<String> {
        let real = items.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
        real.map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    check(&names(&world.imports), &names(&world.exports))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_are_those_of_the_contract() {
        let mut resolve = Resolve::default();
        resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
        let (package, _) = resolve.packages.iter().find(|(_, package)| package.name.namespace == "ringfence").unwrap();
        let world = resolve.select_world(&[package], Some("strategy")).unwrap();
        check_embedded(&resolve, world).unwrap();
        let mut imports: Vec<_> = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
        imports.sort();
        assert_eq!(imports, IMPORTS.map(|name| format!("{PACKAGE}/{name}@{VERSION}")));
    }

    #[test]
    fn strangers_are_named() {
        let ours = "ringfence:strategy/handler@0.1.0";
        let import = |name: &str| check(&[name], &[ours]).unwrap_err();
        for stranger in [
            "wasi:http/types@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "ringfence:strategy/evil@0.1.0",
            "ringfence:strategyx/log",
        ] {
            assert_eq!(import(stranger), Refusal::Import { import: stranger.to_owned() });
        }
        assert_eq!(import("ringfence:strategy/log@0.2.0"), Refusal::Version { found: "0.2.0".into() });
        assert!(matches!(check(&["ringfence:strategy/log@0.1.0"], &[]), Err(Refusal::WrongWorld { .. })));
    }
}
