//! Where a run's results go: into the state's output, or into objects of S3 with a manifest.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use asl::definition::Map;
use asl::{Data, Failure, MapRunSpec, Status};
use engine::{Child, Summary};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Unbegun;
use super::failed::failure;
use super::objects::Objects;
use crate::{Caller, Context, Error};

/// Children are read so many at a time.
const PAGE: usize = 200;
/// A file of results is closed when it has so many bytes.
const FILE_BYTES_MAX: u64 = 5_000_000_000;

const CONTENT_TYPE: &str = "application/json";

/// What becomes of each result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transformation {
    /// The output with everything about the execution.
    None,
    /// The output.
    Compact,
    /// The output; the elements of one that is an array.
    Flatten,
}

impl Transformation {
    fn of(map: &Map, default: Transformation) -> Transformation {
        match config(map, "Transformation") {
            Some("NONE") => Transformation::None,
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            _ => default,
        }
    }

    /// What a child that succeeded adds.
    fn apply(self, child: &Summary) -> Vec<Value> {
        let output = child.output.as_ref().map_or(Value::Null, |output| output.value().clone());
        match (self, output) {
            (Transformation::None, _) => vec![described(child)],
            (Transformation::Flatten, Value::Array(elements)) => elements,
            (_, output) => vec![output],
        }
    }
}

fn config<'m>(map: &'m Map, name: &str) -> Option<&'m str> {
    let writer = map.distributed.as_ref()?.result_writer.as_ref()?;
    writer.config.as_ref()?.get(name)?.as_str()
}

/// Where results are exported to.
pub(super) struct Export {
    bucket: String,
    /// With the run's id and a `/` at the end.
    prefix: String,
    lines: bool,
    transformation: Transformation,
}

impl Export {
    /// What the ResultWriter asks. The bucket must be there before any child is started.
    pub async fn of(
        spec: &MapRunSpec,
        map: &Map,
        caller: &Caller,
        context: &Arc<Context>,
    ) -> Result<Option<Export>, Failure> {
        let writer = map.distributed.as_ref().and_then(|map| map.result_writer.as_ref());
        if writer.is_none_or(|writer| writer.resource.is_none()) {
            return Ok(None);
        }
        let arguments = spec.writer_arguments.as_ref().map_or(&Value::Null, |data| data.value());
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let (bucket, prefix) = (text("Bucket").to_owned(), text("Prefix").trim_end_matches('/'));
        let id = spec.map_run_arn.rsplit(':').next().unwrap_or_default();
        let prefix = match prefix {
            "" => format!("{id}/"),
            prefix => format!("{prefix}/{id}/"),
        };
        let objects = Objects::new(context, caller.clone());
        objects.check_bucket(&bucket).await.map_err(|error| refused(&error))?;
        objects.may_write(&bucket, &prefix).await.map_err(|error| refused(&error))?;
        Ok(Some(Export {
            bucket,
            prefix,
            lines: config(map, "OutputType") == Some("JSONL"),
            transformation: Transformation::of(map, Transformation::None),
        }))
    }
}

fn refused(error: &Error) -> Failure {
    failure(
        "States.ResultWriterFailed",
        format!(
            "{} (Service: Amazon S3; Status Code: {}; Error Code: {})",
            error.message, error.status, error.code
        ),
    )
}

/// A run's children, all ended.
pub(super) struct Results<'a> {
    pub context: &'a Arc<Context>,
    pub map_run_arn: &'a str,
    pub map: &'a Map,
}

