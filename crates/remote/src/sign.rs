//! Signature Version 4, by AWS's own crate.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;

use crate::{Endpoint, Problem, Scope, Sent};

/// The request with its signature.
pub(crate) fn sign(
    mut request: Sent,
    endpoint: &Endpoint,
    scope: &Scope<'_>,
) -> Result<Sent, Problem> {
    let unsendable = |why: String| Problem::Unsendable(format!("cannot sign the request: {why}"));
    let mut settings = SigningSettings::default();
    if scope.name == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let own = endpoint.credentials(scope.account);
    let identity =
        Credentials::new(own.access_key, own.secret_key, own.session_token, None, "stepwell")
            .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.name)
        .time(scope.now)
        .settings(settings)
        .build()
        .map_err(|error| unsendable(error.to_string()))?;
    let instructions = {
        let mut headers = Vec::with_capacity(request.headers().len());
        for (name, value) in request.headers() {
            let value = value
                .to_str()
                .map_err(|_| unsendable(format!("the header {name} holds what a header cannot")))?;
            headers.push((name.as_str(), value));
        }
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri,
            headers.into_iter(),
            SignableBody::Bytes(request.body()),
        )
        .map_err(|error| unsendable(error.to_string()))?;
        aws_sigv4::http_request::sign(signable, &params.into())
            .map_err(|error| unsendable(error.to_string()))?
            .into_parts()
            .0
    };
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
