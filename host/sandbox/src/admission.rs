//! From bytes to a plugin: scanned, made a component if need be, compiled (or taken from
//! the cache), held against the contract, and asked what it is. Each step can refuse, and
//! each refusal says what is wrong and what to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use ringfence_model::strategy::{Manifest, Value, ValueRange};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::bindings::StrategyPre;
use crate::budgets::Budgets;
use crate::imports::Guarded;
use crate::instance::Instance;
use crate::refusal::{PACKAGE, Refusal, VERSION, first_line};
use crate::sandbox::Sandbox;
use crate::scan::{Form, scan};
use crate::virtual_wasi;

/// Most wishes and parameters of a manifest.
const ENTRIES: usize = 64;

/// A plugin that passed admission; instances are made of it.
pub struct Plugin {
    pub(crate) pre: StrategyPre<Guarded>,
    manifest: Manifest,
    hash: [u8; 32],
    /// Whether the compiled form came from the cache.
    cached: bool,
    admission: std::time::Duration,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl Plugin {
    /// What it says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// An instance that has not been started.
    pub(crate) fn instance(&self, sandbox: &Sandbox, budgets: &Arc<Budgets>, seed: u64) -> Result<Instance, Refusal> {
        Instance::new(sandbox, &self.pre, budgets, seed).map_err(|fault| Refusal::Fault(fault.to_string()))
    }

    /// SHA-256 of the file.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether its compiled form came from the cache, and how long admission took.
    pub const fn admission(&self) -> (bool, std::time::Duration) {
        (self.cached, self.admission)
    }
}

/// SHA-256 of a content.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl Sandbox {
    /// Takes a file's bytes in.
    ///
    /// # Errors
    /// It is no plugin that can run here; the refusal says why.
    pub fn admit(&self, bytes: &[u8]) -> Result<Arc<Plugin>, Refusal> {
        let started = Instant::now();
        let budgets = self.budgets();
        if bytes.len() > budgets.file_bytes {
            return Err(Refusal::TooLarge {
                what: "its size in bytes",
                found: bytes.len(),
                allowed: budgets.file_bytes,
            });
        }
        let form = scan(bytes)?;
        let hash = hash(bytes);
        let (component, cached) = match self.cache().and_then(|cache| cache.load(self.engine(), &hash)) {
            Some(component) => (component, true),
            None => {
                let component = self.compile(bytes, form)?;
                if let Some(cache) = self.cache()
                    && let Err(error) = cache.save(self.engine(), &hash, &component)
                {
                    tracing::warn!(%error, "the compiled plugin can't be kept; the next start compiles it again");
                }
                (component, false)
            }
        };
        check_world(self, &component)?;
        let mut linker = self.linker().clone();
        virtual_wasi::link(self.engine(), &mut linker, &component)
            .map_err(|error| Refusal::Contract(format!("{error:#}")))?;
        let pre = linker
            .instantiate_pre(&component)
            .and_then(StrategyPre::new)
            .map_err(|error| Refusal::Contract(first_line(&format!("{error:#}"))))?;
        let manifest = self.describe(&pre)?;
        Ok(Arc::new(Plugin { pre, manifest, hash, cached, admission: started.elapsed() }))
    }

    fn compile(&self, bytes: &[u8], form: Form) -> Result<Component, Refusal> {
        let encoded;
        let bytes = match form {
            Form::Component => bytes,
            Form::Module { with_contract: false } => return Err(Refusal::NoContract),
            Form::Module { with_contract: true } => {
                encoded = wit_component::ComponentEncoder::default()
                    .validate(true)
                    .module(bytes)
                    .and_then(|mut encoder| encoder.encode())
                    .map_err(|error| Refusal::Encoding(first_line(&format!("{error:#}"))))?;
                &encoded
            }
        };
        // wasmtime does not promise never to panic on hostile input while it compiles.
        let compiled = catch_unwind(AssertUnwindSafe(|| Component::from_binary(self.engine(), bytes)));
        let compiled = compiled.map_err(|_| Refusal::Compile("it panicked".to_owned()))?;
        compiled.map_err(|error| Refusal::Compile(first_line(&format!("{error:#}"))))
    }

    fn describe(&self, pre: &StrategyPre<Guarded>) -> Result<Manifest, Refusal> {
        let told = |fault: crate::fault::Fault| Refusal::Describe(fault.to_string());
        let mut instance = Instance::new(self, pre, self.budgets(), 0).map_err(told)?;
        let manifest = instance.describe().map_err(told)?;
        check_manifest(&manifest, self.budgets())?;
        Ok(manifest)
    }
}

/// Imports and exports against the contract, before the linker says it in its own words.
fn check_world(sandbox: &Sandbox, component: &Component) -> Result<(), Refusal> {
    let ty = component.component_type();
    let version_of = |name: &str| {
        name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')).map(|(_, version)| version.to_owned())
    };
    let wrong_version = |name: &str| version_of(name).filter(|version| version != VERSION);
    for (name, item) in ty.imports(sandbox.engine()) {
        if let Some(found) = wrong_version(name) {
            return Err(Refusal::Version { found });
        }
        let known = name.starts_with(PACKAGE) || virtual_wasi::is_known(name);
        // Types alone can't do anything.
        if !known && !matches!(item.ty, ComponentItem::Type(_)) {
            return Err(Refusal::Import { import: name.to_owned() });
        }
    }
    let exports: Vec<String> = ty.exports(sandbox.engine()).map(|(name, _)| name.to_owned()).collect();
    if let Some(found) = exports.iter().find_map(|name| wrong_version(name)) {
        return Err(Refusal::Version { found });
    }
    if !exports.contains(&format!("{PACKAGE}/handler@{VERSION}")) {
        let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        return Err(Refusal::WrongWorld { found: first_line(&found) });
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn check_manifest(manifest: &Manifest, budgets: &Budgets) -> Result<(), Refusal> {
    let wrong = |what: String| Err(Refusal::Manifest(what));
    if !is_name(&manifest.name) {
        return wrong(format!("name {:?} must be 1 to 64 letters, digits, `-` or `_`", first_line(&manifest.name)));
    }
    for (what, text) in [("version", &manifest.version), ("language", &manifest.language)] {
        if text.is_empty() || text.len() > 64 || text.chars().any(char::is_control) {
            return wrong(format!("{what} must be 1 to 64 characters"));
        }
    }
    if manifest.description.len() > budgets.log_line {
        return wrong(format!("description is longer than {} bytes", budgets.log_line));
    }
    if manifest.wishes.len() > ENTRIES || manifest.parameters.len() > ENTRIES {
        return wrong(format!("it has more than {ENTRIES} wishes or parameters"));
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
            (ValueRange::Choice(choices), Value::Text(value)) => choices.contains(value),
            (ValueRange::Any, _) => true,
            _ => false,
        };
        if !fits {
            return wrong(format!("the default of parameter `{}` is not within its own range", spec.name));
        }
    }
    Ok(())
}
