//! A certificate authority of our own, made at the first start, that stands in for AWS's hosts.
//!
//! The SageMaker SDKs ask `https://sts.REGION.amazonaws.com` whatever the endpoint says. With the server
//! as `HTTPS_PROXY` and [`Authority::bundle`] as `AWS_CA_BUNDLE` these calls arrive here too. It also makes
//! the certificate that the port itself shows, where none is given ([`Port`]).

mod port;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use asl::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub use port::{Certificate, Port};

/// The authority: its key signs a leaf certificate for each host when it is first asked for.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// One for all leaves: they live as long as the process.
    leaf_key: KeyPair,
    leaves: Mutex<HashMap<String, Leaf>>,
}

struct Leaf {
    made: Timestamp,
    config: Arc<ServerConfig>,
}

/// A copy of the certificates that the port was given, for the bundle.
const GIVEN: &str = "given.pem";
const DAY_MILLIS: i64 = 86_400_000;
const AUTHORITY_DAYS: i64 = 20 * 365;
/// Some clients refuse leaves of more than 825 days.
const LEAF_DAYS: i64 = 397;
const LEAF_RENEWAL_DAYS: i64 = 300;

impl Authority {
    /// Opens the authority in a folder (`DATA/tls`), or makes it there: `ca.pem`, `ca.key` (readable by
    /// the owner alone), and `bundle.pem` with our authority and the system's.
    ///
    /// # Errors
    /// When the folder cannot be written, or what lies there is no certificate and key.
    pub fn open(folder: &Path, now: Timestamp) -> io::Result<Authority> {
        fs::create_dir_all(folder)?;
        // A server and `stepwell env` may come here at the same time; one makes it, the other finds it.
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !key.exists() || !certificate.exists() {
            let (certificate_pem, key_pem) = make(now).map_err(io::Error::other)?;
            write_atomically(&key, key_pem.as_bytes(), 0o600)?;
            write_atomically(&certificate, certificate_pem.as_bytes(), 0o644)?;
        }
        let damaged = |error: rcgen::Error| {
            let place = folder.display();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "`{place}` holds no usable ca.pem and ca.key ({error}); remove both to have them made again"
                ),
            )
        };
        let certificate_pem = fs::read_to_string(&certificate)?;
        let key = KeyPair::from_pem(&fs::read_to_string(&key)?).map_err(damaged)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(damaged)?;
        let leaf_key = KeyPair::generate().map_err(io::Error::other)?;
        let leaves = Mutex::default();
        let authority = Authority { folder: folder.to_owned(), issuer, leaf_key, leaves };
        authority.write_bundle(&certificate_pem)?;
        Ok(authority)
    }

    /// From now on the bundle also trusts the certificates that the port was given; none, if it was not.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn trust(&self, given: Option<&str>) -> io::Result<()> {
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        let path = self.folder.join(GIVEN);
        match given {
            Some(chain) => write_atomically(&path, chain.as_bytes(), 0o644)?,
            None if path.exists() => fs::remove_file(&path)?,
            None => return Ok(()),
        }
        self.write_bundle(&fs::read_to_string(self.folder.join("ca.pem"))?)
    }

    fn write_bundle(&self, ours: &str) -> io::Result<()> {
        let given = match fs::read_to_string(self.folder.join(GIVEN)) {
            Ok(given) => Some(given),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        write_atomically(&self.bundle(), bundle(ours, given.as_deref()).as_bytes(), 0o644)
    }

    /// Our own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The file for `AWS_CA_BUNDLE`: our authority and the system's.
    pub fn bundle(&self) -> PathBuf {
        self.folder.join("bundle.pem")
    }

    /// What TLS with this host needs.
    pub(crate) fn config_for(&self, host: &str, now: Timestamp) -> io::Result<Arc<ServerConfig>> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |leaf: &&Leaf| now.0 - leaf.made.0 < LEAF_RENEWAL_DAYS * DAY_MILLIS;
        if let Some(leaf) = leaves.get(host).filter(fresh) {
            return Ok(Arc::clone(&leaf.config));
        }
        // A client that makes up names shall not fill the memory.
        if leaves.len() >= 1_000 {
            leaves.clear();
        }
        let name = SanType::DnsName(host.try_into().map_err(io::Error::other)?);
        let config = self
            .make_leaf(vec![name], "Stepwell's stand-in for AWS", now)
            .map_err(io::Error::other)?;
        leaves.insert(host.to_owned(), Leaf { made: now, config: Arc::clone(&config) });
        Ok(config)
    }

    fn make_leaf(
        &self,
        names: Vec<SanType>,
        common_name: &str,
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, LEAF_DAYS);
        let certificate = params.signed_by(&self.leaf_key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        Ok(Arc::new(server_config(vec![certificate.der().clone()], key)?))
    }
}

/// HTTP/1.1 over TLS 1.2 and 1.3 with a certificate.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A new authority's certificate and key.
fn make(now: Timestamp) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Stepwell local authority");
    params.distinguished_name.push(DnType::OrganizationName, "Stepwell (made on this machine)");
    set_validity(&mut params, now, AUTHORITY_DAYS);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// From yesterday, for clocks that are behind.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let date = |days: i64| {
        let then = jiff::Timestamp::from_millisecond(now.plus_millis(days * DAY_MILLIS).0);
        let date = then.unwrap_or(jiff::Timestamp::MIN).to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = date(-1);
    params.not_after = date(days);
}

fn bundle(ours: &str, given: Option<&str>) -> String {
    let mut bundle = format!("# Stepwell's own authority\n{ours}\n");
    if let Some(given) = given {
        bundle += &format!("# What the port shows\n{given}\n");
    }
    bundle += "# The system's authorities\n";
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "some of the system's certificates cannot be read");
    }
    if found.certs.is_empty() {
        tracing::warn!("found no certificates of the system; bundle.pem holds ours alone");
    }
    for certificate in &found.certs {
        bundle.push_str(&pem(certificate));
    }
    bundle
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

/// Whole or not at all, and never readable by others for a moment.
fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> PathBuf {
        let unique =
            format!("stepwell-tls-{}-{:?}", std::process::id(), std::thread::current().id());
        std::env::temp_dir().join(unique.replace(['(', ')'], ""))
    }

    #[test]
    fn the_authority_outlives_a_restart_and_its_key_is_private() {
        let folder = temporary();
        let now = Timestamp(1_700_000_000_000);
        let first = Authority::open(&folder, now).expect("is made");
        first.config_for("sts.us-east-1.amazonaws.com", now).expect("a leaf");
        let certificate = fs::read_to_string(folder.join("ca.pem")).expect("there");
        let mode = fs::metadata(folder.join("ca.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = Authority::open(&folder, now).expect("is opened");
        assert_eq!(fs::read_to_string(folder.join("ca.pem")).expect("there"), certificate);
        assert!(fs::read_to_string(second.bundle()).expect("there").contains(certificate.trim()));
        let (one, again) = (
            second.config_for("a.amazonaws.com", now).expect("a leaf"),
            second.config_for("a.amazonaws.com", now).expect("a leaf"),
        );
        assert!(Arc::ptr_eq(&one, &again));
        let late = now.plus_millis(301 * DAY_MILLIS);
        assert!(!Arc::ptr_eq(&one, &second.config_for("a.amazonaws.com", late).expect("a leaf")));
        fs::write(folder.join("ca.pem"), "nonsense").expect("written");
        let error = Authority::open(&folder, now).err().expect("is refused").to_string();
        assert!(error.contains("remove both"), "{error}");
        fs::remove_dir_all(folder).expect("removed");
    }
}
