//! From a file to a plugin: copied once, scanned, compiled in a process of its own (or taken
//! from the cache), held against the contract, asked what it is, and started once without any
//! grant. Each step can refuse, and each refusal says what is wrong and what to do.
//!
//! | module | holds |
//! |--|--|
//! | [`snapshot`] | the file's bytes, read once |
//! | [`rules`] | how much of everything a file may hold, and why |
//! | `scan` | what is looked at before the compiler sees a byte |
//! | `contract` | names of imports and exports against the contract |
//! | `manifest` | what a plugin says of itself |
//! | `probe` | the first start, tried out |
//! | [`report`] | what each step found |

pub(crate) mod contract;
pub(crate) mod manifest;
mod probe;
pub mod report;
pub mod rules;
pub(crate) mod scan;
pub mod snapshot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::strategy::Manifest;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::bindings::StrategyPre;
use crate::budgets::{Budgets, CallClass};
use crate::fault::Fault;
use crate::imports::Guarded;
use crate::instance::Instance;
use crate::mitigation::Mitigation;
use crate::refusal::{Refusal, first_line};
use crate::sandbox::Sandbox;
use crate::virtual_wasi;
use report::{Finding, Report, Step, StepName};
use rules::{Measures, Rule};
use scan::{Form, scan};
use snapshot::{NoSnapshot, Snapshot};

/// A plugin that passed admission; instances are made of it.
pub struct Plugin {
    pub(crate) pre: StrategyPre<Guarded>,
    manifest: Manifest,
    hash: [u8; 32],
    /// Whether the compiled form came from the cache.
    cached: bool,
    admission: Duration,
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
    pub const fn admission(&self) -> (bool, Duration) {
        (self.cached, self.admission)
    }

    /// What it imports: interfaces in their order, each with its functions.
    pub fn imports(&self) -> Vec<(String, Vec<String>)> {
        let component = self.pre.instance_pre().component();
        let engine = component.engine();
        let functions = |item: ComponentItem| match item {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                .map(|(name, _)| name.to_owned())
                .collect(),
            _ => Vec::new(),
        };
        component.component_type().imports(engine).map(|(name, item)| (name.to_owned(), functions(item.ty))).collect()
    }
}

