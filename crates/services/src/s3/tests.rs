//! S3 through the one door, over an in-memory store and a temporary folder.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use asl::{Moment, Timestamp};
use bytes::Bytes;
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Algorithm, Hasher, ObjectStore};
use crate::sagemaker::runner::{Capacity, Image, Programs, Runner};
use crate::{Body, Caller, Clock, Context, Error, Input, Origin, Settings};

/// A second passes with every look at the clock, and the dice never repeat.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn moment(&self) -> Moment {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        Moment { now: Timestamp(1_800_000_000_000 + tick * 1000), seed: tick as u64 }
    }
}

struct NoPrograms;

impl Programs for NoPrograms {
    fn image(&self, _: &str) -> Option<Image> {
        None
    }

    fn executable(&self) -> PathBuf {
        PathBuf::new()
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

struct World {
    context: Arc<Context>,
    caller: Caller,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open("memory:").await.unwrap();
        let capacity = Capacity { jobs: 1, cpus_per_job: 1 };
        let engine = Arc::new(engine::Engine::open(store.clone()).await.unwrap());
        let changes = crate::changes::Changes::default();
        let context = Context {
            objects: Arc::new(ObjectStore::open(store.clone(), folder.path()).unwrap()),
            stepfunctions: Arc::new(crate::stepfunctions::Background::new(&engine, &changes)),
            engine,
            sagemaker: Arc::new(Runner::new(Arc::new(NoPrograms), capacity)),
            store,
            clock: Arc::new(Ticking(AtomicI64::new(0))),
            audit: crate::audit::Audit::new(Default::default(), folder.path()),
            changes,
            issuers: Default::default(),
            throttle: Default::default(),
            iam: Arc::new(
                crate::iam::guard::Guard::new(crate::iam::guard::Mode::default(), folder.path())
                    .unwrap(),
            ),
            settings: Settings::new("000000000000", folder.path()),
        };
        let world = World { context: Arc::new(context), caller: caller("000000000000"), folder };
        world.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
        world
    }

    async fn call(&self, operation: &str, members: Value) -> Result<Value, Error> {
        let input = Input::from(members);
        let output = crate::call(&self.context, &self.caller, "s3", operation, input).await?;
        Ok(output.members)
    }

    async fn code(&self, operation: &str, members: Value) -> String {
        match self.call(operation, members).await {
            Ok(_) => "-".to_owned(),
            Err(error) => error.code.into_owned(),
        }
    }

    async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Value {
        self.upload("PutObject", json!({"Bucket": "bucket", "Key": key}), bytes).await.unwrap()
    }

    async fn upload(
        &self,
        operation: &str,
        members: Value,
        bytes: impl Into<Bytes>,
    ) -> Result<Value, Error> {
        let input = Input { members, body: Some(body([Ok(bytes.into())])), ..Input::default() };
        let output = crate::call(&self.context, &self.caller, "s3", operation, input).await?;
        Ok(output.members)
    }

    async fn get(&self, members: Value) -> Result<(Value, Vec<u8>), Error> {
        let input = Input::from(members);
        let output = crate::call(&self.context, &self.caller, "s3", "GetObject", input).await?;
        let bytes: Vec<_> = output.body.unwrap().map(Result::unwrap).collect().await;
        Ok((output.members, bytes.concat()))
    }

    async fn text(&self, key: &str) -> String {
        let got = self.get(json!({"Bucket": "bucket", "Key": key})).await;
        got.map_or_else(|error| error.code.into(), |(_, bytes)| String::from_utf8(bytes).unwrap())
    }

    /// How many files the store has on disk.
    fn files(&self) -> usize {
        let folders = std::fs::read_dir(self.folder.path().join("objects")).unwrap();
        folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }
}

fn caller(account: &str) -> Caller {
    Caller {
        account: account.to_owned(),
        region: "us-east-1".to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/stepwell/local"),
        access_key: None,
        origin: Origin::Client,
    }
}

fn body<const N: usize>(chunks: [std::io::Result<Bytes>; N]) -> Body {
    futures::stream::iter(chunks).boxed()
}

fn of(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

#[tokio::test]
async fn what_is_put_comes_back() {
    let world = World::new().await;
    let members = json!({
        "Bucket": "bucket", "Key": "a/ü", "ContentType": "text/csv", "CacheControl": "no-cache",
        "Metadata": {"Name": "v"}, "Tagging": "k=v%20w", "ContentLength": 5,
        "ContentMD5": "XUFAKrxLKna5cZ2REBfFkg==", "StorageClass": "STANDARD_IA",
    });
    let put = world.upload("PutObject", members, "hello").await.unwrap();
    assert_eq!(put["ETag"], "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(put["ChecksumCRC64NVME"], of(Algorithm::Crc64nvme, b"hello"));
    let (got, bytes) = world.get(json!({"Bucket": "bucket", "Key": "a/ü"})).await.unwrap();
    assert_eq!(bytes, b"hello");
    let expected = json!({
        "ContentType": "text/csv", "CacheControl": "no-cache", "StorageClass": "STANDARD_IA",
        "Metadata": {"name": "v"}, "TagCount": 1, "ServerSideEncryption": "AES256",
        "AcceptRanges": "bytes",
        "ETag": "\"5d41402abc4b2a76b9719d911017c592\"", "LastModified": got["LastModified"],
        "ContentLength": 5,
    });
    assert_eq!(got, expected);
    let head = world.call("HeadObject", json!({"Bucket": "bucket", "Key": "a/ü"})).await.unwrap();
    assert_eq!(head, expected);
}

#[tokio::test]
async fn a_body_may_come_as_a_member() {
    let world = World::new().await;
    let members = json!({"Bucket": "bucket", "Key": "k", "Body": "aGk="});
    world.call("PutObject", members).await.unwrap();
    assert_eq!(world.text("k").await, "hi");
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.put("k", "0123456789").await;
    let long = "k".repeat(1025);
    let big = "v".repeat(2100);
    let cases = [
        ("GetObject", json!({"Bucket": "nobody", "Key": "k"}), "NoSuchBucket"),
        ("GetObject", json!({"Bucket": "bucket", "Key": "none"}), "NoSuchKey"),
        (
            "GetObject",
            json!({"Bucket": "bucket", "Key": "k", "Range": "bytes=10-"}),
            "InvalidRange",
        ),
        (
            "GetObject",
            json!({"Bucket": "bucket", "Key": "k", "PartNumber": 2}),
            "InvalidPartNumber",
        ),
        ("GetObject", json!({"Bucket": "bucket", "Key": "k", "VersionId": "x"}), "NoSuchVersion"),
        ("HeadBucket", json!({"Bucket": "bucket", "ExpectedBucketOwner": "1"}), "AccessDenied"),
        ("PutObject", json!({"Bucket": "bucket", "Key": long}), "KeyTooLongError"),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "Metadata": {"m": big}}),
            "MetadataTooLarge",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ContentLength": 1}),
            "IncompleteBody",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ContentLength": (5u64 << 30) + 1}),
            "EntityTooLarge",
        ),
        ("PutObject", json!({"Bucket": "bucket", "Key": "x", "ContentMD5": "?"}), "InvalidDigest"),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ContentMD5": "XUFAKrxLKna5cZ2REBfFkg=="}),
            "BadDigest",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ChecksumCRC32": "AAAAAQ=="}),
            "BadDigest",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ChecksumCRC32": "AA"}),
            "InvalidRequest",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "ACL": "public-read"}),
            "AccessControlListNotSupported",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "x", "SSECustomerAlgorithm": "AES256"}),
            "NotImplemented",
        ),
        ("PutObject", json!({"Bucket": "bucket", "Key": "x", "Tagging": "a=1&a=2"}), "InvalidTag"),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "k", "IfNoneMatch": "*"}),
            "PreconditionFailed",
        ),
        (
            "PutObject",
            json!({"Bucket": "bucket", "Key": "k", "IfMatch": "\"x\""}),
            "PreconditionFailed",
        ),
        ("PutObject", json!({"Bucket": "bucket", "Key": "x", "IfMatch": "\"x\""}), "NoSuchKey"),
        (
            "CopyObject",
            json!({"Bucket": "bucket", "Key": "k", "CopySource": "bucket/k"}),
            "InvalidRequest",
        ),
        (
            "CopyObject",
            json!({"Bucket": "bucket", "Key": "x", "CopySource": "bucket/none"}),
            "NoSuchKey",
        ),
        (
            "CopyObject",
            json!({"Bucket": "bucket", "Key": "x", "CopySource": "bucket/k", "CopySourceIfMatch": "y"}),
            "PreconditionFailed",
        ),
        ("DeleteBucket", json!({"Bucket": "bucket"}), "BucketNotEmpty"),
        ("DeleteObjects", json!({"Bucket": "bucket", "Delete": {"Objects": []}}), "MalformedXML"),
        (
            "DeleteObjects",
            json!({"Bucket": "bucket", "Delete": {"Objects": [{"Key": "k"}, {"Key": "a\u{1}b"}]}}),
            "MalformedXML",
        ),
        ("CreateBucket", json!({"Bucket": "Bad_Name"}), "InvalidBucketName"),
        ("ListObjectsV2", json!({"Bucket": "bucket", "ContinuationToken": "!"}), "InvalidArgument"),
        ("ListObjectsV2", json!({"Bucket": "bucket", "MaxKeys": -1}), "InvalidArgument"),
        (
            "UploadPart",
            json!({"Bucket": "bucket", "Key": "k", "UploadId": "x", "PartNumber": 1}),
            "NoSuchUpload",
        ),
        (
            "UploadPart",
            json!({"Bucket": "bucket", "Key": "k", "UploadId": "x", "PartNumber": 10001}),
            "InvalidArgument",
        ),
        ("GetBucketPolicy", json!({"Bucket": "bucket"}), "NoSuchBucketPolicy"),
        ("GetBucketTagging", json!({"Bucket": "bucket"}), "NoSuchTagSet"),
        ("PutBucketVersioning", json!({"Bucket": "bucket"}), "UnknownOperationException"),
    ];
    for (operation, members, expected) in cases {
        assert_eq!(world.code(operation, members.clone()).await, expected, "{operation} {members}");
    }
    assert_eq!(world.text("k").await, "0123456789");
    assert_eq!(world.files(), 1, "nothing refused leaves a file");
}

