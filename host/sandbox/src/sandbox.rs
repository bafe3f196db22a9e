//! The engine that all plugins share, its settings, and its beat. Why each setting is as
//! it is stands beside it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{CacheStore, Config, Engine, OptLevel};

use crate::admission::Plugin;
use crate::bindings::Strategy;
use crate::budgets::Budgets;
use crate::cache::Cache;
use crate::compiler::{Compiler, Compilers};
use crate::imports::Guarded;
use crate::mitigation::Mitigation;
use crate::trust::Trust;

/// How often a running guest's budget is looked at.
pub(crate) const BEAT: Duration = Duration::from_millis(1);
/// Stack of a guest; the host's own frames on top of it need the rest of the thread's 4 MiB.
const WASM_STACK: usize = 512 << 10;
/// The same where a test shows what a bound is good for.
const WIDE_STACK: usize = 2 << 20;

/// What a sandbox is made of.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where compiled plugins are kept; `None` compiles at every start.
    pub cache_dir: Option<PathBuf>,
    /// Limits of each plugin.
    pub budgets: Budgets,
    /// Where plugins are compiled.
    pub compiler: Compiler,
    /// The one protection that a test does without; a host never does.
    pub without: Option<Mitigation>,
}

impl SandboxConfig {
    /// For a host: the user's cache folder, the budgets to start with, and this program itself as
    /// its compiler, in a process of its own. The program's `main` must begin with
    /// [`run_if_asked`](crate::compiler::child::run_if_asked).
    pub fn host() -> Self {
        let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = of("XDG_CACHE_HOME").or_else(|| of("HOME").map(|home| home.join(".cache")));
        SandboxConfig {
            cache_dir: cache.map(|dir| dir.join("ringfence")),
            budgets: Budgets::default(),
            compiler: Compiler::this_program(),
            without: None,
        }
    }

    /// For tests and benches, which compile only what they made: no cache, no process.
    pub fn in_process() -> Self {
        SandboxConfig { cache_dir: None, budgets: Budgets::default(), compiler: Compiler::InProcess, without: None }
    }
}

/// A sandbox that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refuses the settings or this machine.
    #[error("the WebAssembly engine can't start on this machine: {0}")]
    Engine(String),
    /// No thread for the beat.
    #[error("can't start the sandbox's beat: {0}")]
    Beat(#[from] std::io::Error),
}

/// Engine, linker and cache for all plugins.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<Guarded>,
    cache: Option<Cache>,
    compilers: Compilers,
    budgets: Arc<Budgets>,
    /// Plugins that live, by content: a thousand seats of one file share its code.
    shared: Mutex<HashMap<[u8; 32], Weak<Plugin>>>,
    trust: RwLock<Arc<Trust>>,
    without: Option<Mitigation>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("budgets", &self.budgets).finish_non_exhaustive()
    }
}

/// The engine with the settings of every plugin. The store of compiled functions shapes no code.
pub(crate) fn engine(functions: Option<Arc<dyn CacheStore>>) -> wasmtime::Result<Engine> {
    engine_with(functions, WASM_STACK)
}

fn engine_with(functions: Option<Arc<dyn CacheStore>>, stack: usize) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    if let Some(functions) = functions {
        config.enable_incremental_compilation(functions)?;
    }
    // Guests are called synchronously on their own threads: a call costs a tenth of the
    // concurrent ABI's, and components that want that ABI are refused.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(stack);
    // The same bytes behave the same everywhere.
    config.cranelift_nan_canonicalization(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.wasm_relaxed_simd(false);
    // What no strategy needs, no guest can reach. (Several memories in a module are needed by
    // the adapters between the parts of one component; the limiter sums them.)
    config.wasm_memory64(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_tail_call(false);
    // Bounds the text of an error.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config.generate_address_map(false);
    Engine::new(&config)
}

impl Sandbox {
    /// Makes the engine and starts its beat. A cache that can't be used is told and left out.
    ///
    /// # Errors
    /// The engine can't start here.
    pub fn new(config: SandboxConfig) -> Result<Arc<Self>, SandboxError> {
        let told = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let stack = if config.without == Some(Mitigation::Stack) { WIDE_STACK } else { WASM_STACK };
        let engine = engine_with(None, stack).map_err(told)?;
        let mut linker = Linker::new(&engine);
        Strategy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guarded| guarded).map_err(told)?;
        let cache = config.cache_dir.and_then(|dir| match Cache::open(&dir) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "compiled plugins can't be kept; each start compiles them again");
                None
            }
        });
        let beating = engine.weak();
        std::thread::Builder::new().name("beat".to_owned()).spawn(move || {
            while let Some(engine) = beating.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(BEAT);
            }
        })?;
        let compilers = Compilers::new(config.compiler);
        Ok(Arc::new(Sandbox {
            engine,
            linker,
            cache,
            compilers,
            budgets: Arc::new(config.budgets),
            shared: Mutex::default(),
            trust: RwLock::default(),
            without: config.without,
        }))
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) const fn linker(&self) -> &Linker<Guarded> {
        &self.linker
    }

    /// The plugin of this content, if one lives.
    pub(crate) fn living(&self, content: &[u8; 32]) -> Option<Arc<Plugin>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).get(content)?.upgrade()
    }

    /// Shares a plugin with whoever comes with the same content.
    pub(crate) fn share(&self, plugin: &Arc<Plugin>) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, plugin| plugin.strong_count() > 0);
        shared.insert(*plugin.hash(), Arc::downgrade(plugin));
    }

    pub(crate) const fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Whom the operator trusts, from now on. At first there are no pins, and no signature is asked for.
    pub fn set_trust(&self, trust: Trust) {
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }

    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a test does without this protection.
    pub(crate) fn lacks(&self, mitigation: Mitigation) -> bool {
        self.without == Some(mitigation)
    }

    pub(crate) const fn compilers(&self) -> &Compilers {
        &self.compilers
    }

    /// Limits of each plugin.
    pub fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }
}
