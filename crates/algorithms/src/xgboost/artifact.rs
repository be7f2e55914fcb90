//! A model file: which format it is in and which version of XGBoost wrote it.
//!
//! XGBoost writes its version into every model, so no file is put beside it: the containers on AWS take every
//! file of a model's folder for a model.

use serde::Deserialize;

use super::version::Version;
use crate::Failure;

/// The model's name in `model.tar.gz`.
pub const FILE_NAME: &str = "xgboost-model";

/// The attribute of a model that says its libsvm data counted features from 1.
pub const COUNTS_FROM_ONE: &str = "stepwell.libsvm_counts_from_one";

/// The format of a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Universal binary JSON: what we write.
    Ubj,
    /// JSON.
    Json,
    /// What XGBoost before 2.1 wrote when a file's name had no ending; 3.1 and later cannot read it.
    OldBinary,
    /// A Python pickle: what the containers up to 1.2 wrote. Only Python can read it.
    Pickle,
    /// None of these.
    Unknown,
}

/// What can be told of a model file without XGBoost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Its format.
    pub format: Format,
    /// The version of XGBoost that wrote it, if it says.
    pub written_by: Option<Version>,
}

/// Looks at the bytes of a model file.
pub fn describe(bytes: &[u8]) -> Description {
    let format = format_of(bytes);
    let version = match format {
        Format::Ubj => ubj_version(bytes),
        Format::Json => {
            serde_json::from_slice::<VersionOnly>(bytes).ok().map(|model| model.version)
        }
        Format::OldBinary => old_binary_version(bytes),
        Format::Pickle | Format::Unknown => None,
    };
    let written_by = version.map(|[major, minor, patch]| Version { major, minor, patch });
    Description { format, written_by }
}

/// The refusal of a pickled model.
pub fn pickled(file: &str) -> Failure {
    Failure::user(format!(
        "`{file}` is a pickled model of an old container, which only Python can read. Convert it, where the version of \
         the `xgboost` package that trained it is installed, with: python3 -c \"import pickle; \
         pickle.load(open('{file}', 'rb')).save_model('{file}.json')\" and put `{file}.json` into model.tar.gz in its place"
    ))
}

#[derive(Deserialize)]
struct VersionOnly {
    version: [u32; 3],
}

fn format_of(bytes: &[u8]) -> Format {
    match bytes {
        [b'{', b'"' | b' ' | b'\n' | b'\r' | b'\t', ..] => Format::Json,
        [b'{', ..] => Format::Ubj,
        [0x80, 2..=5, ..] => Format::Pickle,
        [b'b', b'i', b'n', b'f', ..] => Format::OldBinary,
        _ if old_binary_version(bytes).is_some() => Format::OldBinary,
        _ => Format::Unknown,
    }
}

/// The old format begins, after an optional `binf`, with base_score (f32), num_feature, num_class, two flags,
/// major and minor version (32 bits each); before 1.0 the versions were 0.
fn old_binary_version(bytes: &[u8]) -> Option<[u32; 3]> {
    let bytes = bytes.strip_prefix(b"binf").unwrap_or(bytes);
    let word =
        |at: usize| Some(u32::from_le_bytes(bytes.get(at * 4..at * 4 + 4)?.try_into().ok()?));
    let flags_are_flags = word(3)? <= 1 && word(4)? <= 1;
    let (features, classes, major, minor) = (word(1)?, word(2)?, word(5)?, word(6)?);
    let plausible =
        flags_are_flags && features < 1 << 30 && classes < 1 << 20 && major < 3 && minor < 100;
    plausible.then_some([major, minor, 0])
}

/// The value of the outermost object's key `version`.
fn ubj_version(bytes: &[u8]) -> Option<[u32; 3]> {
    let mut reader = Ubj { bytes, at: 0 };
    if reader.byte()? != b'{' {
        return None;
    }
    loop {
        if reader.peek()? == b'}' {
            return None;
        }
        let key = reader.text()?;
        if key == b"version" {
            return reader.three_numbers();
        }
        reader.skip(0)?;
    }
}

/// Enough of UBJSON to walk over a model. Everything answers nothing at the first thing that does not fit.
struct Ubj<'a> {
    bytes: &'a [u8],
    at: usize,
}

const DEPTH_MAX: usize = 64;