#[tokio::test]
async fn conditions_of_reads() {
    let world = World::new().await;
    let etag = world.put("k", "v").await["ETag"].clone();
    let (got, _) = world.get(json!({"Bucket": "bucket", "Key": "k"})).await.unwrap();
    let at = got["LastModified"].as_i64().unwrap();
    let cases = [
        (json!({"IfMatch": etag}), "-"),
        (json!({"IfMatch": "\"x\""}), "PreconditionFailed"),
        (json!({"IfMatch": "\"x\", *"}), "-"),
        (json!({"IfNoneMatch": etag}), "NotModified"),
        (json!({"IfNoneMatch": "\"x\""}), "-"),
        (json!({"IfModifiedSince": at}), "NotModified"),
        (json!({"IfModifiedSince": at - 1}), "-"),
        (json!({"IfUnmodifiedSince": at}), "-"),
        (json!({"IfUnmodifiedSince": at - 1}), "PreconditionFailed"),
        (json!({"IfMatch": etag, "IfUnmodifiedSince": at - 1}), "-"),
        (json!({"IfNoneMatch": "\"x\"", "IfModifiedSince": at}), "-"),
    ];
    for (mut members, expected) in cases {
        members["Bucket"] = "bucket".into();
        members["Key"] = "k".into();
        assert_eq!(world.code("HeadObject", members.clone()).await, expected, "{members}");
    }
}

