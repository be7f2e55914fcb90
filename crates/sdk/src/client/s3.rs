//! The object store: buckets and objects.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::service::Service;
use super::sigv4::encode_path;
use super::transport::{Payload, Response};
use super::{Call, Client, header, xml};
use crate::error::Error;

/// Buckets and objects of a [`Client`]'s region.
///
/// ```no_run
/// # async fn run(client: stepwell_sdk::Client) -> Result<(), stepwell_sdk::Error> {
/// let s3 = client.s3();
/// s3.create_bucket("slytherins-test").await?;
/// s3.put_file("slytherins-test", "Train.csv", "Train.csv").await?;
/// for object in s3.list_objects("slytherins-test", "").await? {
///     println!("{} has {} bytes", object.key, object.size);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct S3<'a> {
    client: &'a Client,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name in the bucket.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub e_tag: String,
    /// When it was last written, ISO 8601.
    pub last_modified: String,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub e_tag: String,
    /// Its media type.
    pub content_type: Option<String>,
}

impl<'a> S3<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        S3 { client }
    }

    /// The names of all buckets.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_buckets(&self) -> Result<Vec<String>, Error> {
        let answer = self.send("ListBuckets", "GET", None, "/", vec![], vec![], empty()).await?;
        let value = read(&answer, "ListBuckets")?;
        let buckets = list(&value["Buckets"]["Bucket"]);
        Ok(buckets.iter().map(|bucket| text(bucket, "Name")).collect())
    }

    /// Makes a bucket in the client's region.
    ///
    /// # Errors
    /// `BucketAlreadyOwnedByYou` or `BucketAlreadyExists` when the name is taken, and as [`Client::call`].
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        let body = match self.client.region() {
            // The one region that must not be named.
            "us-east-1" => String::new(),
            region => format!(
                r#"<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"#
            ),
        };
        let payload = Payload::Bytes(body.into());
        self.send("CreateBucket", "PUT", Some(bucket), "/", vec![], vec![], payload).await?;
        Ok(())
    }

    /// Whether the bucket is there and may be used.
    ///
    /// # Errors
    /// `Forbidden` when it belongs to someone else, and as [`Client::call`].
    pub async fn bucket_exists(&self, bucket: &str) -> Result<bool, Error> {
        match self.send("HeadBucket", "HEAD", Some(bucket), "/", vec![], vec![], empty()).await {
            Ok(_) => Ok(true),
            Err(Error::Service(refusal)) if refusal.status == 404 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an empty bucket.
    ///
    /// # Errors
    /// `BucketNotEmpty`, `NoSuchBucket`, and as [`Client::call`].
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), Error> {
        self.send("DeleteBucket", "DELETE", Some(bucket), "/", vec![], vec![], empty()).await?;
        Ok(())
    }

    /// Writes an object from memory.
    ///
    /// # Errors
    /// `NoSuchBucket`, and as [`Client::call`].
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
    ) -> Result<(), Error> {
        self.put(bucket, key, Payload::Bytes(body.into())).await
    }

    /// Writes an object from a file, which is streamed and never held in memory. At most 5 GiB, the limit of
    /// a single upload. The file is read twice: its hash is part of the signature.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, and as [`put_object`](S3::put_object).
    pub async fn put_file(
        &self,
        bucket: &str,
        key: &str,
        path: impl AsRef<Path>,
    ) -> Result<(), Error> {
        let path = path.as_ref();
        let (length, sha256) =
            hash(path).await.map_err(|source| Error::File { path: path.to_owned(), source })?;
        self.put(bucket, key, Payload::File { path: path.to_owned(), length, sha256 }).await
    }

    async fn put(&self, bucket: &str, key: &str, payload: Payload) -> Result<(), Error> {
        let content_type = match key.rsplit('.').next() {
            Some("csv") => "text/csv",
            Some("json") => "application/json",
            Some("txt") => "text/plain",
            _ => "application/octet-stream",
        };
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        self.send("PutObject", "PUT", Some(bucket), &path_of(key), vec![], headers, payload)
            .await?;
        Ok(())
    }

    /// Reads an object into memory.
    ///
    /// # Errors
    /// `NoSuchKey`, `NoSuchBucket`, and as [`Client::call`].
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, Error> {
        let answer = self
            .send("GetObject", "GET", Some(bucket), &path_of(key), vec![], vec![], empty())
            .await?;
        Ok(answer.into_body())
    }

    /// Reads an object into a file, in ranges of 8 MiB, so that it is never in memory as a whole. The file
    /// is replaced; when the object changes meanwhile, the download is refused with `PreconditionFailed`.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be written, and as [`get_object`](S3::get_object).
    pub async fn get_file(
        &self,
        bucket: &str,
        key: &str,
        path: impl AsRef<Path>,
    ) -> Result<(), Error> {
        const PART: u64 = 8 << 20;
        let path = path.as_ref();
        let head = self.head_object(bucket, key).await?;
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
        let mut offset = 0;
        while offset < head.size {
            let last = (offset + PART).min(head.size) - 1;
            let headers = vec![
                ("range".to_owned(), format!("bytes={offset}-{last}")),
                ("if-match".to_owned(), format!("\"{}\"", head.e_tag)),
            ];
            let answer = self
                .send("GetObject", "GET", Some(bucket), &path_of(key), vec![], headers, empty())
                .await?;
            file.write_all(answer.body()).await.map_err(failed)?;
            if answer.body().is_empty() {
                return Err(unreadable("GetObject", "a range without bytes".to_owned()));
            }
            offset += answer.body().len() as u64;
        }
        file.flush().await.map_err(failed)
    }

    /// What is known of an object without reading it.
    ///
    /// # Errors
    /// `NotFound` when it is not there, and as [`Client::call`].
    pub async fn head_object(&self, bucket: &str, key: &str) -> Result<ObjectHead, Error> {
        let answer = self
            .send("HeadObject", "HEAD", Some(bucket), &path_of(key), vec![], vec![], empty())
            .await?;
        let headers = answer.headers();
        Ok(ObjectHead {
            size: header(headers, "content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or_default(),
            e_tag: header(headers, "etag").unwrap_or_default().trim_matches('"').to_owned(),
            content_type: header(headers, "content-type"),
        })
    }

    /// All objects whose key begins with `prefix`, in the order of their keys.
    ///
    /// # Errors
    /// `NoSuchBucket`, and as [`Client::call`].
    pub async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query = vec![
                ("list-type".to_owned(), "2".to_owned()),
                ("prefix".to_owned(), prefix.to_owned()),
            ];
            query.extend(token.take().map(|token| ("continuation-token".to_owned(), token)));
            let answer = self
                .send("ListObjectsV2", "GET", Some(bucket), "/", query, vec![], empty())
                .await?;
            let value = read(&answer, "ListObjectsV2")?;
            objects.extend(list(&value["Contents"]).iter().map(|object| Object {
                key: text(object, "Key"),
                size: text(object, "Size").parse().unwrap_or_default(),
                e_tag: text(object, "ETag").trim_matches('"').to_owned(),
                last_modified: text(object, "LastModified"),
            }));
            match value["NextContinuationToken"].as_str() {
                Some(next) if value["IsTruncated"] == "true" => token = Some(next.to_owned()),
                _ => return Ok(objects),
            }
        }
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// `NoSuchBucket`, and as [`Client::call`].
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.send("DeleteObject", "DELETE", Some(bucket), &path_of(key), vec![], vec![], empty())
            .await?;
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    async fn send(
        &self,
        operation: &str,
        method: &str,
        bucket: Option<&str>,
        path: &str,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        payload: Payload,
    ) -> Result<Response, Error> {
        let service = Service::named("s3").expect("in the table");
        let (bucket, path) = (bucket.map(str::to_owned), path.to_owned());
        self.client
            .send(Call {
                service,
                operation,
                method,
                host_prefix: "",
                bucket,
                path,
                query,
                headers,
                payload,
            })
            .await
    }
}

fn path_of(key: &str) -> String {
    format!("/{}", encode_path(key))
}

fn empty() -> Payload {
    Payload::Bytes(Bytes::new())
}

async fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut hash = Sha256::new();
    let mut length = 0;
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match file.read(&mut chunk).await? {
            0 => return Ok((length, hex::encode(hash.finalize()))),
            read => {
                hash.update(&chunk[..read]);
                length += read as u64;
            }
        }
    }
}

fn read(answer: &Response, operation: &str) -> Result<Value, Error> {
    let text = String::from_utf8_lossy(answer.body());
    xml::parse(&text).map(|(_, value)| value).map_err(|reason| unreadable(operation, reason))
}

fn unreadable(operation: &str, reason: String) -> Error {
    Error::Answer { service: "s3".to_owned(), operation: operation.to_owned(), reason }
}

/// A list in XML is one element or several of the same name.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Object(_) => std::slice::from_ref(value),
        _ => &[],
    }
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}