/// What became of a file, with every step on the way.
#[derive(Debug)]
pub struct Examination {
    /// The steps that were taken; the last one refused if the outcome is a refusal.
    pub steps: Vec<Step>,
    /// What was counted in the file, if it could be read to its end.
    pub measures: Option<Measures>,
    /// Who made it: field, name, version, as its tools say.
    pub producers: Vec<(String, String, String)>,
    /// Whether it is a core module, which the host makes a component.
    pub core_module: bool,
    /// The plugin, or why it is none.
    pub outcome: Result<Arc<Plugin>, Refusal>,
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
        self.admit_as(None, bytes)
    }

    fn admit_as(&self, name: Option<&str>, bytes: &[u8]) -> Result<Arc<Plugin>, Refusal> {
        if let Some(plugin) = self.living(&hash(bytes)) {
            return Ok(plugin);
        }
        let plugin = self.take_in(name, bytes, &mut Report::default(), None)?;
        self.share(&plugin);
        Ok(plugin)
    }

    /// Takes a file in: signature and pins first, then its bytes.
    ///
    /// # Errors
    /// It may not run, or it is no plugin that can run here; the refusal says why.
    pub fn admit_file(&self, file: &Snapshot) -> Result<Arc<Plugin>, Refusal> {
        self.trust().check(file, &mut Vec::new())?;
        self.admit_as(Some(file.name()), file.bytes())
    }

    /// The same with a report of every step. The scan is made even if the cache knows the file, and nothing of it is
    /// kept under its name: it may be a stranger's that is called like a plugin that runs.
    pub fn examine_file(&self, path: &std::path::Path) -> Examination {
        let mut report = Report::default();
        let mut scanned = None;
        let outcome = self.look_at(path, &mut report, &mut scanned);
        let Report { steps } = report;
        let (measures, producers, core_module) = match scanned {
            Some(scan) => (Some(scan.measures), scan.producers, scan.form == Form::Module),
            None => (None, Vec::new(), false),
        };
        Examination { steps, measures, producers, core_module, outcome }
    }

    fn look_at(
        &self,
        path: &std::path::Path,
        report: &mut Report,
        scanned: &mut Option<scan::Scan>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let file = report.step(StepName::File, |findings| {
            let limit = self.budgets().file_bytes;
            let file = Snapshot::take(path, limit).map_err(|none| match none {
                NoSnapshot::Gone => Refusal::Unreadable("there is no such file".to_owned()),
                NoSnapshot::Refused(refusal) => refusal,
            })?;
            let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
            findings.push(Finding::count(Rule::FileBytes, wide(file.bytes().len()), Some(wide(limit))));
            Ok(file)
        })?;
        report.step(StepName::Signature, |findings| self.trust().check(&file, findings))?;
        self.take_in(None, file.bytes(), report, Some(scanned))
    }

    fn take_in(
        &self,
        name: Option<&str>,
        bytes: &[u8],
        report: &mut Report,
        scanned: Option<&mut Option<scan::Scan>>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let started = Instant::now();
        let hash = hash(bytes);
        // What is in the cache has passed the scan of this very version.
        let kept = self.cache().and_then(|cache| cache.load(self.engine(), &hash));
        let cached = kept.is_some();
        let mut form = Form::Component;
        if !cached || scanned.is_some() {
            let scan = report.step(StepName::Scan, |findings| {
                let scan = scan(bytes, &|rule| self.scan_limit(rule))?;
                if scanned.is_some() {
                    findings.extend(
                        Rule::all()
                            .map(|rule| Finding::count(rule, scan.measures.get(rule), Some(self.scan_limit(rule)))),
                    );
                }
                Ok(scan)
            })?;
            form = scan.form;
            if let Some(scanned) = scanned {
                *scanned = Some(scan);
            }
        }
        let component = report.step(StepName::Compile, |findings| {
            findings.push(Finding::text("from", if cached { "cache" } else { "compiler" }));
            match kept {
                Some(component) => Ok(component),
                None => self.compile(name, bytes, form, &hash, findings),
            }
        })?;
        let pre = report.step(StepName::Contract, |findings| {
            check_world(self, &component, findings)?;
            let mut linker = self.linker().clone();
            let unfit = |error: wasmtime::Error| Refusal::Contract(first_line(&format!("{error:#}")));
            virtual_wasi::link(self.engine(), &mut linker, &component).map_err(unfit)?;
            linker.instantiate_pre(&component).and_then(StrategyPre::new).map_err(unfit)
        })?;
        let manifest = report.step(StepName::Describe, |findings| self.describe(&pre, findings))?;
        report.step(StepName::Probe, |findings| self.probe(&pre, &manifest, findings))?;
        Ok(Arc::new(Plugin { pre, manifest, hash, cached, admission: started.elapsed() }))
    }

    /// What is allowed of something that the scan counts.
    pub fn scan_limit(&self, rule: Rule) -> u64 {
        if self.lacks(Mitigation::Scan(rule)) { u64::MAX } else { scan::limit(rule, self.budgets()) }
    }

    fn compile(
        &self,
        name: Option<&str>,
        bytes: &[u8],
        form: Form,
        hash: &[u8; 32],
        findings: &mut Vec<Finding>,
    ) -> Result<Component, Refusal> {
        let kept = self.cache().zip(name).map(|(cache, name)| cache.functions(self.engine(), name));
        let started = Instant::now();
        let (artefact, functions) = self.compilers().compile(self.engine(), bytes, form, hash, kept.as_ref())?;
        tracing::debug!(plugin = name, time = ?started.elapsed(), kept = kept.as_ref().map_or(0, |kept| kept.bytes().len()), "compiled");
        findings.push(Finding::count(
            "compiled-bytes",
            u64::try_from(artefact.bytes().len()).unwrap_or(u64::MAX),
            self.compilers().limits().map(|limits| limits.artefact_bytes),
        ));
        let component =
            artefact.load(self.engine()).map_err(|error| Refusal::Compile(first_line(&format!("{error:#}"))))?;
        if let Some(cache) = self.cache() {
            let by_name = name.filter(|_| kept.as_ref() != Some(&functions));
            let saved = cache
                .save(self.engine(), hash, &artefact)
                .and_then(|()| by_name.map_or(Ok(()), |name| cache.save_functions(self.engine(), name, &functions)));
            if let Err(error) = saved {
                tracing::warn!(%error, "the compiled plugin can't be kept; the next start compiles it again");
            }
        }
        Ok(component)
    }

    fn describe(&self, pre: &StrategyPre<Guarded>, findings: &mut Vec<Finding>) -> Result<Manifest, Refusal> {
        let told = |fault: Fault| Refusal::Describe(fault.to_string());
        let mut instance = Instance::new(self, pre, self.budgets(), 0).map_err(told)?;
        let manifest = instance.describe();
        self.note(&instance, CallClass::Describe, findings);
        let manifest = manifest.map_err(told)?;
        manifest::check(&manifest, self.budgets())?;
        Ok(manifest)
    }

    fn probe(
        &self,
        pre: &StrategyPre<Guarded>,
        manifest: &Manifest,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Refusal> {
        let told = |fault: Fault| Refusal::Probe(fault.to_string());
        let mut instance = Instance::new(self, pre, self.budgets(), 0).map_err(told)?;
        let answer = instance.init(&probe::context(manifest));
        self.note(&instance, CallClass::Init, findings);
        // It may well insist on what only a grant gives.
        let said = answer.map_err(told)?.err().map_or_else(|| "started".to_owned(), |why| format!("declined: {why}"));
        findings.push(Finding::text("answer", said));
        Ok(())
    }

    /// What a call has used.
    fn note(&self, instance: &Instance, class: CallClass, findings: &mut Vec<Finding>) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let budgets = self.budgets();
        findings.push(Finding::count("cpu-micros", micros(instance.used()), Some(micros(budgets.time(class).hard))));
        let (used, limit) = (u64::try_from(instance.memory().bytes()), u64::try_from(budgets.memory_bytes));
        findings.push(Finding::count("memory-bytes", used.unwrap_or(u64::MAX), limit.ok()));
    }
}

/// Imports and exports against the contract, before the linker says it in its own words.
fn check_world(sandbox: &Sandbox, component: &Component, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
    let ty = component.component_type();
    let imports: Vec<_> = ty
        .imports(sandbox.engine())
        // Types alone can't do anything.
        .filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
        .map(|(name, _)| name.to_owned())
        .collect();
    let exports: Vec<_> = ty.exports(sandbox.engine()).map(|(name, _)| name.to_owned()).collect();
    let wasi = imports.iter().filter(|name| name.starts_with("wasi:")).count();
    findings.push(Finding::count("imports", u64::try_from(imports.len()).unwrap_or(u64::MAX), None));
    findings.push(Finding::count("wasi-imports", u64::try_from(wasi).unwrap_or(u64::MAX), None));
    contract::check(&imports, &exports)
}
