//! The objects that a run reads and writes: ours, or those of the S3 that the configuration names
//! (`--service-endpoint s3=URL`), which come and go by the piece.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remote::Problem;
use serde_json::{Value, json};

use crate::iam::guard::Need;
use crate::s3::Location;
use crate::{Caller, Context, Error, Input, elsewhere};

/// What is held of an object elsewhere at a time. S3 takes parts of 5 MiB and more, 10,000 of them.
const PIECE: u64 = 6 << 20;

/// A run's way to objects.
#[derive(Clone)]
pub(super) struct Objects {
    context: Arc<Context>,
    caller: Caller,
}

impl Objects {
    /// With the rights of this caller.
    pub fn new(context: &Arc<Context>, caller: Caller) -> Objects {
        Objects { context: context.clone(), caller }
    }

    fn are_elsewhere(&self) -> bool {
        self.context.settings.elsewhere.endpoint("s3").is_some()
    }

    /// An object's bytes.
    pub async fn open(&self, bucket: &str, key: &str) -> Result<File, Error> {
        if self.are_elsewhere() {
            return self.fetch(bucket, key).await;
        }
        self.may("s3:GetObject", bucket, key).await?;
        Ok(self.context.objects.open_object(&self.caller, bucket, key).await?.1)
    }

    /// Calls an operation of S3.
    pub async fn call(&self, operation: &str, members: Value) -> Result<Value, Error> {
        let (context, caller) = (&self.context, &self.caller);
        if !self.are_elsewhere() {
            let output = crate::call(context, caller, "s3", operation, Input::from(members));
            return Ok(output.await?.members);
        }
        context.iam.check(context, caller, "s3", operation, &members, None).await?;
        self.ask(operation, &members).await
    }

    /// Calls an operation of the S3 that is elsewhere.
    async fn ask(&self, operation: &str, members: &Value) -> Result<Value, Error> {
        let answer = elsewhere::ask(&self.context, &self.caller, "s3", operation, members).await;
        Ok(answer.map_err(refusal)?.members)
    }

    /// The bucket must be there. To know that needs no permission of the role's.
    pub async fn check_bucket(&self, bucket: &str) -> Result<(), Error> {
        if self.are_elsewhere() {
            return self.ask("HeadBucket", &json!({ "Bucket": bucket })).await.map(drop);
        }
        self.context.objects.bucket(&self.caller, bucket).await.map(drop)
    }

    /// Whether the state machine's role may do what AWS documents of writing results in parts, beside writing.
    pub async fn may_write(&self, bucket: &str, prefix: &str) -> Result<(), Error> {
        const BESIDE: [&str; 3] =
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts"];
        let key = format!("{prefix}manifest.json");
        let object = Location { bucket: bucket.to_owned(), key }.arn(&self.caller.region);
        for action in BESIDE {
            let need = Need { only_told: true, ..Need::new(action, object.as_str()) };
            let may = self.context.iam.grants(&self.context, &self.caller, need).await;
            may.map_err(|message| Error::new("AccessDenied", message).with_status(403))?;
        }
        Ok(())
    }

    /// Writes an object of a few bytes.
    pub async fn put_text(
        &self,
        bucket: &str,
        key: &str,
        text: String,
        content_type: &str,
    ) -> Result<(), Error> {
        if self.are_elsewhere() {
            return self.send(bucket, key, text.as_bytes(), content_type).await;
        }
        self.may("s3:PutObject", bucket, key).await?;
        let (objects, moment) = (&self.context.objects, self.context.clock.moment());
        let kind = Some(content_type);
        objects.put_bytes(&self.caller, moment, bucket, key, text, kind).await.map(drop)
    }

    /// Writes an object that is a file.
    pub async fn put_file(
        &self,
        bucket: &str,
        key: &str,
        path: &Path,
        content_type: &str,
    ) -> Result<(), Error> {
        if self.are_elsewhere() {
            return self.send_file(bucket, key, path, content_type).await;
        }
        self.may("s3:PutObject", bucket, key).await?;
        let (objects, moment) = (&self.context.objects, self.context.clock.moment());
        let kind = Some(content_type);
        objects.put_file(&self.caller, moment, bucket, key, path, kind).await.map(drop)
    }