#[tokio::test]
async fn keys_are_no_paths() {
    let world = World::new().await;
    let keys = ["aa", "aa/", "aa/b", "../../etc/passwd", "/lead", "a//b", ".", "..", "x/./y"];
    for key in keys {
        world.put(key, key.to_owned()).await;
    }
    for key in keys {
        assert_eq!(world.text(key).await, key);
    }
    assert_eq!(world.files(), keys.len());
    assert!(!world.folder.path().parent().unwrap().join("etc").exists());
}

#[tokio::test]
async fn a_broken_body_leaves_what_was_there() {
    let world = World::new().await;
    world.put("k", "old").await;
    for (broken, expected) in [
        (std::io::Error::from(std::io::ErrorKind::ConnectionReset), "IncompleteBody"),
        (std::io::Error::other(Error::new("BadDigest", "from the door")), "BadDigest"),
    ] {
        let body = Some(body([Ok(Bytes::from("ne")), Err(broken)]));
        let input =
            Input { members: json!({"Bucket": "bucket", "Key": "k"}), body, ..Input::default() };
        let put = crate::call(&world.context, &world.caller, "s3", "PutObject", input).await;
        assert_eq!(put.err().unwrap().code, expected);
    }
    assert_eq!(world.text("k").await, "old");
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn whoever_writes_last_has_written_all_of_it() {
    let world = Arc::new(World::new().await);
    let writers = (0..16).map(|number| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.put("k", format!("{number:02}").repeat(5000)).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
        let text = world.text("k").await;
        assert_eq!(text, text[..2].repeat(5000));
    }
    assert_eq!(world.files(), 1, "the files of those that were overwritten are gone");
}

#[tokio::test]
async fn of_many_first_writers_one_wins() {
    let world = Arc::new(World::new().await);
    let writers = (0..8).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let members = json!({"Bucket": "bucket", "Key": "lock", "IfNoneMatch": "*"});
            world.upload("PutObject", members, "x").await.is_ok()
        })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        won += usize::from(writer.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_swept() {
    let world = World::new().await;
    world.put("k", "kept").await;
    let objects = world.folder.path().join("objects");
    std::fs::create_dir_all(objects.join("00")).unwrap();
    std::fs::write(objects.join("new").join("ab".repeat(16)), "half").unwrap();
    std::fs::write(objects.join("00").join("00".repeat(16)), "unnamed").unwrap();
    let being_written = world.context.objects.files.draft(world.context.clock.moment());
    std::fs::write(objects.join("new").join(being_written.id()), "in flight").unwrap();
    assert_eq!(world.context.objects.sweep().await.unwrap().files, 1 + 1);
    assert_eq!(world.files(), 2);
    drop(being_written);
    assert_eq!((world.files(), world.text("k").await), (1, "kept".to_owned()));
}

#[tokio::test]
async fn parts_become_one_object() {
    let world = World::new().await;
    let parts = [vec![b'a'; 5 << 20], vec![b'b'; 5 << 20], b"end".to_vec()];
    let whole = parts.concat();
    for (algorithm, kind) in [
        (None, "FULL_OBJECT"),
        (Some("CRC32"), "COMPOSITE"),
        (Some("CRC32"), "FULL_OBJECT"),
        (Some("SHA256"), "COMPOSITE"),
        (Some("CRC64NVME"), "FULL_OBJECT"),
    ] {
        let target = json!({
            "Bucket": "bucket", "Key": "big", "ChecksumAlgorithm": algorithm,
            "ChecksumType": algorithm.map(|_| kind), "ContentType": "x/y",
        });
        let upload = world.call("CreateMultipartUpload", target).await.unwrap();
        let id = upload["UploadId"].as_str().unwrap();
        let mut listed = Vec::new();
        // Out of order, and the last one twice.
        for number in [3, 1, 2, 3] {
            let members =
                json!({"Bucket": "bucket", "Key": "big", "UploadId": id, "PartNumber": number});
            let part =
                world.upload("UploadPart", members, parts[number - 1].clone()).await.unwrap();
            listed.retain(|one: &Value| one["PartNumber"] != json!(number));
            listed.push(json!({"PartNumber": number, "ETag": part["ETag"]}));
        }
        listed.sort_by_key(|one| one["PartNumber"].as_u64());
        let complete = json!({
            "Bucket": "bucket", "Key": "big", "UploadId": id, "MultipartUpload": {"Parts": listed},
            "MpuObjectSize": whole.len(),
        });
        let done = world.call("CompleteMultipartUpload", complete.clone()).await.unwrap();
        let again = world.call("CompleteMultipartUpload", complete).await.unwrap();
        assert_eq!(done, again, "an answer that got lost can be asked for again");
        assert_eq!(done["ETag"], format!("\"{}-3\"", etag_of(&parts)));
        assert_eq!(done["ChecksumType"], kind);
        let kept = Algorithm::parse(algorithm.unwrap_or("CRC64NVME")).unwrap();
        if kind == "FULL_OBJECT" {
            assert_eq!(done[kept.member()], of(kept, &whole));
        } else {
            let digests: Vec<u8> =
                parts.iter().flat_map(|part| kept.decode(&of(kept, part)).unwrap()).collect();
            assert_eq!(done[kept.member()], format!("{}-3", of(kept, &digests)));
        }
        let (got, bytes) = world.get(json!({"Bucket": "bucket", "Key": "big"})).await.unwrap();
        assert!(bytes == whole && got["ContentType"] == "x/y");
        let second = json!({"Bucket": "bucket", "Key": "big", "PartNumber": 2});
        let (got, bytes) = world.get(second).await.unwrap();
        assert!(bytes == parts[1] && got["PartsCount"] == 3);
        assert_eq!(world.files(), 1);
    }
}

fn etag_of(parts: &[Vec<u8>]) -> String {
    use md5::{Digest as _, Md5};
    let sums: Vec<u8> = parts.iter().flat_map(|part| Md5::digest(part).to_vec()).collect();
    hex::encode(Md5::digest(sums))
}

#[tokio::test]
async fn uploads_that_cannot_be_completed() {
    let world = World::new().await;
    let target = json!({"Bucket": "bucket", "Key": "k"});
    let upload = world.call("CreateMultipartUpload", target).await.unwrap();
    let id = upload["UploadId"].as_str().unwrap();
    let mut etags = Vec::new();
    for number in [1, 2] {
        let members = json!({"Bucket": "bucket", "Key": "k", "UploadId": id, "PartNumber": number});
        etags.push(world.upload("UploadPart", members, "small").await.unwrap()["ETag"].clone());
    }
    let part = |number: usize| json!({"PartNumber": number, "ETag": etags[number - 1]});
    let complete = |parts: Value| json!({"Bucket": "bucket", "Key": "k", "UploadId": id, "MultipartUpload": {"Parts": parts}});
    for (parts, expected) in [
        (json!([part(1), part(2)]), "EntityTooSmall"),
        (json!([part(2), part(1)]), "InvalidPartOrder"),
        (json!([{"PartNumber": 1, "ETag": "\"x\""}]), "InvalidPart"),
        (json!([{"PartNumber": 7, "ETag": "\"x\""}]), "InvalidPart"),
        (json!([]), "MalformedXML"),
    ] {
        assert_eq!(world.code("CompleteMultipartUpload", complete(parts)).await, expected);
    }
    assert_eq!(world.files(), 2);
    let abort = json!({"Bucket": "bucket", "Key": "k", "UploadId": id});
    world.call("AbortMultipartUpload", abort.clone()).await.unwrap();
    assert_eq!(world.code("AbortMultipartUpload", abort).await, "NoSuchUpload");
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn copies() {
    let world = World::new().await;
    let members = json!({"Bucket": "bucket", "Key": "a b", "ContentType": "x/y", "Tagging": "k=v"});
    let etag = world.upload("PutObject", members, "bytes").await.unwrap()["ETag"].clone();
    let copy = json!({"Bucket": "bucket", "Key": "c", "CopySource": "/bucket/a%20b"});
    let copied = world.call("CopyObject", copy).await.unwrap();
    assert_eq!(copied["CopyObjectResult"]["ETag"], etag);
    let replace = json!({
        "Bucket": "bucket", "Key": "c", "CopySource": "bucket/c", "MetadataDirective": "REPLACE",
        "Metadata": {"m": "1"}, "TaggingDirective": "REPLACE", "Tagging": "",
    });
    world.call("CopyObject", replace).await.unwrap();
    world.call("DeleteObject", json!({"Bucket": "bucket", "Key": "a b"})).await.unwrap();
    let (got, bytes) = world.get(json!({"Bucket": "bucket", "Key": "c"})).await.unwrap();
    assert_eq!((got["Metadata"]["m"].as_str(), got.get("TagCount")), (Some("1"), None));
    assert_eq!((bytes.as_slice(), world.files()), (&b"bytes"[..], 1));
}

#[tokio::test]
async fn many_at_once_are_deleted() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.put(key, key.to_owned()).await;
    }
    let delete = |objects: Value, quiet| json!({"Bucket": "bucket", "Delete": {"Objects": objects, "Quiet": quiet}});
    let objects =
        json!([{"Key": "a"}, {"Key": "a"}, {"Key": "none"}, {"Key": "b", "ETag": "\"x\""}]);
    let done = world.call("DeleteObjects", delete(objects, false)).await.unwrap();
    assert_eq!(done["Deleted"].as_array().unwrap().len(), 3);
    assert_eq!(done["Errors"][0]["Code"], "PreconditionFailed");
    let quiet = world.call("DeleteObjects", delete(json!([{"Key": "b"}]), true)).await.unwrap();
    assert_eq!(quiet["Deleted"], json!([]));
    assert_eq!((world.text("b").await, world.text("c").await), ("NoSuchKey".into(), "c".into()));
}

