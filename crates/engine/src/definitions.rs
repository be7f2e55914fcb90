//! Definitions, parsed once and shared by all their executions; their texts are kept once, by hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use asl::validate::Options;
use asl::{Definition, Invalid, Limits};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use store::{Batch, Expect, RecordWrite, Store};

use crate::EngineError;

/// The table of definitions' texts; keys are [`Hash`]es in hex.
pub const TABLE: &str = "engine/definition";

/// SHA-256 of a definition's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl Hash {
    fn of(text: &str) -> Hash {
        Hash(Sha256::digest(text.as_bytes()).into())
    }

    pub(crate) fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

/// A definition and where its text is kept.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) hash: Hash,
    pub(crate) definition: Arc<Definition>,
}

/// Those that were used lately.
#[derive(Default)]
pub(crate) struct Definitions {
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    by_text: HashMap<Arc<str>, Known>,
    by_hash: HashMap<Hash, Known>,
    /// Of Express executions, whose texts are not stored.
    unstored: HashMap<Arc<str>, Arc<Definition>>,
    /// Bytes of the texts held.
    held: usize,
}

/// When the texts held are more than this, all are forgotten; those in use come back by themselves.
const HELD_BYTES_MAX: usize = 16 << 20;

impl Definitions {
    /// The definition with this text. If the store may not have it yet, `batch` is told to write it,
    /// and [`Definitions::written`] is to be called once it is durable.
    pub(crate) async fn with_text(
        &self,
        store: &dyn Store,
        text: &Arc<str>,
        batch: &mut Batch,
    ) -> Result<Known, EngineError> {
        if let Some(known) = self.lock().by_text.get(text) {
            return Ok(known.clone());
        }
        let hash = Hash::of(text);
        let stored = store.record(TABLE, &hash.hex()).await?.is_some();
        // What is stored was checked then; today's checks may be stricter.
        let parse = if stored { Definition::parse_stored } else { accepted };
        let known = Known { hash, definition: Arc::new(parse(text).map_err(refused)?) };
        if !stored {
            let value = Some(Bytes::copy_from_slice(text.as_bytes()));
            let key = hash.hex();
            batch.records.push(RecordWrite { table: TABLE, key, value, expect: Expect::Any });
        } else {
            self.written(text, &known);
        }
        Ok(known)
    }

    /// The text is durable.
    pub(crate) fn written(&self, text: &Arc<str>, known: &Known) {
        let mut used = self.lock();
        if used.by_text.contains_key(text) {
            return;
        }
        used.make_room(text.len());
        used.by_text.insert(text.clone(), known.clone());
        used.by_hash.insert(known.hash, known.clone());
    }

    /// The definition with this hash.
    pub(crate) async fn with_hash(
        &self,
        store: &dyn Store,
        hash: Hash,
    ) -> Result<Arc<Definition>, EngineError> {
        if let Some(known) = self.lock().by_hash.get(&hash) {
            return Ok(known.definition.clone());
        }
        let record = store.record(TABLE, &hash.hex()).await?;
        let record = record.ok_or_else(|| {
            EngineError::Definition(format!("the definition `{}` is missing", hash.hex()))
        })?;
        let text = std::str::from_utf8(&record.value)
            .map_err(|error| EngineError::Definition(format!("`{}`: {error}", hash.hex())))?;
        let definition = Definition::parse_stored(text).map_err(refused)?;
        let definition = Arc::new(definition);
        let mut used = self.lock();
        used.make_room(text.len());
        used.by_hash.insert(hash, Known { hash, definition: definition.clone() });
        Ok(definition)
    }

    /// The definition with this text, wherever the text is kept.
    pub(crate) fn parsed(&self, text: &Arc<str>) -> Result<Arc<Definition>, EngineError> {
        {
            let used = self.lock();
            let stored = used.by_text.get(text).map(|known| &known.definition);
            if let Some(definition) = stored.or_else(|| used.unstored.get(text)) {
                return Ok(definition.clone());
            }
        }
        let definition = Arc::new(accepted(text).map_err(refused)?);
        let mut used = self.lock();
        used.make_room(text.len());
        used.unstored.insert(text.clone(), definition.clone());
        Ok(definition)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Used {
    fn make_room(&mut self, bytes: usize) {
        if self.held + bytes > HELD_BYTES_MAX {
            *self = Used::default();
        }
        self.held += bytes;
    }
}

/// A definition that was accepted by whoever starts the execution, under bounds of names that may be others.
fn accepted(text: &str) -> Result<Definition, Invalid> {
    let options = Options { limits: Limits::of_accepted(), ..Options::default() };
    Definition::parse_with(text, options)
}

fn refused(invalid: Invalid) -> EngineError {
    EngineError::Definition(invalid.to_string())
}
