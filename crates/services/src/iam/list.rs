//! IAM's pages: `Marker`, `MaxItems`, `IsTruncated`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Error, page};

/// Where a page ends.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct End {
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl End {
    /// The answer: a page's items and its end.
    pub(super) fn with(self, member: &str, items: impl Serialize) -> Value {
        let mut answer = json!(self);
        answer[member] = json!(items);
        answer
    }
}

/// Cuts a page out of items that are in the order of their names.
pub(super) fn cut<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> &str,
    marker: Option<&str>,
    max_items: Option<usize>,
) -> Result<(Vec<T>, End), Error> {
    let from = match marker {
        Some(marker) => page::position(marker)
            .ok_or_else(|| Error::new("ValidationError", "Invalid Marker."))?,
        None => String::new(),
    };
    let limit = max_items.unwrap_or(100).clamp(1, 1000);
    let mut rest: Vec<T> = items.into_iter().filter(|item| name(item) >= from.as_str()).collect();
    let marker = rest.get(limit).map(|item| page::token(name(item)));
    rest.truncate(limit);
    Ok((rest, End { is_truncated: marker.is_some(), marker }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let names = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let (first, end) = cut(names(), String::as_str, None, Some(2)).unwrap();
        assert_eq!((first.len(), end.is_truncated), (2, true));
        let (second, end) = cut(names(), String::as_str, end.marker.as_deref(), Some(2)).unwrap();
        assert_eq!((second, end.is_truncated), (vec!["c".to_owned()], false));
    }
}
