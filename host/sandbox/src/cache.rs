//! Compiled code on disk, so that a start takes milliseconds. The key is the content and
//! everything of the engine that shapes code; the value carries a MAC under a key of this
//! installation, because loading it means running it.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::rules::Rule;
use crate::artefact::Artefact;
use crate::text::hex;

const MAC_BYTES: usize = 32;

/// A folder of compiled components that this installation wrote.
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
}

/// Feeds whatever is hashed to SHA-256.
struct Digesting(Sha256);

impl Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the digest is taken whole.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn private(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// The folder itself, no link to one, and ours alone: whoever can write here decides what runs.
#[cfg(unix)]
fn check_owner(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // Whoever makes a file owns it.
    let us = us(dir)?;
    let metadata = fs::symlink_metadata(dir)?;
    if !metadata.is_dir() || metadata.uid() != us || metadata.mode() & 0o077 != 0 {
        return Err(std::io::Error::other("it must be a folder, no link, of this user, with mode 0700"));
    }
    Ok(())
}

#[cfg(unix)]
fn us(dir: &Path) -> std::io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    let file = beside(dir);
    let owner = fs::File::create(&file)?.metadata()?.uid();
    fs::remove_file(&file)?;
    Ok(owner)
}

#[cfg(not(unix))]
fn check_owner(_dir: &Path) -> std::io::Result<()> {
    Ok(())
}

impl Cache {
    /// Opens or makes the folder.
    pub(crate) fn open(dir: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(dir)?;
        private(dir, 0o700)?;
        check_owner(dir)?;
        let file = dir.join("key");
        let key = match fs::read(&file) {
            Ok(key) => key,
            Err(_) => {
                let mut key = [0u8; 32];
                fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
                write_whole(dir, &file, &[&key])?;
                // Another process may have been faster: its key counts.
                fs::read(&file)?
            }
        };
        let key =
            key.try_into().map_err(|_| std::io::Error::other("the cache's key file is damaged; remove the folder"))?;
        Ok(Cache { dir: dir.to_owned(), key })
    }

    fn file(&self, engine: &Engine, content: &[u8; 32]) -> PathBuf {
        let mut hasher = Digesting(Sha256::new());
        hasher.write(content);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // What is here has passed the scan: with other limits it has to pass again.
        hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
        Rule::all().for_each(|rule| hasher.write(&rule.limit().to_le_bytes()));
        self.dir.join(hex(&hasher.0.finalize()))
    }

    fn mac(&self, file: &Path, code: &[u8]) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        // The name is part of it, so that one file can't stand in for another.
        mac.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(code);
        mac
    }

    /// The compiled form of a content, if this installation has written it. What is there but isn't
    /// ours, or is of another engine, is wiped.
    pub(crate) fn load(&self, engine: &Engine, content: &[u8; 32]) -> Option<Component> {
        let file = self.file(engine, content);
        let mut bytes = fs::read(&file).ok()?;
        let loaded = self.proved(&file, &mut bytes).and_then(|code| code.load(engine).ok());
        if loaded.is_none() {
            tracing::warn!(file = %file.display(), "a compiled plugin in the cache is damaged or not ours; it is removed");
            let _ = fs::remove_file(&file);
        }
        loaded
    }

    /// The code without its MAC, if that is right.
    fn proved(&self, file: &Path, bytes: &mut Vec<u8>) -> Option<Artefact> {
        let (mac, code) = bytes.split_at_checked(MAC_BYTES)?;
        self.mac(file, code).verify_slice(mac).ok()?;
        Some(Artefact::vouched_for(bytes.split_off(MAC_BYTES)))
    }

    /// Keeps a compiled form.
    pub(crate) fn save(&self, engine: &Engine, content: &[u8; 32], code: &Artefact) -> std::io::Result<()> {
        let file = self.file(engine, content);
        let mac = self.mac(&file, code.bytes()).finalize().into_bytes();
        write_whole(&self.dir, &file, &[&mac, code.bytes()])
    }
}

/// A name that nobody else uses.
fn beside(dir: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    dir.join(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Writes beside and renames, so that nobody ever sees half a file.
fn write_whole(dir: &Path, file: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let beside = beside(dir);
    let mut handle = fs::File::create(&beside)?;
    private(&beside, 0o600)?;
    for part in parts {
        handle.write_all(part)?;
    }
    drop(handle);
    fs::rename(&beside, file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_installation_wrote_is_loaded_and_the_rest_is_wiped() {
        let engine = crate::sandbox::engine().unwrap();
        let code = Artefact::vouched_for(engine.precompile_component(b"\0asm\x0d\0\x01\0").unwrap());
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let content = [7; 32];
        assert!(cache.load(&engine, &content).is_none());
        cache.save(&engine, &content, &code).unwrap();
        assert!(Cache::open(dir.path()).unwrap().load(&engine, &content).is_some());

        let file = cache.file(&engine, &content);
        let good = fs::read(&file).unwrap();
        for at in [0, 31, 32, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            assert!(cache.load(&engine, &content).is_none(), "byte {at}");
            assert!(!file.exists(), "what is not ours is wiped");
        }
        fs::write(&file, &good[..10]).unwrap();
        assert!(cache.load(&engine, &content).is_none());
        // Under another name the same bytes are worth nothing.
        fs::write(cache.file(&engine, &[8; 32]), &good).unwrap();
        assert!(cache.load(&engine, &[8; 32]).is_none());
        // Nor with another installation's key.
        let other = tempfile::tempdir().unwrap();
        let stranger = Cache::open(other.path()).unwrap();
        fs::write(stranger.file(&engine, &content), &good).unwrap();
        assert!(stranger.load(&engine, &content).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_ours_alone_and_no_link() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        Cache::open(&real).unwrap();
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(real.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
        // A folder that others could write to is taken back.
        private(&real, 0o777).unwrap();
        Cache::open(&real).unwrap();
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(Cache::open(&link).is_err());
    }
}
