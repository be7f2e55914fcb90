//! The examples that AWS prints in its documentation, and what becomes of them when something is changed.

use asl::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use services::Identity;

use super::*;

const S3: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
const SUITE: (&str, &str) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// 2013-05-24T00:00:00Z
const MAY: Timestamp = Timestamp(1_369_353_600_000);
/// 2015-08-30T12:36:00Z
const AUGUST: Timestamp = Timestamp(1_440_938_160_000);

struct Request<'a> {
    key: (&'a str, &'a str),
    now: Timestamp,
    method: Method,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    hash: &'a str,
}

impl Request<'_> {
    fn proof(&self) -> Result<Proof, Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let head =
            Head { method: &self.method, path: self.path, query: self.query, headers: &headers };
        let claim = Claim::read(&headers, self.query)?;
        claim.proof(&head, &Identity::of_key(self.key.0, self.key.1), self.now)
    }

    fn verify(&self) -> Result<(), Fault> {
        self.proof()?.verify(self.hash)
    }
}

fn signed(key: &str, scope: &str, headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/{scope}/aws4_request,SignedHeaders={headers},Signature={signature}"
    )
}

#[test]
fn the_examples_of_s3() {
    let of =
        |headers: &str, signature: &str| signed(S3.0, "20130524/us-east-1/s3", headers, signature);
    let get = of(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let mut request = Request {
        key: S3,
        now: MAY,
        method: Method::GET,
        path: "/test.txt",
        query: "",
        headers: vec![
            ("authorization", &get),
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ],
        hash: EMPTY,
    };
    assert_eq!(request.verify(), Ok(()));
    request.path = "/other.txt";
    assert_eq!(request.verify(), Err(Fault::Mismatch));
    request.path = "/test.txt";
    request.query = "acl";
    assert_eq!(request.verify(), Err(Fault::Mismatch));
    request.query = "";
    request.method = Method::DELETE;
    assert_eq!(request.verify(), Err(Fault::Mismatch));
    request.method = Method::GET;
    request.key = (S3.0, SUITE.1);
    assert_eq!(request.verify(), Err(Fault::Mismatch));
    request.key = S3;
    request.headers.push(("x-amz-acl", "public-read"));
    assert_eq!(request.verify(), Err(Fault::HeadersNotSigned("x-amz-acl".to_owned())));
    request.headers.pop();
    request.headers[2].1 = "bytes=0-10";
    assert_eq!(request.verify(), Err(Fault::Mismatch));
    request.headers[2].1 = "bytes=0-9";
    request.now = MAY.plus_millis(15 * 60 * 1000);
    assert_eq!(request.verify(), Ok(()));
    request.now = MAY.plus_millis(15 * 60 * 1000 + 1);
    assert!(matches!(request.verify(), Err(Fault::Late { .. })));
    request.now = MAY.plus_millis(-15 * 60 * 1000 - 1);
    assert!(matches!(request.verify(), Err(Fault::Early { .. })));

    let body = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let put = of(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let mut request = Request {
        key: S3,
        now: MAY,
        method: Method::PUT,
        // The example signs `/test%24file.text`; some clients send the dollar as it is.
        path: "/test$file.text",
        query: "",
        headers: vec![
            ("authorization", &put),
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", body),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        hash: body,
    };
    assert_eq!(request.verify(), Ok(()));
    request.path = "/test%24file.text";
    assert_eq!(request.verify(), Ok(()));
}

#[test]
fn a_presigned_url_has_its_time() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let mut request = Request {
        key: S3,
        now: MAY,
        method: Method::GET,
        path: "/test.txt",
        query,
        headers: vec![("host", "examplebucket.s3.amazonaws.com")],
        hash: "UNSIGNED-PAYLOAD",
    };
    assert_eq!(request.verify(), Ok(()));
    request.now = MAY.plus_millis(86_400_000);
    assert_eq!(request.verify(), Ok(()));
    request.now = MAY.plus_millis(86_400_001);
    assert!(matches!(request.verify(), Err(Fault::UrlExpired { .. })));
    let longer = query.replace("86400", "86401");
    request = Request { now: MAY, query: &longer, ..request };
    assert_eq!(request.verify(), Err(Fault::Mismatch));
}

#[test]
fn chunks_sign_each_other() {
    let seed = signed(
        S3.0,
        "20130524/us-east-1/s3",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let request = Request {
        key: S3,
        now: MAY,
        method: Method::PUT,
        path: "/examplebucket/chunkObject.txt",
        query: "",
        headers: vec![
            ("authorization", &seed),
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
        ],
        hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    };
    assert_eq!(request.verify(), Ok(()));
    let chunks = [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ];
    let hash = |size: usize, byte: u8| Sha256::digest(vec![byte; size]);
    let mut signatures = request.proof().unwrap().chunks();
    for (size, signature) in chunks {
        assert!(signatures.chunk(&hash(size, b'a'), signature), "{size}");
    }
    let mut changed = request.proof().unwrap().chunks();
    assert!(!changed.chunk(&hash(65536, b'b'), chunks[0].1));
    let mut swapped = request.proof().unwrap().chunks();
    assert!(!swapped.chunk(&hash(1024, b'a'), chunks[1].1));
    assert!(!swapped.trailers("x-amz-checksum-crc32:AAAAAA==\n", "nonsense"));
}

#[test]
fn the_examples_of_other_services() {
    let vanilla = signed(
        SUITE.0,
        "20150830/us-east-1/service",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    let mut request = Request {
        key: SUITE,
        now: AUGUST,
        method: Method::GET,
        path: "/",
        query: "",
        headers: vec![
            ("authorization", &vanilla),
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        hash: EMPTY,
    };
    assert_eq!(request.verify(), Ok(()));
    // Dots mean nothing in these paths.
    request.path = "/a/../";
    assert_eq!(request.verify(), Ok(()));
    let users = signed(
        SUITE.0,
        "20150830/us-east-1/iam",
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    request = Request {
        path: "/",
        query: "Action=ListUsers&Version=2010-05-08",
        headers: vec![
            ("authorization", &users),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        ..request
    };
    assert_eq!(request.verify(), Ok(()));
}

#[test]
fn what_cannot_be_read_is_told() {
    let check = |authorization: &str, date: &str| {
        let headers = vec![("authorization", authorization), ("host", "h"), ("x-amz-date", date)];
        let request = Request {
            key: SUITE,
            now: AUGUST,
            method: Method::POST,
            path: "/",
            query: "",
            headers,
            hash: EMPTY,
        };
        request.verify().unwrap_err().error(Style::Json).to_string()
    };
    let date = "20150830T123600Z";
    let whole = |key: &str, scope: &str| signed(key, scope, "host;x-amz-date", "00");
    for (authorization, date, told) in [
        ("Bearer x".to_owned(), date, "IncompleteSignatureException: "),
        (
            "AWS4-HMAC-SHA256 Credential=a/b".to_owned(),
            date,
            "IncompleteSignatureException: Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            whole("AKID", "20150830/us-east-1"),
            date,
            "IncompleteSignatureException: Credential must have exactly 5",
        ),
        (
            whole("AKID", "20150831/us-east-1/states"),
            date,
            "InvalidSignatureException: Date in Credential scope does not match",
        ),
        (
            whole("AKID", "20150830/us-east-1/states"),
            "yesterday",
            "IncompleteSignatureException: Date must be",
        ),
        (
            signed("AKID", "20150830/us-east-1/states", "x-amz-date", "00"),
            date,
            "IncompleteSignatureException: 'Host' must be a 'SignedHeader'",
        ),
        (
            signed("AKID", "20150830/us-east-1/states", "host", "00"),
            date,
            "InvalidSignatureException: 'x-amz-date' must be a 'SignedHeader'",
        ),
        (
            whole("AKID", "20150830/us-east-1/states"),
            date,
            "InvalidSignatureException: The request signature we calculated",
        ),
    ] {
        let found = check(&authorization, date);
        assert!(found.starts_with(told), "{authorization}: {found}");
    }
}