#[tokio::test]
async fn a_bucket_is_its_accounts() {
    let mut world = World::new().await;
    world.put("k", "v").await;
    assert_eq!(world.code("CreateBucket", json!({"Bucket": "bucket"})).await, "-");
    world.caller = caller("111111111111");
    for (operation, members, expected) in [
        ("CreateBucket", json!({"Bucket": "bucket"}), "BucketAlreadyExists"),
        ("GetObject", json!({"Bucket": "bucket", "Key": "k"}), "AccessDenied"),
        ("DeleteBucket", json!({"Bucket": "bucket"}), "AccessDenied"),
    ] {
        assert_eq!(world.code(operation, members).await, expected, "{operation}");
    }
    world.call("CreateBucket", json!({"Bucket": "other"})).await.unwrap();
    let mine = world.call("ListBuckets", json!({})).await.unwrap();
    assert_eq!(mine["Buckets"].as_array().unwrap().len(), 1);
    assert_eq!(mine["Buckets"][0]["Name"], "other");
}

#[tokio::test]
async fn a_bucket_goes_with_its_unfinished_uploads() {
    let world = World::new().await;
    let upload =
        world.call("CreateMultipartUpload", json!({"Bucket": "bucket", "Key": "k"})).await.unwrap();
    let members = json!({
        "Bucket": "bucket", "Key": "k", "UploadId": upload["UploadId"], "PartNumber": 1,
    });
    world.upload("UploadPart", members, "part").await.unwrap();
    world.call("DeleteBucket", json!({"Bucket": "bucket"})).await.unwrap();
    assert_eq!(world.files(), 0);
    world.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    let none = world.call("ListMultipartUploads", json!({"Bucket": "bucket"})).await.unwrap();
    assert_eq!(none["Uploads"], json!([]));
}

