//! What lies behind the port: the door to the operations, and S3's.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::Value;
use services::audit::Wire;
use services::iam::guard::{Guard, Mode};
use services::stepfunctions::graph::{self, Drawing};
use services::sts::sign_in;
use services::{Caller, Context, Error, Identity, Input, Output, changes};

use crate::ResponseBody;

/// The one door, as the port sees it.
pub trait Door: Send + Sync + 'static {
    /// Runs an operation; service by botocore's name.
    fn call<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, Error>>;

    /// Told of a call that the port refused because of its members.
    fn refused(
        &self,
        _caller: &Caller,
        _service: &str,
        _operation: &str,
        _input: &Input,
        _error: &Error,
    ) {
    }

    /// Whether there is such an operation.
    fn serves(&self, service: &str, operation: &str) -> bool;

    /// The changes that the caller may know of, from now on.
    fn changes<'a>(
        &'a self,
        caller: &'a Caller,
        wire: &'a Wire,
    ) -> BoxFuture<'a, Result<changes::Subscription, Error>>;

    /// Draws a state machine or an execution.
    fn draw<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Drawing, Error>>;

    /// What AWS would have refused an execution.
    fn denials<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Value, Error>>;

    /// The services behind it.
    fn services(&self) -> Vec<&'static str>;

    /// Whether callers of any account must prove who they are.
    fn may_ask_proof(&self) -> bool {
        false
    }

    /// Whether callers of this account must prove who they are.
    fn asks_proof(&self, _account: &str) -> bool {
        self.may_ask_proof()
    }

    /// What a page must know to offer a sign-in with an identity provider; none where there is none.
    fn sign_in_offer(&self) -> Option<Value> {
        None
    }

    /// Where the identity provider asks people who they are.
    fn sign_in_at(&self) -> BoxFuture<'_, Result<String, Error>> {
        Box::pin(async { Err(no_provider()) })
    }

    /// Credentials for what a browser brought back from the identity provider.
    fn sign_in<'a>(
        &'a self,
        _region: &'a str,
        _input: Input,
    ) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(async { Err(no_provider()) })
    }

    /// Whether somebody who did not sign might be let into a bucket.
    fn may_be_open<'a>(&'a self, _bucket: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }

    /// What an access key stands for; none for one that nobody has.
    fn identity<'a>(
        &'a self,
        _access_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Error>> {
        Box::pin(async { Ok(None) })
    }
}

fn no_provider() -> Error {
    Error::new("NotFound", "no identity provider is configured here").with_status(404)
}

impl Door for Context {
    fn call<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, Error>> {
        Box::pin(services::call(self, caller, service, operation, input))
    }

    fn refused(
        &self,
        caller: &Caller,
        service: &str,
        operation: &str,
        input: &Input,
        error: &Error,
    ) {
        self.audit.refused(self, caller, (service, operation), input, error);
    }

    fn serves(&self, service: &str, operation: &str) -> bool {
        services::find(service, operation).is_some()
    }

    fn changes<'a>(
        &'a self,
        caller: &'a Caller,
        wire: &'a Wire,
    ) -> BoxFuture<'a, Result<changes::Subscription, Error>> {
        Box::pin(changes::subscribe(self, caller, wire))
    }

    fn draw<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Drawing, Error>> {
        Box::pin(graph::draw(self, caller, input))
    }

    fn denials<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(Guard::of_execution(self, caller, input))
    }

    fn services(&self) -> Vec<&'static str> {
        services::SERVICES.iter().map(|service| service.name).collect()
    }

    fn may_ask_proof(&self) -> bool {
        self.iam.strictest() == Mode::Enforce
    }

    fn asks_proof(&self, account: &str) -> bool {
        self.iam.mode(account) == Mode::Enforce
    }

    fn sign_in_offer(&self) -> Option<Value> {
        sign_in::offer(self)
    }

    fn sign_in_at(&self) -> BoxFuture<'_, Result<String, Error>> {
        Box::pin(sign_in::authorization_endpoint(self))
    }

    fn sign_in<'a>(&'a self, region: &'a str, input: Input) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(sign_in::sign_in(self, region, input))
    }

    fn may_be_open<'a>(&'a self, bucket: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.iam.may_be_open(self, bucket))
    }

    fn identity<'a>(
        &'a self,
        access_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Error>> {
        Box::pin(services::identity(self, access_key))
    }
}

/// What answers S3: it gets the request as it came (path or virtual-host style, signature and all) with
/// the caller the port made of its credentials, and writes the whole answer. The signature was verified,
/// where that is asked for; what it says of the body is among the request's extensions.
pub trait ObjectDoor: Send + Sync + 'static {
    /// Answers a request. `request_id` is for `x-amz-request-id`.
    fn answer(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        request_id: String,
    ) -> BoxFuture<'static, Response<ResponseBody>>;
}