impl Results<'_> {
    /// The state's output, in the order of the items, and how many results are in it.
    pub async fn collect(&self) -> Result<Result<(Data, u64), Failure>, Error> {
        let transformation = Transformation::of(self.map, Transformation::Compact);
        let (mut outputs, mut bytes, mut written, mut after) = (Vec::new(), 2, 0, 0);
        loop {
            let page = self.page(Some(Status::Succeeded), after).await?;
            let Some(last) = page.last() else { break };
            after = last.key;
            for child in &page {
                written += 1;
                for output in transformation.apply(child) {
                    bytes += output.to_string().len() + 1;
                    outputs.push(output);
                }
                if bytes - 1 > self.context.settings.limits.payload_bytes_max {
                    return Ok(Err(failure(
                        "States.DataLimitExceeded",
                        "The state/task 'mapRun' returned a result with a size exceeding the maximum number of bytes service limit.",
                    )));
                }
            }
        }
        Ok(Ok((Value::Array(outputs).into(), written)))
    }

    /// Writes the results and the manifest. Gives the state's output and how many results were written.
    pub async fn export(
        &self,
        export: &Export,
        caller: &Caller,
        unbegun: &mut Unbegun<'_>,
    ) -> Result<Result<(Data, u64), Failure>, Error> {
        let statuses = [Status::Failed, Status::TimedOut, Status::Aborted];
        let succeeded = [Status::Succeeded];
        let written = async {
            let failed = self.files("FAILED", &statuses, Transformation::None, export, caller);
            let failed = failed.await?;
            let kind = export.transformation;
            let succeeded = self.files("SUCCEEDED", &succeeded, kind, export, caller).await?;
            let pending = self.pending(unbegun, export, caller).await?;
            let files = json!({ "FAILED": failed.0, "PENDING": pending, "SUCCEEDED": succeeded.0 });
            let manifest = json!({
                "DestinationBucket": export.bucket,
                "MapRunArn": self.map_run_arn,
                "ResultFiles": files,
            });
            let key = format!("{}manifest.json", export.prefix);
            let text = manifest.to_string();
            let objects = Objects::new(self.context, caller.clone());
            objects.put_text(&export.bucket, &key, text, CONTENT_TYPE).await?;
            Ok((key, succeeded.1 + failed.1))
        };
        match written.await {
            Ok((key, written)) => {
                let details = json!({ "Bucket": export.bucket, "Key": key });
                let output =
                    json!({ "MapRunArn": self.map_run_arn, "ResultWriterDetails": details });
                Ok(Ok((output.into(), written)))
            }
            Err(Trouble::Engine(error)) => Err(error),
            Err(Trouble::Writing(error)) => Ok(Err(refused(&error))),
        }
    }

    /// The results of children that ended like that, as objects of one or more. Gives them as the manifest
    /// lists them, and how many children there were.
    async fn files(
        &self,
        name: &str,
        statuses: &[Status],
        transformation: Transformation,
        export: &Export,
        caller: &Caller,
    ) -> Result<(Vec<Value>, u64), Trouble> {
        let (mut files, mut children) = (Vec::new(), 0);
        let mut open: Option<ResultFile> = None;
        for status in statuses {
            let mut after = 0;
            loop {
                let page = self.page(Some(*status), after).await.map_err(Trouble::Engine)?;
                let Some(last) = page.last() else { break };
                after = last.key;
                for child in &page {
                    children += 1;
                    let mut file = match open.take() {
                        Some(file) => file,
                        None => ResultFile::new(&self.context.settings.data, export.lines)?,
                    };
                    for result in transformation.apply(child) {
                        file.add(&result)?;
                    }
                    if file.bytes >= FILE_BYTES_MAX {
                        files.push(self.put(file, name, files.len(), export, caller).await?);
                    } else {
                        open = Some(file);
                    }
                }
            }
        }
        if let Some(file) = open {
            files.push(self.put(file, name, files.len(), export, caller).await?);
        }
        Ok((files, children))
    }

    /// What was not begun, as objects of one or more.
    async fn pending(
        &self,
        unbegun: &mut Unbegun<'_>,
        export: &Export,
        caller: &Caller,
    ) -> Result<Vec<Value>, Trouble> {
        let (mut files, mut open) = (Vec::new(), None);
        loop {
            let children = unbegun.next().await.map_err(Trouble::Engine)?;
            if children.is_empty() {
                break;
            }
            let mut file = match open.take() {
                Some(file) => file,
                None => ResultFile::new(&self.context.settings.data, export.lines)?,
            };
            for child in &children {
                file.add(&not_begun(child))?;
            }
            if file.bytes >= FILE_BYTES_MAX {
                files.push(self.put(file, "PENDING", files.len(), export, caller).await?);
            } else {
                open = Some(file);
            }
        }
        if let Some(file) = open {
            files.push(self.put(file, "PENDING", files.len(), export, caller).await?);
        }
        Ok(files)
    }

    async fn put(
        &self,
        file: ResultFile,
        name: &str,
        number: usize,
        export: &Export,
        caller: &Caller,
    ) -> Result<Value, Trouble> {
        let ending = if export.lines { "jsonl" } else { "json" };
        let key = format!("{}{name}_{number}.{ending}", export.prefix);
        let (path, size) = file.close()?;
        let objects = Objects::new(self.context, caller.clone());
        objects.put_file(&export.bucket, &key, &path, CONTENT_TYPE).await?;
        Ok(json!({ "Key": key, "Size": size }))
    }

    async fn page(&self, status: Option<Status>, after: u64) -> Result<Vec<Summary>, Error> {
        Ok(self.context.engine.children(self.map_run_arn, status, after, PAGE).await?)
    }
}

