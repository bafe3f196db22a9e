//! Secrets from files. A file that others may read is refused: what it holds may be known already.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// No key is longer.
const LARGEST: u64 = 64 * 1024;

/// Why a secret can't be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SourceError {
    #[error("can't read {}: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error(
        "{} may be read by others (mode {mode:03o}); change it with: chmod 600 {}, and consider a new key",
        file.display(), file.display()
    )]
    Open { file: PathBuf, mode: u32 },
    #[error("{} is larger than any key", file.display())]
    Large { file: PathBuf },
    #[error("{} is no text", file.display())]
    NoText { file: PathBuf },
}

/// The text of a file that only its owner may read.
///
/// # Errors
/// It can't be read, others may read it, or it is no key.
pub fn read(file: &Path) -> Result<Zeroizing<String>, SourceError> {
    let unreadable = |source| SourceError::Unreadable { file: file.to_owned(), source };
    // Looked at through the open file, so that it is the same one.
    let mut opened = std::fs::File::open(file).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(SourceError::Open { file: file.to_owned(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(4_096));
    (&mut opened).take(LARGEST.saturating_add(1)).read_to_end(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(SourceError::Large { file: file.to_owned() });
    }
    std::str::from_utf8(&text)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| SourceError::NoText { file: file.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    #[test]
    fn what_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        write(&file, "hush\n").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o660, 0o620, 0o601] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:03o}")) && error.contains("chmod 600"), "{error}");
            assert!(!error.contains("hush"));
        }
        for mode in [0o600, 0o400] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&file).unwrap().as_str(), "hush\n");
        }
        assert!(matches!(read(&dir.path().join("none")), Err(SourceError::Unreadable { .. })));
        write(&file, vec![b'x'; 70_000]).unwrap();
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read(&file), Err(SourceError::Large { .. })));
        write(&file, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&file), Err(SourceError::NoText { .. })));
    }
}