#[tokio::test]
async fn jobs_have_objects_as_files() {
    let world = World::new().await;
    let (objects, clock) = (&world.context.objects, &world.context.clock);
    let made = world.folder.path().join("model.tar.gz");
    std::fs::write(&made, "model").unwrap();
    let put = objects
        .put_file(&world.caller, clock.moment(), "bucket", "out/model.tar.gz", &made, None)
        .await
        .unwrap();
    std::fs::remove_file(&made).unwrap();
    assert_eq!(put.size, 5);
    assert_eq!(world.text("out/model.tar.gz").await, "model");

    let linked = world.folder.path().join("linked");
    objects.link_to(&world.caller, "bucket", "out/model.tar.gz", &linked).await.unwrap();
    world.put("out/model.tar.gz", "other").await;
    assert_eq!(std::fs::read_to_string(&linked).unwrap(), "model", "a link keeps what it has seen");

    objects
        .put_bytes(&world.caller, clock.moment(), "bucket", "out/x", "bytes", Some("text/plain"))
        .await
        .unwrap();
    let listed = objects.list(&world.caller, "bucket", "out/").await.unwrap();
    let keys: Vec<_> = listed.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["out/model.tar.gz", "out/x"]);
    let missing = objects.locate(&world.caller, "bucket", "none").await;
    assert_eq!(missing.unwrap_err().code, "NoSuchKey");
    let gone = objects.link_to(&world.caller, "bucket", "out/x", &linked).await;
    assert!(gone.is_err(), "a destination that exists is not overwritten");
}