/// What can go wrong while results are written.
enum Trouble {
    /// The run is to be taken up again.
    Engine(Error),
    /// The run fails.
    Writing(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Writing(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble::Writing(Error::internal(format!("a file of results cannot be written: {error}")))
    }
}

/// A file of results on its way.
struct ResultFile {
    file: BufWriter<NamedTempFile>,
    lines: bool,
    bytes: u64,
}

impl ResultFile {
    /// On the file system of the objects, so that it becomes one without being copied.
    fn new(folder: &Path, lines: bool) -> Result<ResultFile, Trouble> {
        let file = tempfile::Builder::new().prefix("map-run-").tempfile_in(folder)?;
        Ok(ResultFile { file: BufWriter::new(file), lines, bytes: 0 })
    }

    fn add(&mut self, result: &Value) -> Result<(), Trouble> {
        let before = match (self.lines, self.bytes) {
            (true, _) => "",
            (false, 0) => "[",
            (false, _) => ",",
        };
        let text = result.to_string();
        let after = if self.lines { "\n" } else { "" };
        write!(self.file, "{before}{text}{after}")?;
        self.bytes += (before.len() + text.len() + after.len()) as u64;
        Ok(())
    }

    fn close(mut self) -> Result<(tempfile::TempPath, u64), Trouble> {
        if !self.lines {
            let rest = if self.bytes == 0 { "[]" } else { "]" };
            write!(self.file, "{rest}")?;
            self.bytes += rest.len() as u64;
        }
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let (file, path): (File, _) = file.into_parts();
        file.sync_all()?;
        Ok((path, self.bytes))
    }
}

/// An execution as result files tell it.
fn described(child: &Summary) -> Value {
    let header = &child.header;
    let stopped = child.stop_time.unwrap_or(header.start_time);
    let mut members = json!({
        "ExecutionArn": header.execution_arn,
        "Input": header.input.text(),
        "InputDetails": { "Included": true },
        "Name": header.name,
        "RedriveCount": child.redrive.0,
        "RedriveStatus": "REDRIVABLE_BY_MAP_RUN",
        "StartDate": header.start_time.iso8601(),
        "StateMachineArn": header.state_machine_arn,
        "Status": child.status.as_str(),
        "StopDate": stopped.iso8601(),
    });
    if let Some(output) = &child.output {
        members["Output"] = output.text().into();
        members["OutputDetails"] = json!({ "Included": true });
    }
    if let Some(failure) = &child.failure {
        for (name, text) in [("Error", &failure.error), ("Cause", &failure.cause)] {
            if let Some(text) = text {
                members[name] = text.as_str().into();
            }
        }
    }
    if child.status == Status::Succeeded {
        members["RedriveStatus"] = "NOT_REDRIVABLE".into();
        members["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven".into();
    }
    members.sort_all_objects();
    members
}

/// A child that was not begun as result files tell it.
fn not_begun(child: &Child) -> Value {
    let header = &child.header;
    json!({
        "ExecutionArn": header.execution_arn,
        "Input": header.input.text(),
        "InputDetails": { "Included": true },
        "Name": header.name,
        "StateMachineArn": header.state_machine_arn,
        "Status": "PENDING",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lines: bool, results: &[Value]) -> (String, u64) {
        let folder = tempfile::tempdir().unwrap();
        let Ok(mut file) = ResultFile::new(folder.path(), lines) else { panic!("no file") };
        for result in results {
            assert!(file.add(result).is_ok());
        }
        let Ok((path, size)) = file.close() else { panic!("not closed") };
        (std::fs::read_to_string(path).unwrap(), size)
    }

    #[test]
    fn results_are_an_array_or_lines() {
        let results = [json!({"a": 1}), json!(2)];
        assert_eq!(written(false, &results), ("[{\"a\":1},2]".to_owned(), 11));
        assert_eq!(written(true, &results), ("{\"a\":1}\n2\n".to_owned(), 10));
        assert_eq!(written(false, &[]), ("[]".to_owned(), 2));
    }
}
