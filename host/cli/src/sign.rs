//! `ringfence sign`: keys and signatures for plugins. Public keys and signatures are minisign's,
//! so `minisign -V` checks them too; the signature stands beside the file as `FILE.minisig`. The
//! secret key's file is our own: a seed, for its owner alone.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use crate::args::SignArgs;

/// First line of a secret key's file.
const SECRET: &str = "ringfence secret key for plugins; whoever has it can sign in your name";
/// minisign's mark of a signature over the file itself.
const ALGORITHM: &[u8] = b"Ed";
const NUMBER: usize = 8;
const SEED: usize = 32;

/// Makes a key pair, signs a file, or both.
pub(crate) fn run(args: &SignArgs) -> anyhow::Result<()> {
    let signer = if args.generate { Signer::generate(&args.key)? } else { Signer::read(&args.key)? };
    let mut told = serde_json::Map::new();
    if let Some(file) = &args.file {
        let signature = signer.sign(file)?;
        told.insert("signature".to_owned(), json!(signature.display().to_string()));
    }
    told.insert("public_key".to_owned(), json!(signer.public()));
    if args.json {
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    if args.generate {
        say!("secret key: {} (keep it to yourself)", args.key.display());
    }
    for (what, value) in &told {
        say!("{}: {}", what.replace('_', " "), value.as_str().unwrap_or_default());
    }
    say!("to trust it, in ringfence.toml: [signing] keys = {{ NAME = \"{}\" }}", signer.public());
    Ok(())
}

/// Whoever signs.
struct Signer {
    /// minisign's number of the key pair.
    number: [u8; NUMBER],
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(number: [u8; NUMBER], seed: &[u8]) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| anyhow!("the secret key is damaged"))?;
        Ok(Signer { number, pair })
    }

    /// A new key pair: `KEY` and `KEY.pub`, neither of which may be there.
    fn generate(key: &Path) -> anyhow::Result<Self> {
        let (mut number, mut seed) = ([0u8; NUMBER], [0u8; SEED]);
        let random = SystemRandom::new();
        let filled = random.fill(&mut number).and_then(|()| random.fill(&mut seed));
        filled.map_err(|_| anyhow!("the system gives no random numbers"))?;
        let signer = Signer::new(number, &seed)?;
        write_new(key, &format!("{SECRET}\n{}\n", STANDARD.encode([&number[..], &seed[..]].concat())), 0o600)?;
        let public = format!("untrusted comment: ringfence public key\n{}\n", signer.public());
        write_new(&beside(key, ".pub"), &public, 0o644)?;
        Ok(signer)
    }

    fn read(key: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(key)
            .with_context(|| format!("can't read the secret key {}; make one with --generate", key.display()))?;
        let wrong = || anyhow!("{} is no secret key of `ringfence sign --generate`", key.display());
        let line = text.strip_prefix(SECRET).ok_or_else(wrong)?.trim();
        let bytes = STANDARD.decode(line).map_err(|_| wrong())?;
        ensure!(bytes.len() == NUMBER + SEED, wrong());
        let (number, seed) = bytes.split_first_chunk::<NUMBER>().ok_or_else(wrong)?;
        Signer::new(*number, seed)
    }

    /// The public key as minisign writes it.
    fn public(&self) -> String {
        STANDARD.encode([ALGORITHM, &self.number, self.pair.public_key().as_ref()].concat())
    }

    /// Signs a file; the signature's own comment is signed too, and names the file.
    fn sign(&self, file: &Path) -> anyhow::Result<PathBuf> {
        let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(!name.contains(['\n', '\r']), "a file with a line break in its name can't be signed");
        let comment = format!("file:{name}");
        let signature = self.pair.sign(&bytes);
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let text = format!(
            "untrusted comment: signature of a ringfence plugin\n{}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode([ALGORITHM, &self.number, signature.as_ref()].concat()),
            STANDARD.encode(global.as_ref()),
        );
        let out = beside(file, ".minisig");
        // Moved into place at once: a host may be watching the folder.
        let next = beside(file, ".minisig.tmp");
        std::fs::write(&next, text).with_context(|| format!("can't write {}", next.display()))?;
        std::fs::rename(&next, &out).with_context(|| format!("can't write {}", out.display()))?;
        Ok(out)
    }
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(end);
    PathBuf::from(name)
}

/// Writes a file that was not there.
fn write_new(file: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut open = options.open(file).with_context(|| format!("can't make {}", file.display()))?;
    open.write_all(text.as_bytes()).with_context(|| format!("can't write {}", file.display()))
}
