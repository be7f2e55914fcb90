//! What AWS's SDK puts beside the members of an answer before a state machine sees it.

use asl::Moment;
use serde_json::{Value, json};

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
