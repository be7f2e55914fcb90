//! Who asks: from the credential scope of a signature, in the header or in a presigned URL.

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use services::{Caller, Origin};

use crate::GatewaySettings;

/// What a signature says of itself. It is not verified here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope<'a> {
    pub access_key: Option<&'a str>,
    pub region: Option<&'a str>,
    pub service: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// Out of `Authorization` (version 4, or S3's version 2) or of a presigned URL's query.
    pub(crate) fn of(headers: &'a HeaderMap, query: &'a str) -> Scope<'a> {
        let authorization =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(text) = authorization {
            if let Some(version2) = text.strip_prefix("AWS ") {
                return Scope::version2(version2.split(':').next());
            }
            let (_, credential) = text.split_once("Credential=").unwrap_or_default();
            let end = credential.find([',', ' ']).unwrap_or(credential.len());
            return Scope::version4(credential[..end].split('/'));
        }
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("X-Amz-Credential", credential)) => {
                    let parts = credential.split('/').flat_map(|part| part.split("%2F"));
                    return Scope::version4(parts);
                }
                Some(("AWSAccessKeyId", key)) => return Scope::version2(Some(key)),
                _ => {}
            }
        }
        Scope::default()
    }

    /// KEY/20261122/us-east-1/states/aws4_request
    fn version4(mut parts: impl Iterator<Item = &'a str>) -> Scope<'a> {
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let access_key = next();
        let _date = next();
        Scope { access_key, region: next(), service: next() }
    }

    /// S3 alone still has this one.
    fn version2(access_key: Option<&'a str>) -> Scope<'a> {
        Scope { access_key, region: None, service: access_key.map(|_| "s3") }
    }
}

/// The caller a scope means: an access key id of twelve digits is the account, and whoever it is acts
/// as the role `stepwell`.
pub(crate) fn caller(
    scope: &Scope,
    host_region: Option<&str>,
    settings: &GatewaySettings,
) -> Caller {
    let is_account = |key: &&str| key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
    let account = scope.access_key.filter(is_account).unwrap_or(&settings.account);
    let region = scope.region.or(host_region).unwrap_or(&settings.region);
    // A region becomes part of ARNs and folders; what is none is not taken for one.
    let is_region = |text: &str| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.len() <= 32 && text.bytes().all(word)
    };
    let region = if is_region(region) { region } else { &settings.region };
    Caller {
        account: account.to_owned(),
        region: region.to_owned(),
        arn: format!(
            "arn:{}:sts::{account}:assumed-role/stepwell/local",
            services::arn::partition(region)
        ),
        access_key: scope
            .access_key
            .map(|key| percent_decode_str(key).decode_utf8_lossy().into_owned()),
        origin: Origin::Client,
    }
}

/// Nobody in particular, for what may be asked without a signature.
pub(crate) fn anonymous(
    scope: &Scope,
    host_region: Option<&str>,
    settings: &GatewaySettings,
) -> Caller {
    let caller = caller(scope, host_region, settings);
    Caller { arn: "anonymous".to_owned(), access_key: None, ..caller }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope_of(
        authorization: &str,
        query: &str,
    ) -> (Option<String>, Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(header::AUTHORIZATION, authorization.parse().expect("a header"));
        }
        let Scope { access_key, region, service } = Scope::of(&headers, query);
        (access_key.map(str::to_owned), region.map(str::to_owned), service.map(str::to_owned))
    }

    #[test]
    fn scopes_are_read_wherever_they_are() {
        let full = |key: &str, service: &str| {
            (Some(key.to_owned()), Some("eu-west-1".to_owned()), Some(service.to_owned()))
        };
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/states/aws4_request, \
                      SignedHeaders=host, Signature=abc";
        assert_eq!(scope_of(header, ""), full("AKID", "states"));
        let presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261122%2Feu-west-1%2Fs3%2Faws4_request";
        assert_eq!(scope_of("", presigned), full("AKID", "s3"));
        let version2 = (Some("AKID".to_owned()), None, Some("s3".to_owned()));
        assert_eq!(scope_of("AWS AKID:c2ln", ""), version2);
        assert_eq!(scope_of("", "AWSAccessKeyId=AKID&Signature=x"), version2);
        for odd in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=/"]
        {
            assert_eq!(scope_of(odd, "a=b&X-Amz-Credential"), (None, None, None), "{odd}");
        }
    }

    #[test]
    fn an_access_key_of_twelve_digits_is_the_account() {
        let settings = GatewaySettings::default();
        let of = |key, region| {
            caller(&Scope { access_key: key, region, service: None }, None, &settings)
        };
        assert_eq!(of(Some("123456789012"), Some("eu-west-1")).account, "123456789012");
        assert_eq!(
            of(Some("test"), None).arn,
            "arn:aws:sts::000000000000:assumed-role/stepwell/local"
        );
        assert_eq!(of(None, None).region, "us-east-1");
        assert_eq!(of(None, Some("../../etc")).region, "us-east-1");
    }
}