#[tokio::test]
async fn a_long_list_is_whole() {
    let world = World::new().await;
    let moment = |seed| Moment { now: Timestamp(0), seed };
    for number in 0..1205 {
        let key = format!("{number:05}");
        let objects = &world.context.objects;
        objects.put_bytes(&world.caller, moment(number), "bucket", &key, "", None).await.unwrap();
    }
    let listed = world.context.objects.list(&world.caller, "bucket", "0").await.unwrap();
    assert_eq!(listed.len(), 1205);
    let page = world.call("ListObjectsV2", json!({"Bucket": "bucket"})).await.unwrap();
    assert_eq!(
        (page["KeyCount"].as_u64(), page["IsTruncated"].as_bool()),
        (Some(1000), Some(true))
    );
    let page = json!({"Bucket": "bucket", "ContinuationToken": page["NextContinuationToken"]});
    let page = world.call("ListObjectsV2", page).await.unwrap();
    assert_eq!(
        (page["KeyCount"].as_u64(), page["IsTruncated"].as_bool()),
        (Some(205), Some(false))
    );
}

/// What S3 promises of a list, written down as simply as can be: keys and common prefixes in one order.
fn naive(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &str) -> Vec<String> {
    let rolled = keys.iter().filter(|key| key.starts_with(prefix)).map(|key| {
        let rest = &key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => key[..prefix.len() + at + delimiter.len()].to_owned(),
            None => key.clone(),
        }
    });
    let all: BTreeSet<String> = rolled.filter(|entry| entry.as_str() > after).collect();
    all.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Pages of both versions, put together, are the naive list, whatever the keys, the prefix, the
    /// delimiter and the page size; a common prefix stands on one page only.
    #[test]
    fn pages_make_the_list(
        keys in proptest::collection::btree_set("[ab/é]{1,6}", 0..120),
        prefix in "[ab/]{0,2}",
        delimiter in prop_oneof![Just(""), Just("/"), Just("b"), Just("a/"), Just("é")],
        after in "[ab/é]{0,3}",
        size in 1usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let records = keys.iter().map(|key| super::record::key("bucket", key));
            let object = super::Object {
                key: String::new(), size: 0, etag: "e".into(), last_modified: Timestamp(0),
                attributes: Default::default(),
                checksum: super::Checksum {
                    algorithm: Algorithm::Crc32, value: "v".into(), kind: super::Kind::FullObject,
                },
                parts: Vec::new(), upload: None, file: "f".into(),
            };
            let records = records.map(|key| store::RecordWrite {
                table: super::record::OBJECTS, key, value: Some(object.write().unwrap()),
                expect: store::Expect::Any,
            });
            let batch = store::Batch { records: records.collect(), ..Default::default() };
            world.context.store.commit(batch).await.unwrap();
            let expected = naive(&keys, &prefix, delimiter, &after);
            for (operation, start, next, entries_of) in [
                ("ListObjects", "Marker", ("NextMarker", "Marker"), "Contents"),
                ("ListObjectsV2", "StartAfter", ("NextContinuationToken", "ContinuationToken"), "Contents"),
                ("ListObjectVersions", "KeyMarker", ("NextKeyMarker", "KeyMarker"), "Versions"),
            ] {
                let mut found: Vec<String> = Vec::new();
                let mut members = json!({
                    "Bucket": "bucket", "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": size,
                });
                members[start] = after.clone().into();
                loop {
                    let page = world.call(operation, members.clone()).await.unwrap();
                    let texts = |list: &str, name: &str| -> Vec<String> {
                        let list = page[list].as_array().unwrap().iter();
                        list.map(|one| one[name].as_str().unwrap().to_owned()).collect()
                    };
                    let mut entries = texts(entries_of, "Key");
                    entries.extend(texts("CommonPrefixes", "Prefix"));
                    entries.sort();
                    prop_assert!(entries.len() <= size);
                    found.extend(entries);
                    if page["IsTruncated"] == false {
                        break;
                    }
                    members[next.1] = page[next.0].clone();
                }
                prop_assert_eq!(&found, &expected, "{}", operation);
            }
            Ok(())
        })?;
    }
}
