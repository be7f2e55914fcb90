//! The Map state, inline and distributed.

use std::sync::Arc;

use serde_json::{Map as Members, Value};

use super::Reader;
use super::fields::Object;
use super::state::Within;
use crate::definition::{Distributed, ItemBatcher, ItemReader, Map, QueryLanguage, ResultWriter};
use crate::limits::DISTRIBUTED_MAP_CONCURRENCY_MAX;

/// Characters of a `Label`.
const LABEL_CHARACTERS_MAX: usize = 40;
/// The most that `MaxItems` may say.
const MAX_ITEMS_MAX: u64 = 100_000_000;

impl Reader {
    pub(super) fn map(&mut self, object: &Object, within: &Within) -> Option<Map> {
        self.one_of(object, &["ItemProcessor", "Iterator"], true);
        let field = if object.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
        let processor = self.object(object, field);
        let mode = processor.as_ref().and_then(|processor| self.processor_mode(processor));
        let body = processor.as_ref().and_then(|processor| {
            self.only(processor, &["Comment", "ProcessorConfig", "StartAt", "States"]);
            self.body(processor)
        });
        let distributed = match &mode {
            None => {
                for only in ["ItemReader", "ItemBatcher", "ResultWriter", "Label"] {
                    if object.has(only) {
                        self.schema(
                            format!("Field '{only}' is only supported when the 'Mode' of the 'ProcessorConfig' is 'DISTRIBUTED'"),
                            object.location(),
                        );
                    }
                }
                None
            }
            Some(express) => {
                let distributed = self.distributed(object, *express, processor.as_ref(), within);
                Some(Box::new(distributed))
            }
        };
        let most = match mode {
            Some(_) => DISTRIBUTED_MAP_CONCURRENCY_MAX,
            None => u64::from(u32::MAX),
        };
        let max_concurrency = self.map_integer(object, "MaxConcurrency", (0, most), within);
        let tolerated_failure_count =
            self.map_integer(object, "ToleratedFailureCount", (0, u64::MAX), within);
        let tolerated_failure_percentage = self.setting_with(
            object,
            "ToleratedFailurePercentage",
            within,
            |reader, object, field| reader.number(object, field, 0.0, 100.0),
            Reader::reference_into_data,
        );
        let items_path =
            if object.has("ItemsPath") { self.path(object, "ItemsPath") } else { None };
        let items = self.items(object, within);
        self.one_of(object, &["ItemSelector", "Parameters"], false);
        let selector = if object.has("ItemSelector") { "ItemSelector" } else { "Parameters" };
        let item_selector = self.template(object, selector, &within.plain());
        let retry = self.retry(object);
        let catch = self.catch(object, within);
        Some(Map {
            processor: Arc::new(body?),
            distributed,
            items_path,
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            retry,
            catch,
        })
    }

    /// `Items`: an array, an object or an expression.
    fn items(&mut self, object: &Object, within: &Within) -> Option<crate::expression::Template> {
        let value = object.get("Items")?;
        let fits = match value {
            Value::Array(_) | Value::Object(_) => true,
            Value::String(text) => text.starts_with("{%"),
            _ => false,
        };
        if !fits {
            self.schema("Expected value of type [ARRAY]", object.place("Items"));
            return None;
        }
        self.template(object, "Items", &within.plain())
    }

    /// `Some(express)` for a distributed processor.
    fn processor_mode(&mut self, processor: &Object) -> Option<bool> {
        let config = self.object(processor, "ProcessorConfig")?;
        self.only(&config, &["Mode", "ExecutionType"]);
        let mode = self.choice_of(&config, "Mode", &["INLINE", "DISTRIBUTED"]).unwrap_or("INLINE");
        if mode == "INLINE" {
            if config.has("ExecutionType") {
                self.schema("Field 'ExecutionType' is not supported", config.location());
            }
            return None;
        }
        if self.options.express {
            self.schema(
                "Express state machine does not support Map state with 'DISTRIBUTED' mode",
                config.place("Mode"),
            );
        }
        self.required(&config, &["ExecutionType"]);
        Some(self.choice_of(&config, "ExecutionType", &["STANDARD", "EXPRESS"]) == Some("EXPRESS"))
    }

    fn distributed(
        &mut self,
        object: &Object,
        express: bool,
        processor: Option<&Object>,
        within: &Within,
    ) -> Distributed {
        Distributed {
            express,
            label: self.label(object),
            processor_text: processor
                .map(|processor| self.processor_text(processor))
                .unwrap_or_default(),
            item_reader: self.item_reader(object, within),
            item_batcher: self.item_batcher(object, within),
            result_writer: self.result_writer(object, within),
        }
    }

    fn label(&mut self, object: &Object) -> Option<String> {
        let label = self.text(object, "Label")?;
        let place = object.place("Label");
        if label.chars().count() > LABEL_CHARACTERS_MAX {
            self.error(
                "INVALID_LABEL_NAME",
                format!("The label '{label}' exceeds the {LABEL_CHARACTERS_MAX}-character limit allowed by the service"),
                place,
            );
            return None;
        }
        let forbidden =
            |c: char| c.is_whitespace() || c.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(c);
        if label.is_empty() || label.contains(forbidden) {
            self.error(
                "INVALID_LABEL_NAME",
                format!("The label '{label}' contains invalid characters"),
                place,
            );
            return None;
        }
        if !self.labels.insert(label.to_owned()) {
            self.error("DUPLICATE_LABEL_NAME", format!("Duplicate Label name: {label}"), place);
        }
        Some(label.to_owned())
    }

