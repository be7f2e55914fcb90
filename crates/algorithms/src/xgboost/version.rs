//! Versions of XGBoost: of a library, of a model, of the series an image tag asks for.

use std::fmt;

/// A version of XGBoost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The 3 of 3.0.5.
    pub major: u32,
    /// The 0 of 3.0.5.
    pub minor: u32,
    /// The 5 of 3.0.5.
    pub patch: u32,
}

/// A release series such as 1.7: what an image tag asks for, and what decides who can read whose models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The 1 of 1.7.
    pub major: u32,
    /// The 7 of 1.7.
    pub minor: u32,
}

impl Version {
    /// Reads `3.0.5`; a missing patch is 0, and what follows the numbers (`3.1.0rc1`) does not count.
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = text.trim().splitn(3, '.').map(leading_number);
        let (major, minor) = (parts.next()??, parts.next()??);
        Some(Version { major, minor, patch: parts.next().flatten().unwrap_or(0) })
    }

    /// The series it belongs to.
    pub fn series(self) -> Series {
        Series { major: self.major, minor: self.minor }
    }
}

impl Series {
    /// The series an image tag begins with: 1.7 of `1.7-1`, 0.90 of `0.90-2-cpu-py3`. The old container's tags
    /// `1` and `latest` hold XGBoost 0.72.
    pub fn of_tag(tag: &str) -> Option<Series> {
        if matches!(tag, "1" | "latest") {
            return Some(Series { major: 0, minor: 72 });
        }
        Version::parse(tag.split('-').next()?).map(Version::series)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_series() {
        for (text, expected) in [
            ("3.0.5", "3.0.5"),
            ("2.1", "2.1.0"),
            ("3.1.0rc1", "3.1.0"),
            (" 1.7.6\n", "1.7.6"),
            ("0.90", "0.90.0"),
        ] {
            assert_eq!(Version::parse(text).unwrap().to_string(), expected);
        }
        assert_eq!(Version::parse("three"), None);
        for (tag, expected) in [
            ("1", "0.72"),
            ("latest", "0.72"),
            ("0.90-2-cpu-py3", "0.90"),
            ("1.0-1-cpu-py3", "1.0"),
            ("1.7-1", "1.7"),
            ("3.0-5", "3.0"),
        ] {
            assert_eq!(Series::of_tag(tag).unwrap().to_string(), expected, "{tag}");
        }
        assert_eq!(Series::of_tag("mine"), None);
        assert!(Version::parse("0.90").unwrap() > Version::parse("0.72").unwrap());
    }
}
