//! The context keys of a request. Their names know no case.

use std::collections::BTreeMap;

/// Context keys and their values: `aws:username` is `["ana"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    /// No keys.
    pub fn new() -> Keys {
        Keys::default()
    }

    /// Sets a key with one value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_ascii_lowercase(), vec![value.into()]);
    }

    /// Sets a key with any number of values; none leaves the key out of the request.
    pub fn set_all(&mut self, name: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.0.insert(name.to_ascii_lowercase(), values);
        }
    }

    /// The values of a key; none for one the request does not have.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        let found = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.0.get(&name.to_ascii_lowercase()),
            false => self.0.get(name),
        };
        found.map(Vec::as_slice)
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
