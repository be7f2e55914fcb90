//! From JSON text to a [`Definition`].

use crate::Definition;
use crate::validate::Invalid;

impl Definition {
    /// Parses and checks a definition.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Definition, Invalid> {
        let _ = text;
        Err(Invalid { diagnostics: Vec::new() })
    }
}
