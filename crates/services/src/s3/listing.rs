//! A page of keys: what lies below a prefix, rolled up at a delimiter.

use store::Scan;

use super::object::Object;
use super::store::ObjectStore;
use super::{Error, error, record};

/// The most keys and common prefixes of a page.
pub(super) const PAGE_MAX: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub bucket: String,
    pub prefix: String,
    /// Empty for none.
    pub delimiter: String,
    /// Only keys, and common prefixes, behind this one. Empty for the start.
    pub after: String,
    /// At most so many keys and common prefixes together.
    pub limit: usize,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub objects: Vec<Object>,
    pub prefixes: Vec<String>,
    /// The last key or common prefix, if more follow.
    pub next: Option<String>,
}

impl ObjectStore {
    /// Reads a page. A common prefix costs one look, however many keys it stands for.
    pub(super) async fn page(&self, listing: &Listing) -> Result<Page, Error> {
        let Listing { bucket, prefix, delimiter, after, limit } = listing;
        let mut page = Page::default();
        if *limit == 0 {
            return Ok(page);
        }
        let end = Scan::prefix(record::key(bucket, prefix), 0).until;
        let mut from = record::key(bucket, prefix.max(after));
        // An `after` inside a common prefix: that prefix was on the page before.
        let mut rolled = common_prefix(after, prefix, delimiter).map(str::to_owned);
        let mut last: Option<String> = None;
        loop {
            // With a delimiter most rows may be of one prefix, so few are read before the next jump.
            let some = if delimiter.is_empty() { limit + 2 - page.len() } else { 64 };
            let scan = Scan {
                from: from.clone(),
                until: end.clone(),
                reverse: false,
                limit: some.min(1024),
            };
            let asked = scan.limit;
            let rows = self.store.records(record::OBJECTS, scan).await.map_err(error::of_store)?;
            let full = rows.len() == asked;
            let mut reached = None;
            for row in rows {
                let key = &row.key[bucket.len() + 1..];
                reached = Some(row.key.clone());
                if key <= after.as_str()
                    || rolled.as_deref().is_some_and(|one| key.starts_with(one))
                {
                    continue;
                }
                let common = common_prefix(key, prefix, delimiter);
                // Reading goes on from the last row, which was seen already.
                if common.is_none() && last.as_deref() == Some(key) {
                    continue;
                }
                if page.len() == *limit {
                    page.next = last;
                    return Ok(page);
                }
                match common {
                    Some(common) => {
                        last = Some(common.to_owned());
                        rolled = Some(common.to_owned());
                        page.prefixes.push(common.to_owned());
                    }
                    None => {
                        last = Some(key.to_owned());
                        page.objects.push(Object::read(key, &row.value)?);
                    }
                }
            }
            let (true, Some(reached)) = (full, reached) else { return Ok(page) };
            from = match &rolled {
                Some(common) if reached[bucket.len() + 1..].starts_with(common.as_str()) => {
                    match Scan::prefix(record::key(bucket, common), 0).until {
                        Some(behind) => behind,
                        None => return Ok(page),
                    }
                }
                _ => reached,
            };
            if end.as_ref().is_some_and(|end| &from >= end) {
                return Ok(page);
            }
        }
    }
}

impl Page {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

/// The part of a key up to the first delimiter behind the prefix.
pub(super) fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let found = key.strip_prefix(prefix)?.find(delimiter)?;
    Some(&key[..prefix.len() + found + delimiter.len()])
}

/// How a key is written in an answer: as it is, or percent-encoded where the client asks for it.
pub(super) struct Encoding(bool);

impl Encoding {
    pub(super) fn new(encoding_type: Option<&str>) -> Result<Encoding, Error> {
        match encoding_type {
            None => Ok(Encoding(false)),
            Some("url") => Ok(Encoding(true)),
            Some(other) => Err(error::invalid_argument(
                "Invalid Encoding Method specified in Request",
                "encoding-type",
                other,
            )),
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
        const KEPT: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');
        if !self.0 {
            return text.to_owned();
        }
        // As S3 does it: a space is a plus.
        utf8_percent_encode(text, KEPT).to_string().replace("%20", "+")
    }
}

/// `MaxKeys` and its like, as S3 reads them.
pub(super) fn limit(name: &str, asked: Option<i64>) -> Result<usize, Error> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(number) => usize::try_from(number).map(|number| number.min(PAGE_MAX)).map_err(|_| {
            error::invalid_argument(
                &format!("Argument {name} must be an integer between 0 and 2147483647"),
                name,
                &number.to_string(),
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_keys() {
        let encoding = Encoding::new(Some("url")).unwrap();
        assert_eq!(encoding.text("a/b c+d~ü*"), "a/b+c%2Bd%7E%C3%BC*");
    }
}
