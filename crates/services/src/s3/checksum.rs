//! The checksums S3 keeps beside an object, verifies when a client gives them, and computes when none does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Which checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// CRC-32 as zip has it.
    Crc32,
    /// CRC-32 with Castagnoli's polynomial.
    Crc32c,
    /// CRC-64 with NVMe's polynomial: what S3 computes when the client names none.
    Crc64nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// Of what a checksum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Of the bytes.
    FullObject,
    /// Of the parts' checksums, followed by `-` and their number.
    Composite,
}

/// A checksum as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Which.
    pub algorithm: Algorithm,
    /// Base64, with `-N` behind it when composite.
    pub value: String,
    /// Of what.
    pub kind: Kind,
}

impl Kind {
    /// AWS's name: `FULL_OBJECT`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::FullObject => "FULL_OBJECT",
            Kind::Composite => "COMPOSITE",
        }
    }
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc64nvme,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ];

    /// AWS's name: `CRC32C`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// The member that carries its value: `ChecksumCRC32C`.
    pub fn member(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "ChecksumCRC32",
            Algorithm::Crc32c => "ChecksumCRC32C",
            Algorithm::Crc64nvme => "ChecksumCRC64NVME",
            Algorithm::Sha1 => "ChecksumSHA1",
            Algorithm::Sha256 => "ChecksumSHA256",
        }
    }

    /// The header that carries its value: `x-amz-checksum-crc32c`.
    pub fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// By AWS's name, in any case.
    pub fn parse(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// How long its digest is, in bytes.
    pub fn length(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// What a multipart upload has unless it asks otherwise.
    pub fn multipart_kind(self) -> Kind {
        match self {
            Algorithm::Crc64nvme => Kind::FullObject,
            _ => Kind::Composite,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 | Algorithm::Sha256 => None,
        }
    }

    /// The checksum of the whole from the checksums and lengths of its parts in order. None where
    /// mathematics has no way (SHA) or a value is no checksum of this kind.
    pub fn of_parts<'a>(self, parts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<String> {
        let crc = self.crc()?;
        let mut whole = crc_fast::checksum(crc, b"");
        for (value, length) in parts {
            let digest = self.decode(value)?;
            let part = digest.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            whole = crc_fast::checksum_combine(crc, whole, part, length);
        }
        Some(BASE64.encode(&whole.to_be_bytes()[8 - self.length()..]))
    }

    /// The digest in a base64 text, if it has the right length.
    pub fn decode(self, value: &str) -> Option<Vec<u8>> {
        BASE64.decode(value).ok().filter(|digest| digest.len() == self.length())
    }
}

/// Computes one checksum as bytes come by.
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

enum State {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    /// Of nothing yet.
    pub fn new(algorithm: Algorithm) -> Hasher {
        let state = match algorithm.crc() {
            Some(crc) => State::Crc(crc_fast::Digest::new(crc)),
            None if algorithm == Algorithm::Sha1 => State::Sha1(Sha1::new()),
            None => State::Sha256(Sha256::new()),
        };
        Hasher { algorithm, state }
    }

    /// More bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Base64 of all that came by.
    pub fn finish(self) -> String {
        match self.state {
            State::Crc(digest) => {
                let bytes = digest.finalize().to_be_bytes();
                BASE64.encode(&bytes[8 - self.algorithm.length()..])
            }
            State::Sha1(digest) => BASE64.encode(digest.finalize()),
            State::Sha256(digest) => BASE64.encode(digest.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The check values of each algorithm's catalogue entry, over `123456789`.
    #[test]
    fn known_values() {
        let cases = [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64nvme, "rosUhgp5mIg="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ];
        for (algorithm, expected) in cases {
            assert_eq!(of(algorithm, b"123456789"), expected, "{}", algorithm.name());
        }
    }

    #[test]
    fn parts_make_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme] {
            let parts: [&[u8]; 4] = [b"1234", b"", b"56789 and more", b"."];
            let sums = parts.map(|part| of(algorithm, part));
            let whole = algorithm
                .of_parts(sums.iter().zip(parts).map(|(sum, part)| (&sum[..], part.len() as u64)));
            assert_eq!(whole, Some(of(algorithm, &parts.concat())), "{}", algorithm.name());
        }
        assert_eq!(Algorithm::Sha1.of_parts([]), None);
    }
}
