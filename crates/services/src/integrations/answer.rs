//! What AWS's SDK puts beside the members of an answer before a state machine sees it.

use asl::Moment;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Work;
use super::optimised::new_id;

/// The members with `SdkHttpMetadata` and `SdkResponseMetadata`, keys in AWS's order (alphabetical).
pub fn with_sdk_metadata(members: Value, moment: Moment) -> Value {
    with_metadata_of("application/x-amz-json-1.1", members, moment)
}

/// As [`with_sdk_metadata`], of a service that answers with this content type.
pub(super) fn with_metadata_of(content_type: &str, members: Value, moment: Moment) -> Value {
    let request_id = moment.dice("request id").uuid();
    let length = members.to_string().len().to_string();
    let date = jiff::Timestamp::from_millisecond(moment.now.0)
        .map(|now| now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default();
    let Value::Object(mut object) = members else { return members };
    object.insert(
        "SdkHttpMetadata".to_owned(),
        json!({
            "AllHttpHeaders": {
                "x-amzn-RequestId": [request_id],
                "connection": ["keep-alive"],
                "Content-Length": [length],
                "Date": [date],
                "Content-Type": [content_type],
            },
            "HttpHeaders": {
                "connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": content_type,
                "Date": date,
                "x-amzn-RequestId": request_id,
            },
            "HttpStatusCode": 200,
        }),
    );
    object.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    object.sort_keys();
    Value::Object(object)
}

/// The members with what an endpoint elsewhere said beside them.
pub(super) fn with_received_metadata(
    members: Value,
    answer: &remote::Answer,
    work: &Work<'_>,
) -> Value {
    let Value::Object(mut object) = members else { return members };
    let id = ["x-amzn-requestid", "x-amz-request-id"]
        .iter()
        .find_map(|name| Some(answer.headers.get(*name)?.to_str().ok()?.to_owned()));
    let all = headers(&answer.headers);
    let mut first: Map<String, Value> = all
        .iter()
        .filter_map(|(name, values)| Some((name.clone(), values.get(0)?.clone())))
        .collect();
    first.sort_keys();
    object.insert(
        "SdkHttpMetadata".to_owned(),
        json!({ "AllHttpHeaders": all, "HttpHeaders": first, "HttpStatusCode": answer.status }),
    );
    let id = id.unwrap_or_else(|| new_id(work));
    object.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": id }));
    object.sort_keys();
    Value::Object(object)
}

/// Headers with all their values, spelled as AWS does: on the wire their case means nothing.
pub(super) fn headers(headers: &HeaderMap) -> Map<String, Value> {
    const SPELLED: [&str; 12] = [
        "Connection",
        "Content-Length",
        "Content-Type",
        "Date",
        "Server",
        "Via",
        "X-Amz-Executed-Version",
        "X-Amz-Log-Result",
        "X-Amzn-Trace-Id",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
        "x-amz-crc32",
    ];
    let mut all = Map::new();
    for name in headers.keys() {
        let spelled = SPELLED.iter().find(|known| known.eq_ignore_ascii_case(name.as_str()));
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        all.insert((*spelled.unwrap_or(&name.as_str())).to_owned(), values.into());
    }
    all
}
