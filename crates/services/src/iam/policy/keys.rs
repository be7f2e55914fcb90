//! The context keys of a request. Their names know no case.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Context keys and their values: `aws:username` is `["ana"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    own: BTreeMap<String, Vec<String>>,
    /// Those of others, where there are no own ones: what is the same for every request is not copied.
    beneath: Option<Arc<Keys>>,
}

impl Keys {
    /// No keys.
    pub fn new() -> Keys {
        Keys::default()
    }

    /// No further keys than those.
    pub fn over(beneath: &Arc<Keys>) -> Keys {
        Keys { own: BTreeMap::new(), beneath: Some(beneath.clone()) }
    }

    /// Sets a key with one value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.own.insert(name.to_ascii_lowercase(), vec![value.into()]);
    }

    /// Sets a key with any number of values; none leaves the key out of the request.
    pub fn set_all(&mut self, name: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.own.insert(name.to_ascii_lowercase(), values);
        }
    }

    /// The values of a key; none for one the request does not have.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        let found = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.own.get(&name.to_ascii_lowercase()),
            false => self.own.get(name),
        };
        let found = found.map(Vec::as_slice);
        found.or_else(|| self.beneath.as_ref().and_then(|beneath| beneath.get(name)))
    }

    /// The value of a key that has one.
    pub fn single(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some([value]) => Some(value),
            _ => None,
        }
    }
}

impl<K: AsRef<str>> FromIterator<(K, Vec<String>)> for Keys {
    fn from_iter<I: IntoIterator<Item = (K, Vec<String>)>>(entries: I) -> Keys {
        let mut keys = Keys::new();
        for (name, values) in entries {
            keys.set_all(name.as_ref(), values);
        }
        keys
    }
}
