//! `GET /_stepwell/changes`: what has changed, as server-sent events, for as long as the client listens.
//!
//! An event is `{"changes": [{"service": …, "arn": …}]}`: where to look, not what is there. Changes that
//! come close together are told at once, each thing once. A client that reads too slowly is let go after
//! an event `missed`; it connects again and looks at everything.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Response, header};
use serde_json::{Value, json};
use services::changes::{Change, Missed, Subscription};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::ResponseBody;
use crate::answer::stamp;

/// Where it is.
pub(crate) const PATH: &str = "/_stepwell/changes";
/// Changes within so long are one event.
const GATHERED: Duration = Duration::from_millis(60);
/// More different things in one event are not named one by one.
const NAMED_MAX: usize = 500;
/// A line that says nothing keeps proxies from closing the connection.
const QUIET_MAX: Duration = Duration::from_secs(15);

/// The answer; it ends when the server does.
pub(crate) fn stream(
    subscription: Subscription,
    ending: CancellationToken,
    request_id: &str,
) -> Response<ResponseBody> {
    // The first line goes out at once: whoever reads it knows that nothing is missed from here on.
    let hello = futures::stream::iter([Ok(Bytes::from_static(b": listening\n\n"))]);
    let changes = futures::stream::unfold(Some(subscription), |subscription| async {
        let mut subscription = subscription?;
        Some(match event(&mut subscription).await {
            Some(Told::Goes(text)) => (Ok::<_, io::Error>(Bytes::from(text)), Some(subscription)),
            Some(Told::Last(text)) => (Ok(Bytes::from(text)), None),
            None => return None,
        })
    });
    let until_the_end = hello.chain(changes).take_until(ending.cancelled_owned());
    let mut response = Response::new(ResponseBody::stream(until_the_end.boxed()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    stamp(headers, request_id);
    response
}

enum Told {
    Goes(String),
    Last(String),
}

/// The next text to send.
async fn event(subscription: &mut Subscription) -> Option<Told> {
    let mut gathered = Gathered::default();
    match timeout(QUIET_MAX, subscription.next()).await {
        Err(_) => return Some(Told::Goes(": still here\n\n".to_owned())),
        Ok(Err(Missed)) => return Some(missed()),
        Ok(Ok(None)) => return None,
        Ok(Ok(Some(change))) => gathered.add(&change),
    }
    let mut over = std::pin::pin!(sleep(GATHERED));
    loop {
        tokio::select! {
            next = subscription.next() => match next {
                Ok(Some(change)) => gathered.add(&change),
                Ok(None) => break,
                Err(Missed) => return Some(missed()),
            },
            () = &mut over => break,
        }
    }
    Some(Told::Goes(format!("data: {}\n\n", gathered.told())))
}

fn missed() -> Told {
    Told::Last("event: missed\ndata: {}\n\n".to_owned())
}

/// Each thing once, in a fixed order.
#[derive(Default)]
struct Gathered {
    named: BTreeSet<(&'static str, Option<String>)>,
}

impl Gathered {
    fn add(&mut self, change: &Change) {
        let named = if self.named.len() < NAMED_MAX { change.arn.clone() } else { None };
        self.named.insert((change.service, named));
    }

    fn told(&self) -> Value {
        let changes = self.named.iter().map(|(service, arn)| match arn {
            Some(arn) => json!({ "service": service, "arn": arn }),
            None => json!({ "service": service }),
        });
        json!({ "changes": changes.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(arn: &str) -> Change {
        let arn = Some(arn.to_owned());
        Change { service: "stepfunctions", account: "1".into(), region: None, arn }
    }

    #[test]
    fn a_thing_that_changes_often_is_named_once() {
        let mut gathered = Gathered::default();
        for arn in ["b", "a", "b"] {
            gathered.add(&change(arn));
        }
        let named = json!({ "changes": [
            { "service": "stepfunctions", "arn": "a" }, { "service": "stepfunctions", "arn": "b" },
        ] });
        assert_eq!(gathered.told(), named);
    }

    #[test]
    fn very_many_things_are_told_as_their_service() {
        let mut gathered = Gathered::default();
        for number in 0..10 * NAMED_MAX {
            gathered.add(&change(&number.to_string()));
        }
        assert_eq!(gathered.named.len(), NAMED_MAX + 1);
        assert!(gathered.named.contains(&("stepfunctions", None)));
    }
}
