//! Items from the objects that a manifest names: of an S3 inventory, or of data that Athena unloaded.

use asl::Failure;
use serde::Deserialize;
use serde_json::Value;

use super::csv::Dialect;
use super::listing::flattened;
use super::reader::{Format, Opener, Rows, plain};
use super::{csv, failed, parquet};

/// Bytes of a manifest that are read at most.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Whether the object that is read is a manifest of others.
pub(super) fn is_one(format: &Format) -> bool {
    format.input_type == "MANIFEST" || format.text("ManifestType").is_some()
}

/// The items of all objects that the manifest names, in its order.
pub(super) fn rows(
    opener: Opener,
    bucket: &str,
    key: &str,
    format: Format,
) -> Result<Rows, Failure> {
    let manifest = opener.open(bucket, key)?;
    match format.text("ManifestType") {
        Some("ATHENA_DATA") => athena(opener, manifest, format),
        _ => inventory(opener, manifest),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inventory {
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<InventoryFile>,
}

#[derive(Deserialize)]
struct InventoryFile {
    key: String,
}

/// `manifest.json` of an S3 inventory.
fn inventory(opener: Opener, manifest: std::fs::File) -> Result<Rows, Failure> {
    let manifest = std::io::Read::take(plain(manifest)?, MANIFEST_BYTES_MAX);
    let inventory: Inventory = serde_json::from_reader(manifest).map_err(|error| {
        failed::reader(format!("The manifest is none of an S3 inventory: {error}"))
    })?;
    let bucket = inventory.destination_bucket.rsplit(':').next().unwrap_or_default().to_owned();
    let keys = inventory.files.into_iter().map(|file| Ok(file.key));
    match inventory.file_format.to_ascii_uppercase().as_str() {
        "CSV" => {
            let names = inventory.file_schema.split(',').map(|name| name.trim().to_owned());
            let dialect = Dialect { delimiter: b',', headers: Some(names.collect()) };
            Ok(flattened(keys, move |key| csv::rows(plain(opener.open(&bucket, &key)?)?, &dialect)))
        }
        "PARQUET" => Ok(flattened(keys, move |key| parquet::rows(opener.open(&bucket, &key)?))),
        other => Err(failed::reader(format!(
            "An S3 inventory in the format '{other}' cannot be read; use CSV or Parquet."
        ))),
    }
}

/// The manifest that UNLOAD leaves: an object's URI in each line. They are read by the InputType.
fn athena(opener: Opener, manifest: std::fs::File, format: Format) -> Result<Rows, Failure> {
    let dialect = Dialect { delimiter: b',', headers: Some(vec!["uri".to_owned()]) };
    let lines = csv::rows(plain(manifest)?, &dialect)?;
    let uris =
        lines.map(|line| line.map(|(_, row)| row["uri"].as_str().unwrap_or_default().to_owned()));
    let mut format = format;
    if format.input_type == "MANIFEST" {
        format.input_type = "CSV".to_owned();
    }
    if let (Value::Object(config), true) = (&mut format.config, format.input_type == "JSON") {
        // Athena unloads JSON by the line.
        config.shift_remove("ItemsPointer");
        format.input_type = "JSONL".to_owned();
    }
    Ok(flattened(uris, move |uri: String| {
        let named = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let Some((bucket, key)) = named else {
            return Err(failed::reader(format!(
                "The manifest has a line that is no S3 URI: '{uri}'."
            )));
        };
        format.rows(opener.open(bucket, key)?)
    }))
}