    /// The processor as a definition of its own.
    fn processor_text(&self, processor: &Object) -> String {
        let mut members = Members::new();
        if self.language == QueryLanguage::Jsonata {
            members.insert("QueryLanguage".into(), "JSONata".into());
        }
        for (name, value) in processor.members {
            if name != "ProcessorConfig" {
                members.insert(name.clone(), value.clone());
            }
        }
        Value::Object(members).to_string()
    }

    fn item_reader(&mut self, object: &Object, within: &Within) -> Option<ItemReader> {
        let reader = self.object(object, "ItemReader")?;
        self.only(&reader, &["Resource", "ReaderConfig", "Parameters", "Arguments"]);
        self.required(&reader, &["Resource"]);
        for field in reader.members.keys() {
            self.language_of_field(field, within.language, &reader);
        }
        let resource = self.text(&reader, "Resource").unwrap_or_default();
        if reader.has("Resource")
            && !resource.ends_with(":states:::s3:getObject")
            && !resource.ends_with(":states:::s3:listObjectsV2")
        {
            self.schema(
                "The field 'Resource' does not match any of the allowed values. Examples: [arn:<partition>:states:::s3:getObject, arn:<partition>:states:::s3:listObjectsV2]",
                reader.place("Resource"),
            );
        }
        let mut config = Value::Object(Members::new());
        let mut max_items = None;
        if let Some(members) = self.object(&reader, "ReaderConfig") {
            for field in members.members.keys() {
                self.language_of_field(field, within.language, &members);
            }
            max_items = self.map_integer(&members, "MaxItems", (0, MAX_ITEMS_MAX), within);
            self.reader_config(&members);
            let kept = members.members.iter().filter(|(name, _)| !name.starts_with("MaxItems"));
            config = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        }
        let field = if reader.has("Arguments") { "Arguments" } else { "Parameters" };
        let parameters = self.template(&reader, field, &within.plain());
        Some(ItemReader { resource: resource.to_owned(), config, max_items, parameters })
    }

    fn reader_config(&mut self, config: &Object) {
        self.only(
            config,
            &[
                "InputType",
                "CSVDelimiter",
                "CSVHeaderLocation",
                "CSVHeaders",
                "MaxItems",
                "MaxItemsPath",
                "Transformation",
                "ManifestType",
                "ItemsPointer",
            ],
        );
        let input =
            self.choice_of(config, "InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]);
        self.choice_of(config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
        let header = self.choice_of(config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
        self.choice_of(config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        self.choice_of(config, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
        self.text(config, "ItemsPointer");
        match input {
            Some("CSV") => {
                if !config.has("CSVHeaderLocation") {
                    self.schema(
                        "The field 'CSVHeaderLocation' is required but was missing",
                        config.location(),
                    );
                }
                if header == Some("GIVEN") {
                    self.required(config, &["CSVHeaders"]);
                    let headers = self.nonempty(config, "CSVHeaders").into_iter().flatten();
                    for (index, _) in headers.enumerate().filter(|(_, header)| !header.is_string())
                    {
                        let place = format!("{}[{index}]", config.place("CSVHeaders"));
                        self.schema("Expected value of type [STRING]", place);
                    }
                }
            }
            Some("JSON" | "JSONL" | "PARQUET") => {
                for field in ["CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"] {
                    if config.has(field) {
                        self.schema(format!("Field '{field}' is not supported"), config.location());
                    }
                }
            }
            _ => {}
        }
    }

    fn item_batcher(&mut self, object: &Object, within: &Within) -> Option<ItemBatcher> {
        let batcher = self.object(object, "ItemBatcher")?;
        self.only(
            &batcher,
            &[
                "BatchInput",
                "MaxItemsPerBatch",
                "MaxItemsPerBatchPath",
                "MaxInputBytesPerBatch",
                "MaxInputBytesPerBatchPath",
            ],
        );
        for field in batcher.members.keys() {
            self.language_of_field(field, within.language, &batcher);
        }
        let max_items = self.map_integer(&batcher, "MaxItemsPerBatch", (0, MAX_ITEMS_MAX), within);
        let max_input_bytes =
            self.map_integer(&batcher, "MaxInputBytesPerBatch", (0, 262_144), within);
        if batcher.members.keys().all(|field| field == "BatchInput") {
            self.schema(
                "This object should have at least one of the following fields: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
                batcher.location(),
            );
        }
        let batch_input = self.template(&batcher, "BatchInput", &within.plain());
        Some(ItemBatcher { max_items, max_input_bytes, batch_input })
    }

    fn result_writer(&mut self, object: &Object, within: &Within) -> Option<ResultWriter> {
        let writer = self.object(object, "ResultWriter")?;
        self.only(&writer, &["Resource", "Parameters", "Arguments", "WriterConfig"]);
        if writer.members.is_empty() {
            self.schema("Value cannot be empty", writer.location());
        }
        for field in writer.members.keys() {
            self.language_of_field(field, within.language, &writer);
        }
        let resource = self.text(&writer, "Resource").map(str::to_owned);
        if resource.as_ref().is_some_and(|resource| !resource.ends_with(":states:::s3:putObject")) {
            self.schema(
                "The field 'Resource' does not match any of the allowed values. Examples: [arn:<partition>:states:::s3:putObject]",
                writer.place("Resource"),
            );
        }
        if let Some(config) = self.object(&writer, "WriterConfig") {
            self.only(&config, &["Transformation", "OutputType"]);
            self.choice_of(&config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            self.choice_of(&config, "OutputType", &["JSON", "JSONL"]);
        }
        let field = if writer.has("Arguments") { "Arguments" } else { "Parameters" };
        let parameters = self.template(&writer, field, &within.plain());
        Some(ResultWriter { resource, parameters, config: writer.get("WriterConfig").cloned() })
    }
}
