//! Compiled code as bytes. Loading it means running it, so there are two sources only: the
//! compiler of this very program, and the cache after it has proved that this installation
//! wrote the bytes.
//!
//! The one place of the host with `unsafe`.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Code that this installation's compiler made.
pub(crate) struct Artefact(Vec<u8>);

impl Artefact {
    /// Whoever calls this vouches that `Engine::precompile_component` of this program, in this
    /// process or in its own child, made exactly these bytes. The callers are `compiler` and `cache`.
    pub(crate) const fn vouched_for(bytes: Vec<u8>) -> Self {
        Artefact(bytes)
    }

    /// What may be kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes it a component of this engine.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` asks for bytes that a compatible engine serialised, unchanged. The
        // compiler's are made by this program (its child is this very file, started by us, and
        // answers over a pipe that nobody else holds), the cache's carry a MAC over content and name
        // under this installation's key, and the name holds the engine's compatibility hash. wasmtime
        // itself refuses those of another version or other settings.
        #[allow(unsafe_code)]
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
