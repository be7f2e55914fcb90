//! `Retry` and `Catch`.

use super::Reader;
use super::fields::Object;
use super::state::Within;
use crate::definition::{Catcher, QueryLanguage, ResultPath, Retrier};
use crate::error_name;
use crate::limits::SECONDS_MAX;

/// The longest `MaxDelaySeconds`: one year and a day.
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;

impl Reader {
    pub(super) fn retry(&mut self, object: &Object) -> Vec<Retrier> {
        let Some(entries) = self.array(object, "Retry") else { return Vec::new() };
        let mut retriers = Vec::with_capacity(entries.len());
        for (index, value) in entries.iter().enumerate() {
            let at = format!("{}[{index}]", object.place("Retry"));
            let Some(entry) = self.element(value, at) else { continue };
            self.only(
                &entry,
                &[
                    "Comment",
                    "ErrorEquals",
                    "IntervalSeconds",
                    "MaxAttempts",
                    "BackoffRate",
                    "MaxDelaySeconds",
                    "JitterStrategy",
                ],
            );
            retriers.push(Retrier {
                error_equals: self.error_equals(&entry, index + 1 == entries.len()),
                interval_seconds: self
                    .integer(&entry, "IntervalSeconds", 1, SECONDS_MAX)
                    .unwrap_or(1),
                max_attempts: self.integer(&entry, "MaxAttempts", 0, SECONDS_MAX).unwrap_or(3),
                backoff_rate: self.number(&entry, "BackoffRate", 1.0, f64::INFINITY).unwrap_or(2.0),
                max_delay_seconds: self.integer(
                    &entry,
                    "MaxDelaySeconds",
                    1,
                    MAX_DELAY_SECONDS_MAX,
                ),
                full_jitter: self.choice_of(&entry, "JitterStrategy", &["NONE", "FULL"])
                    == Some("FULL"),
            });
        }
        retriers
    }

    pub(super) fn catch(&mut self, object: &Object, within: &Within) -> Vec<Catcher> {
        let Some(entries) = self.array(object, "Catch") else { return Vec::new() };
        let mut catchers = Vec::with_capacity(entries.len());
        for (index, value) in entries.iter().enumerate() {
            let at = format!("{}[{index}]", object.place("Catch"));
            let Some(entry) = self.element(value, at) else { continue };
            self.only(
                &entry,
                &["Comment", "ErrorEquals", "Next", "ResultPath", "Assign", "Output"],
            );
            for field in entry.members.keys() {
                self.language_of_field(field, within.language, &entry);
            }
            if !entry.has("Next") {
                self.required(&entry, &["Next"]);
            }
            let error_equals = self.error_equals(&entry, index + 1 == entries.len());
            let next = self.text(&entry, "Next").unwrap_or_default().into();
            let assign = self.assign(&entry, &within.caught());
            let (result_path, output) = match within.language {
                QueryLanguage::JsonPath => (self.result_path(&entry), None),
                QueryLanguage::Jsonata => {
                    (ResultPath::Whole, self.template(&entry, "Output", &within.caught()))
                }
            };
            catchers.push(Catcher { error_equals, next, result_path, assign, output });
        }
        catchers
    }

    fn error_equals(&mut self, entry: &Object, last: bool) -> Vec<String> {
        self.required(entry, &["ErrorEquals"]);
        let Some(names) = self.nonempty(entry, "ErrorEquals") else { return Vec::new() };
        let mut found = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            match name.as_str() {
                Some(name) => found.push(name.to_owned()),
                None => self.schema(
                    "Expected value of type [STRING]",
                    format!("{}[{index}]", entry.place("ErrorEquals")),
                ),
            }
        }
        if found.iter().any(|name| name == error_name::ALL) && (found.len() > 1 || !last) {
            self.schema(
                "States.ALL must appear alone and at end of list",
                entry.place("ErrorEquals"),
            );
        }
        found
    }
}