    /// Whether the state machine's role may: objects of ours are reached by no operation that would ask.
    async fn may(&self, action: &str, bucket: &str, key: &str) -> Result<(), Error> {
        let object = Location { bucket: bucket.to_owned(), key: key.to_owned() };
        let arn = object.arn(&self.caller.region);
        let may = self.context.iam.permits(&self.context, &self.caller, action, &arn, &[]).await;
        may.map_err(|message| Error::new("AccessDenied", message).with_status(403))
    }

    /// Gets an object elsewhere into a file, which goes with its last handle.
    async fn fetch(&self, bucket: &str, key: &str) -> Result<File, Error> {
        let mut file = tempfile::tempfile_in(&self.context.settings.data).map_err(unwritable)?;
        let (mut at, mut tag) = (0, Value::Null);
        loop {
            let range = format!("bytes={at}-{}", at + PIECE - 1);
            let mut asked = json!({ "Bucket": bucket, "Key": key, "Range": range });
            if !tag.is_null() {
                // Another object by the same name is not this one's rest.
                asked["IfMatch"] = tag;
            }
            let answer = match self.call("GetObject", asked).await {
                // An object without bytes has no first one.
                Err(error) if at == 0 && error.status == 416 => break,
                answer => answer?,
            };
            let body = answer["Body"].as_str().unwrap_or_default();
            let piece = BASE64.decode(body).map_err(|error| Error::internal(error.to_string()))?;
            file.write_all(&piece).map_err(unwritable)?;
            at += piece.len() as u64;
            let range = answer["ContentRange"].as_str().and_then(|range| range.rsplit('/').next());
            let whole: Option<u64> = range.and_then(|whole| whole.parse().ok());
            // Who knows no ranges gives all at once.
            if whole.is_none_or(|whole| at >= whole) || piece.is_empty() {
                break;
            }
            tag = answer["ETag"].clone();
        }
        file.seek(SeekFrom::Start(0)).map_err(unwritable)?;
        Ok(file)
    }

    async fn send(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        content_type: &str,
    ) -> Result<(), Error> {
        let body = BASE64.encode(bytes);
        let asked =
            json!({ "Bucket": bucket, "Key": key, "Body": body, "ContentType": content_type });
        self.call("PutObject", asked).await.map(drop)
    }

    async fn send_file(
        &self,
        bucket: &str,
        key: &str,
        path: &Path,
        content_type: &str,
    ) -> Result<(), Error> {
        let mut file = File::open(path).map_err(unwritable)?;
        let mut piece = next_piece(&mut file)?;
        if (piece.len() as u64) < PIECE {
            return self.send(bucket, key, &piece, content_type).await;
        }
        let place = || json!({ "Bucket": bucket, "Key": key });
        let mut asked = place();
        asked["ContentType"] = content_type.into();
        let upload = self.call("CreateMultipartUpload", asked).await?["UploadId"].take();
        let mut parts = Vec::new();
        while !piece.is_empty() {
            let number = parts.len() + 1;
            let mut asked = place();
            asked["UploadId"] = upload.clone();
            asked["PartNumber"] = number.into();
            asked["Body"] = BASE64.encode(&piece).into();
            let answer = self.call("UploadPart", asked).await?;
            parts.push(json!({ "PartNumber": number, "ETag": answer["ETag"] }));
            piece = next_piece(&mut file)?;
        }
        let mut asked = place();
        asked["UploadId"] = upload;
        asked["MultipartUpload"] = json!({ "Parts": parts });
        self.call("CompleteMultipartUpload", asked).await.map(drop)
    }
}

fn next_piece(file: &mut File) -> Result<Vec<u8>, Error> {
    let mut piece = Vec::new();
    Read::by_ref(file).take(PIECE).read_to_end(&mut piece).map_err(unwritable)?;
    Ok(piece)
}

fn unwritable(error: std::io::Error) -> Error {
    Error::internal(format!("a file of the data folder cannot be used: {error}"))
}

fn refusal(problem: Problem) -> Error {
    match problem {
        Problem::Refused(refusal) => {
            Error::new(refusal.code, refusal.message).with_status(refusal.status)
        }
        problem => Error::internal(problem.to_string()),
    }
}
