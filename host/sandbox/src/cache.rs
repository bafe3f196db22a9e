//! Compiled code on disk, so that a start takes milliseconds. The key is the content and
//! everything of the engine that shapes code; the value carries a MAC under a key of this
//! installation, because loading it means running it. Beside it, under the same MAC and by the
//! plugin's name, the functions of its last build. What was not used for longest makes room.

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
use crate::compiler::functions::Functions;
use crate::text::hex;

const MAC_BYTES: usize = 32;
/// Most that the folder holds. Whoever rebuilds a strategy all day must not fill a disk.
const MOST_BYTES: u64 = 2 << 30;

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

    fn file(&self, engine: &Engine, of: Of<'_>) -> PathBuf {
        let mut hasher = Digesting(Sha256::new());
        hasher.write(of.name());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // What is here has passed the scan: with other limits it has to pass again.
        hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
        Rule::all().for_each(|rule| hasher.write(&rule.limit().to_le_bytes()));
        self.dir.join(format!("{}{}", of.prefix(), hex(&hasher.0.finalize())))
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
        self.proved(&self.file(engine, Of::Content(content)), |code| Artefact::vouched_for(code).load(engine).ok())
    }

    /// The functions of the last build of the plugin of this name; none if there was none.
    pub(crate) fn functions(&self, engine: &Engine, name: &str) -> Functions {
        self.proved(&self.file(engine, Of::Name(name)), |bytes| Some(Functions::vouched_for(bytes))).unwrap_or_default()
    }

    /// What this installation has written to a file, without its MAC.
    fn proved<T>(&self, file: &Path, take: impl FnOnce(Vec<u8>) -> Option<T>) -> Option<T> {
        let mut bytes = fs::read(file).ok()?;
        let right = |bytes: &[u8]| {
            let (mac, content) = bytes.split_at_checked(MAC_BYTES)?;
            self.mac(file, content).verify_slice(mac).ok()
        };
        let taken = right(&bytes).and_then(|()| take(bytes.split_off(MAC_BYTES)));
        match taken {
            Some(_) => used_now(file),
            None => {
                tracing::warn!(file = %file.display(), "a compiled plugin in the cache is damaged or not ours; it is removed");
                let _ = fs::remove_file(file);
            }
        }
        taken
    }

    /// Keeps a compiled form.
    pub(crate) fn save(&self, engine: &Engine, content: &[u8; 32], code: &Artefact) -> std::io::Result<()> {
        self.write(&self.file(engine, Of::Content(content)), code.bytes())
    }

    /// Keeps the functions of a build for the next one of the same name.
    pub(crate) fn save_functions(&self, engine: &Engine, name: &str, functions: &Functions) -> std::io::Result<()> {
        self.write(&self.file(engine, Of::Name(name)), functions.bytes())
    }

    fn write(&self, file: &Path, content: &[u8]) -> std::io::Result<()> {
        let mac = self.mac(file, content).finalize().into_bytes();
        write_whole(&self.dir, file, &[&mac, content])?;
        self.make_room(MOST_BYTES, file)
    }

    /// Removes what was not used for longest until the rest is no more than `most`; `newest` stays.
    fn make_room(&self, most: u64, newest: &Path) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Another process may remove what this one has just seen.
            let Ok(metadata) = entry.metadata() else { continue };
            let kept = entry.file_name() == "key" || entry.path() == newest || !metadata.is_file();
            files.push((!kept, metadata.modified()?, metadata.len(), entry.path()));
        }
        let mut all = files.iter().fold(0u64, |sum, (_, _, length, _)| sum.saturating_add(*length));
        files.retain(|(removable, ..)| *removable);
        files.sort();
        for (_, _, length, path) in files {
            if all <= most {
                break;
            }
            let _ = fs::remove_file(path);
            all = all.saturating_sub(length);
        }
        Ok(())
    }
}

/// What a file of the cache is about.
#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Content(&'a [u8; 32]),
    Name(&'a str),
}

impl Of<'_> {
    const fn name(&self) -> &[u8] {
        match self {
            Of::Content(hash) => hash.as_slice(),
            Of::Name(name) => name.as_bytes(),
        }
    }

    /// So that no plugin's name can stand for a content.
    const fn prefix(&self) -> &'static str {
        match self {
            Of::Content(_) => "",
            Of::Name(_) => "functions-",
        }
    }
}

/// A file's time says when it was used last.
fn used_now(file: &Path) {
    if let Ok(file) = fs::File::options().append(true).open(file) {
        // Without it, it makes room sooner.
        let _ = file.set_modified(std::time::SystemTime::now());
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
        let engine = crate::sandbox::engine(None).unwrap();
        let code = Artefact::vouched_for(engine.precompile_component(b"\0asm\x0d\0\x01\0").unwrap());
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let content = [7; 32];
        assert!(cache.load(&engine, &content).is_none());
        cache.save(&engine, &content, &code).unwrap();
        assert!(Cache::open(dir.path()).unwrap().load(&engine, &content).is_some());

        let file = cache.file(&engine, Of::Content(&content));
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
        fs::write(cache.file(&engine, Of::Content(&[8; 32])), &good).unwrap();
        assert!(cache.load(&engine, &[8; 32]).is_none());
        // Nor with another installation's key.
        let other = tempfile::tempdir().unwrap();
        let stranger = Cache::open(other.path()).unwrap();
        fs::write(stranger.file(&engine, Of::Content(&content)), &good).unwrap();
        assert!(stranger.load(&engine, &content).is_none());
    }

    #[test]
    fn functions_are_kept_by_name_and_proved() {
        let engine = crate::sandbox::engine(None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let functions = Functions::vouched_for(b"functions of a".to_vec());
        cache.save_functions(&engine, "a", &functions).unwrap();
        assert_eq!(cache.functions(&engine, "a"), functions);
        assert_eq!(cache.functions(&engine, "b"), Functions::default());
        // Another plugin's are no use, whoever copies them there.
        fs::copy(cache.file(&engine, Of::Name("a")), cache.file(&engine, Of::Name("b"))).unwrap();
        assert_eq!(cache.functions(&engine, "b"), Functions::default());
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let engine = crate::sandbox::engine(None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let hour = std::time::Duration::from_secs(3_600);
        let names = ["a", "b", "c"];
        for (hours, name) in (1..).zip(names) {
            cache.save_functions(&engine, name, &Functions::vouched_for(vec![0; 1_000])).unwrap();
            let file = fs::File::options().append(true).open(cache.file(&engine, Of::Name(name))).unwrap();
            file.set_modified(std::time::SystemTime::now() - hour * 10 + hour * hours).unwrap();
        }
        let there = || names.map(|name| cache.file(&engine, Of::Name(name)).exists());
        let newest = cache.file(&engine, Of::Name("c"));
        cache.make_room(4_000, &newest).unwrap();
        assert_eq!(there(), [true; 3]);
        cache.functions(&engine, "a");
        cache.make_room(2_500, &newest).unwrap();
        assert_eq!(there(), [true, false, true], "the oldest was just used");
        cache.make_room(0, &newest).unwrap();
        assert_eq!(there(), [false, false, true]);
        assert!(dir.path().join("key").exists());
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
