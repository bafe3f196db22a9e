//! A file's bytes, read once: everything below works on this copy, so nobody can swap the file
//! between the look and the use. No link is followed, nothing but a regular file is read, and
//! no more of it than a plugin may have.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::manifest::is_name;
use super::{hash, rules::Rule};
use crate::refusal::{Refusal, first_line};

/// Largest signature file; a real one has some 300 bytes.
const SIGNATURE_BYTES: u64 = 4 << 10;

/// One copy of a plugin's file, and of the signature beside it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    name: String,
    bytes: Vec<u8>,
    hash: [u8; 32],
    signature: Option<Vec<u8>>,
}

/// Why there is no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSnapshot {
    /// There is no such file (any more).
    Gone,
    /// It is not taken.
    Refused(Refusal),
}

impl From<Refusal> for NoSnapshot {
    fn from(refusal: Refusal) -> Self {
        NoSnapshot::Refused(refusal)
    }
}

impl Snapshot {
    /// Copies a file, of at most `most` bytes.
    ///
    /// # Errors
    /// It is gone, or it is no file of the kind and name that a plugin has.
    pub fn take(path: &Path, most: usize) -> Result<Self, NoSnapshot> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = file.strip_suffix(".wasm").unwrap_or_default().to_owned();
        if !is_name(&name) {
            return Err(Refusal::Name { name: first_line(&file) }.into());
        }
        let allowed = u64::try_from(most).unwrap_or(u64::MAX);
        let bytes = match read(path, allowed)? {
            Some(bytes) => bytes,
            None => return Err(NoSnapshot::Gone),
        };
        let beside = path.with_file_name(format!("{file}.minisig"));
        let signature = match read(&beside, SIGNATURE_BYTES) {
            Ok(signature) => signature,
            // What stands there is not a signature, and it stands there.
            Err(refusal) => return Err(Refusal::BadSignature(format!("{file}.minisig: {refusal}")).into()),
        };
        Ok(Snapshot { hash: hash(&bytes), name, bytes, signature })
    }

    /// The file's name without `.wasm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The copy.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the copy.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The file `NAME.wasm.minisig` beside it.
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }

    /// Tells one content from another, the signature included.
    pub fn mark(&self) -> [u8; 32] {
        match &self.signature {
            None => self.hash,
            Some(signature) => hash(&[&self.hash[..], signature].concat()),
        }
    }
}

/// The whole of a regular file; `None` if there is none.
fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
    let unreadable = |error: &std::io::Error| Refusal::Unreadable(error.to_string());
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(match std::fs::symlink_metadata(path) {
                Ok(metadata) if !metadata.is_file() => not_a_file(&metadata),
                _ => unreadable(&error),
            });
        }
    };
    // Asked of what is open, not of the name: that may stand for another file by now.
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(not_a_file(&metadata));
    }
    let too_large = |found| Refusal::TooLarge { rule: Rule::FileBytes, found, allowed: most };
    if metadata.len() > most {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // It may grow while it is read.
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    if read > most { Err(too_large(read)) } else { Ok(Some(bytes)) }
}

/// Follows no link in the last place, and does not wait for the other end of a pipe.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

fn not_a_file(metadata: &std::fs::Metadata) -> Refusal {
    let kind = metadata.file_type();
    let found = if kind.is_symlink() {
        "a link"
    } else if kind.is_dir() {
        "a folder"
    } else {
        "a pipe, a socket or a device"
    };
    Refusal::NotAFile { found: found.to_owned() }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> Refusal {
        match Snapshot::take(path, 1_000).unwrap_err() {
            NoSnapshot::Refused(refusal) => refusal,
            NoSnapshot::Gone => panic!("it is there"),
        }
    }

    #[test]
    fn only_a_regular_file_of_a_sound_name_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("good.wasm"), b"bytes").unwrap();
        let snapshot = Snapshot::take(&at("good.wasm"), 1_000).unwrap();
        assert_eq!((snapshot.name(), snapshot.bytes(), snapshot.signature()), ("good", &b"bytes"[..], None));
        assert_eq!(snapshot.mark(), *snapshot.hash());

        std::os::unix::fs::symlink(at("good.wasm"), at("link.wasm")).unwrap();
        assert_eq!(refused(&at("link.wasm")), Refusal::NotAFile { found: "a link".into() });
        std::fs::create_dir(at("dir.wasm")).unwrap();
        assert_eq!(refused(&at("dir.wasm")), Refusal::NotAFile { found: "a folder".into() });
        // Nobody ever writes to it; opening it must not wait for that.
        assert!(std::process::Command::new("mkfifo").arg(at("pipe.wasm")).status().unwrap().success());
        assert!(matches!(refused(&at("pipe.wasm")), Refusal::NotAFile { .. }));
        let socket = std::os::unix::net::UnixListener::bind(at("socket.wasm")).unwrap();
        assert!(matches!(refused(&at("socket.wasm")), Refusal::NotAFile { .. } | Refusal::Unreadable(_)));
        drop(socket);
        assert_eq!(Snapshot::take(&at("none.wasm"), 1_000).unwrap_err(), NoSnapshot::Gone);

        for odd in ["a b.wasm", "ä.wasm", ".wasm", "a.b.wasm", "a\n.wasm", "x.wasm.wasm"] {
            std::fs::write(at(odd), b"bytes").unwrap();
            assert!(matches!(refused(&at(odd)), Refusal::Name { .. }), "{odd:?}");
        }
        let long = format!("{}.wasm", "a".repeat(65));
        std::fs::write(at(&long), b"bytes").unwrap();
        assert!(matches!(refused(&at(&long)), Refusal::Name { .. }));

        std::fs::write(at("large.wasm"), vec![0; 1_001]).unwrap();
        let rule = Rule::FileBytes;
        assert_eq!(refused(&at("large.wasm")), Refusal::TooLarge { rule, found: 1_001, allowed: 1_000 });
    }

    #[test]
    fn a_signature_beside_it_is_part_of_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a.wasm"), b"bytes").unwrap();
        let bare = Snapshot::take(&at("a.wasm"), 1_000).unwrap();
        std::fs::write(at("a.wasm.minisig"), b"signature").unwrap();
        let signed = Snapshot::take(&at("a.wasm"), 1_000).unwrap();
        assert_eq!(signed.signature(), Some(&b"signature"[..]));
        assert_eq!(signed.hash(), bare.hash());
        assert_ne!(signed.mark(), bare.mark());
        std::fs::remove_file(at("a.wasm.minisig")).unwrap();
        std::os::unix::fs::symlink(at("a.wasm"), at("a.wasm.minisig")).unwrap();
        assert!(matches!(refused(&at("a.wasm")), Refusal::BadSignature(_)));
    }
}
