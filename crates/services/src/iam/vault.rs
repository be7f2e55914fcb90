//! Secrets at rest. What is sealed can be opened with a key alone that lies beside the database in a
//! file of its own, readable by its owner; a copy of the database without it gives no credentials away.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;

use crate::Error;

/// The key's file in the data folder.
const FILE: &str = "secrets.key";
const KEY_BYTES: usize = 32;
/// What a sealed text begins with.
const MARK: &str = "sealed:";

/// Seals and opens secrets, and makes new ones.
pub struct Vault {
    key: [u8; KEY_BYTES],
    random: SystemRandom,
}

impl Vault {
    /// Opens the vault of a data folder; the first time, makes its key.
    ///
    /// # Errors
    /// A key that cannot be read or written, or is none.
    pub fn open(data: &Path) -> io::Result<Vault> {
        let path = data.join(FILE);
        if !path.exists() {
            make(data, &path)?;
        }
        Vault::read(data)
    }

    /// The vault of a data folder that has one already.
    ///
    /// # Errors
    /// As [`Vault::open`], and where there is none.
    pub fn read(data: &Path) -> io::Result<Vault> {
        let path = data.join(FILE);
        let text = fs::read_to_string(&path)?;
        let key = hex::decode(text.trim()).ok().and_then(|key| key.try_into().ok());
        let key = key.ok_or_else(|| {
            let message = format!("`{}` holds no key of {KEY_BYTES} bytes", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        Ok(Vault { key, random: SystemRandom::new() })
    }

    /// A secret as it may be stored. It opens under the same name alone, so that nobody can put one
    /// secret in another's place.
    pub(crate) fn seal(&self, name: &str, secret: &str) -> Result<String, Error> {
        let mut nonce = [0; NONCE_LEN];
        self.fill(&mut nonce)?;
        let mut bytes = secret.as_bytes().to_vec();
        self.aead()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        Ok(format!("{MARK}{}", BASE64.encode([nonce.as_slice(), &bytes].concat())))
    }

    /// The secret again.
    pub(crate) fn open_sealed(&self, name: &str, sealed: &str) -> Result<String, Error> {
        // Data folders from before there was a vault.
        let Some(text) = sealed.strip_prefix(MARK) else { return Ok(sealed.to_owned()) };
        let closed = || {
            Error::internal(format!(
                "a secret in the database was sealed with another key than the one in `{FILE}`"
            ))
        };
        let bytes = BASE64.decode(text).map_err(|_| closed())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(closed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| closed())?;
        let mut bytes = sealed.to_vec();
        let opened = self.aead()?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut bytes);
        let opened = opened.map_err(|_| closed())?;
        String::from_utf8(opened.to_vec()).map_err(|_| closed())
    }

    /// A new secret of so many letters. Its dice are the system's: those of a `Moment` have 64 bits.
    pub(crate) fn letters(&self, count: usize) -> Result<String, Error> {
        let mut bytes = vec![0; count * 3 / 4 + 3];
        self.fill(&mut bytes)?;
        let mut text = BASE64.encode(bytes);
        text.truncate(count);
        Ok(text)
    }

    /// The access key with which whoever may read the vault's key acts as an account's root user.
    pub fn root_key(&self, account: &str) -> (String, String) {
        let id = format!("{ROOT_KEY}{account}");
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
            .expect("HMAC takes a key of any length");
        mac.update(id.as_bytes());
        (id, BASE64.encode(mac.finalize().into_bytes()))
    }

    fn aead(&self) -> Result<LessSafeKey, Error> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.key);
        key.map(LessSafeKey::new).map_err(|_| Error::internal("the vault has no key"))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.random.fill(bytes).map_err(|_| Error::internal("the system gives no random bytes"))
    }
}

/// What the ids of root users' keys begin with; their account follows.
pub(crate) const ROOT_KEY: &str = "STEPWELL";

fn make(data: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random bytes"))?;
    fs::create_dir_all(data)?;
    // Whole or not at all, and never readable by others.
    let beside = data.join(format!("{FILE}.new"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{}\n", hex::encode(key)).as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_open_with_the_same_key_and_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = vault.seal("AKIA1", "hush").unwrap();
        assert!(!sealed.contains("hush"));
        assert_ne!(sealed, vault.seal("AKIA1", "hush").unwrap());
        let again = Vault::open(folder.path()).unwrap();
        assert_eq!(again.open_sealed("AKIA1", &sealed).unwrap(), "hush");
        assert!(again.open_sealed("AKIA2", &sealed).is_err());
        let damaged = sealed.replace(MARK, "sealed:AAAA");
        assert!(again.open_sealed("AKIA1", &damaged).is_err());
        let other = Vault::open(tempfile::tempdir().unwrap().path()).unwrap();
        assert!(other.open_sealed("AKIA1", &sealed).is_err());
        assert_eq!(vault.open_sealed("AKIA1", "of old").unwrap(), "of old");
        assert_ne!(vault.letters(40).unwrap(), vault.letters(40).unwrap());
        assert_eq!(vault.letters(40).unwrap().len(), 40);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(Vault::open(folder.path()).is_err());
    }
}