impl<'a> Ubj<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    /// A whole number with its own marker in front.
    fn number(&mut self) -> Option<i64> {
        let marker = self.byte()?;
        self.number_of(marker)
    }

    fn number_of(&mut self, marker: u8) -> Option<i64> {
        let bytes = self.take(width(marker)?)?;
        Some(match marker {
            b'U' => i64::from(bytes[0]),
            b'i' => i64::from(bytes[0] as i8),
            b'I' => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
            b'l' => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
            b'L' => i64::from_be_bytes(bytes.try_into().ok()?),
            _ => return None,
        })
    }

    /// A length and so many bytes: a key, or a string after its marker.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// `$type` and `#count`, as an array or object may begin.
    fn container(&mut self) -> Option<(Option<u8>, Option<usize>)> {
        let mut kind = None;
        if self.peek()? == b'$' {
            self.at += 1;
            kind = Some(self.byte()?);
        }
        let mut count = None;
        if self.peek()? == b'#' {
            self.at += 1;
            count = Some(usize::try_from(self.number()?).ok()?);
        }
        // A type asks for a count: without one, elements of no width would never come to an end.
        (kind.is_none() || count.is_some()).then_some((kind, count))
    }

    fn three_numbers(&mut self) -> Option<[u32; 3]> {
        if self.byte()? != b'[' {
            return None;
        }
        let (kind, _) = self.container()?;
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let value = match kind {
                Some(kind) => self.number_of(kind),
                None => self.number(),
            };
            *number = u32::try_from(value?).ok()?;
        }
        Some(numbers)
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        let marker = self.byte()?;
        self.skip_of(marker, depth)
    }

    fn skip_of(&mut self, marker: u8, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match marker {
            b'S' | b'H' => self.text().map(|_| ()),
            b'[' | b'{' => {
                let is_object = marker == b'{';
                let (kind, count) = self.container()?;
                if let (Some(width), Some(count), false) = (kind.and_then(width), count, is_object)
                {
                    return self.take(width.checked_mul(count)?).map(|_| ());
                }
                let end = if is_object { b'}' } else { b']' };
                let mut done = 0;
                while count.is_none_or(|count| done < count) {
                    if count.is_none() && self.peek()? == end {
                        self.at += 1;
                        break;
                    }
                    if is_object {
                        self.text()?;
                    }
                    match kind {
                        Some(kind) => self.skip_of(kind, depth + 1)?,
                        None => self.skip(depth + 1)?,
                    }
                    done += 1;
                }
                Some(())
            }
            marker => self.take(width(marker)?).map(|_| ()),
        }
    }
}

/// How many bytes follow a marker of fixed size.
fn width(marker: u8) -> Option<usize> {
    Some(match marker {
        b'Z' | b'T' | b'F' | b'N' => 0,
        b'i' | b'U' | b'C' => 1,
        b'I' => 2,
        b'l' | b'd' => 4,
        b'L' | b'D' => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> String {
        let Description { format, written_by } = describe(bytes);
        format!("{format:?} {}", written_by.map_or("?".to_owned(), |version| version.to_string()))
    }

    #[test]
    fn formats_and_versions() {
        let ubj = b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x01a[$d#L\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0U\x01bSU\x02hi}\
            L\0\0\0\0\0\0\0\x07version[#L\0\0\0\0\0\0\0\x03i\x03i\0i\x05}";
        assert_eq!(check(ubj), "Ubj 3.0.5");
        assert_eq!(check(b"{L\0\0\0"), "Ubj ?");
        assert_eq!(check(br#"{"learner":{"x":[1,2]},"version":[2,1,4]}"#), "Json 2.1.4");
        assert_eq!(check(b"\x80\x03cxgboost.core\nBooster"), "Pickle ?");
        let mut old = b"binf".to_vec();
        for word in [0x3f00_0000_u32, 12, 0, 1, 0, 1, 7] {
            old.extend(word.to_le_bytes());
        }
        assert_eq!(check(&old), "OldBinary 1.7.0");
        assert_eq!(check(&old[4..]), "OldBinary 1.7.0");
        assert_eq!(check(b"hello world, this is no model at all"), "Unknown ?");
        assert_eq!(check(b""), "Unknown ?");
    }

    #[test]
    fn nesting_without_end_is_no_model() {
        let mut deep = b"{U\x01a".to_vec();
        deep.extend(std::iter::repeat_n(b'[', 100_000));
        assert_eq!(check(&deep), "Ubj ?");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = b"{U\x01a[$d#U\x02\0\0\0\0\0\0\0\0U\x01b{#U\x01U\x01cSU\x02hi}U\x07version[#U\x03i\x03i\0i\x05}";
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = good.to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            let _ = describe(&bytes);
        }
    }
}
