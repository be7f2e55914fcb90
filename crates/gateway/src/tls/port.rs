//! The certificate that the port itself shows: one that was given, or one of our own authority's.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use asl::Timestamp;
use rcgen::SanType;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Authority, DAY_MILLIS, LEAF_RENEWAL_DAYS, server_config};

/// Where the port's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// From files: the certificate with those that vouch for it behind it, and its key; PEM.
    Given {
        /// The certificates.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Made here, for these names and addresses.
    Made(Vec<String>),
}

/// TLS on the port.
pub struct Port {
    certificate: Certificate,
    authority: Arc<Authority>,
    shown: Mutex<Shown>,
}

struct Shown {
    made: Timestamp,
    config: Arc<ServerConfig>,
}

impl Port {
    /// Reads the certificate, or makes it.
    ///
    /// # Errors
    /// Files that cannot be read or do not fit together, with their names.
    pub fn open(
        certificate: Certificate,
        authority: Arc<Authority>,
        now: Timestamp,
    ) -> io::Result<Port> {
        let config = load(&certificate, &authority, now)?;
        let shown = Mutex::new(Shown { made: now, config });
        Ok(Port { certificate, authority, shown })
    }

    /// Reads the files again, or makes another certificate; connections from now on see it. What cannot
    /// be read leaves everything as it is.
    ///
    /// # Errors
    /// As [`Port::open`].
    pub fn reload(&self, now: Timestamp) -> io::Result<()> {
        let config = load(&self.certificate, &self.authority, now)?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown { made: now, config };
        Ok(())
    }

    /// What a handshake needs.
    pub(crate) fn config(&self, now: Timestamp) -> Arc<ServerConfig> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = now.0 - shown.made.0 >= LEAF_RENEWAL_DAYS * DAY_MILLIS;
        if is_old && let Certificate::Made(_) = self.certificate {
            match load(&self.certificate, &self.authority, now) {
                Ok(config) => *shown = Shown { made: now, config },
                Err(error) => tracing::warn!(%error, "the port's certificate cannot be made again"),
            }
        }
        shown.config.clone()
    }
}

fn load(
    certificate: &Certificate,
    authority: &Authority,
    now: Timestamp,
) -> io::Result<Arc<ServerConfig>> {
    let (chain, key) = match certificate {
        Certificate::Given { chain, key } => (chain, key),
        Certificate::Made(names) => {
            let names = names.iter().map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => name.as_str().try_into().map(SanType::DnsName),
            });
            let names = names.collect::<Result<_, _>>().map_err(io::Error::other)?;
            authority.trust(None)?;
            return authority.make_leaf(names, "Stepwell", now).map_err(io::Error::other);
        }
    };
    let wrong = |path: &Path, why: String| {
        let message = format!("`{}`: {why}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let pem = fs::read_to_string(chain).map_err(|error| wrong(chain, error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong(chain, "there is no certificate in PEM form in it".to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let config = server_config(certificates, private)
        .map_err(|error| wrong(chain, format!("it does not fit `{}`: {error}", key.display())))?;
    authority.trust(Some(&pem))?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, name: &str) -> Certificate {
        let made = rcgen::generate_simple_self_signed(vec!["stepwell.test".to_owned()]).unwrap();
        let paths = [folder.join(format!("{name}.pem")), folder.join(format!("{name}.key"))];
        fs::write(&paths[0], made.cert.pem()).unwrap();
        fs::write(&paths[1], made.signing_key.serialize_pem()).unwrap();
        let [chain, key] = paths;
        Certificate::Given { chain, key }
    }

    #[test]
    fn a_given_certificate_is_shown_trusted_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(1_700_000_000_000);
        let authority = Arc::new(Authority::open(&folder.path().join("tls"), now).unwrap());
        let certificate = written(folder.path(), "one");
        let port = Port::open(certificate.clone(), authority.clone(), now).unwrap();
        let first = port.config(now);
        assert!(Arc::ptr_eq(&first, &port.config(now.plus_millis(400 * DAY_MILLIS))));
        let Certificate::Given { chain, .. } = &certificate else { unreachable!() };
        let pem = fs::read_to_string(chain).unwrap();
        let bundle = || fs::read_to_string(authority.bundle()).unwrap();
        assert!(bundle().contains(pem.trim()));
        // Whoever opens the folder beside the server leaves it so.
        drop(Authority::open(&folder.path().join("tls"), now).unwrap());
        assert!(bundle().contains(pem.trim()));

        fs::write(chain, "nonsense").unwrap();
        assert!(port.reload(now).unwrap_err().to_string().contains("one.pem"));
        assert!(Arc::ptr_eq(&first, &port.config(now)), "it is still shown");
        written(folder.path(), "one");
        port.reload(now).unwrap();
        assert!(!Arc::ptr_eq(&first, &port.config(now)));
        let names = vec!["localhost".to_owned(), "::1".to_owned()];
        Port::open(Certificate::Made(names), authority.clone(), now).unwrap();
        assert!(!bundle().contains("What the port shows"));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(1_700_000_000_000);
        let authority = Arc::new(Authority::open(&folder.path().join("tls"), now).unwrap());
        written(folder.path(), "one");
        written(folder.path(), "two");
        let (chain, key) = (folder.path().join("one.pem"), folder.path().join("two.key"));
        let mixed = Certificate::Given { chain, key };
        let error = Port::open(mixed, authority, now).err().unwrap().to_string();
        assert!(error.contains("one.pem") && error.contains("two.key"), "{error}");
    }

    #[test]
    fn one_that_was_made_is_made_again_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(1_700_000_000_000);
        let authority = Arc::new(Authority::open(folder.path(), now).unwrap());
        let made = Certificate::Made(vec!["127.0.0.1".to_owned()]);
        let port = Port::open(made, authority, now).unwrap();
        let first = port.config(now);
        let late = now.plus_millis(301 * DAY_MILLIS);
        assert!(!Arc::ptr_eq(&first, &port.config(late)));
    }
}
