//! A JSON Web Token, and the keys that prove whose it is (RFC 7515, 7517, 7518).
//!
//! Only signatures with public keys are taken, and only with a key of the kind that the algorithm wants: a
//! token cannot choose to be checked more weakly than its issuer meant. `ring` does the arithmetic.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

/// A token that was read and not yet believed.
#[derive(Debug)]
pub(super) struct Token<'a> {
    header: Header,
    /// What it claims.
    pub claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

/// A public key as issuers show it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The algorithms that are taken, by what a key for each must be.
enum Algorithm {
    Rsa(&'static RsaParameters),
    Elliptic {
        curve: &'static str,
        bytes: usize,
        check: &'static dyn signature::VerificationAlgorithm,
    },
}

/// By its name; none for what is not taken: `none`, those with shared secrets.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "ES256" => Algorithm::Elliptic {
            curve: "P-256",
            bytes: 32,
            check: &signature::ECDSA_P256_SHA256_FIXED,
        },
        "ES384" => Algorithm::Elliptic {
            curve: "P-384",
            bytes: 48,
            check: &signature::ECDSA_P384_SHA384_FIXED,
        },
        _ => return None,
    })
}

impl<'a> Token<'a> {
    /// Reads a token; none for a text that is none.
    pub fn read(text: &'a str) -> Option<Token<'a>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| BASE64.decode(text).ok();
        let claims: Value = serde_json::from_slice(&part(claims)?).ok()?;
        let header = serde_json::from_slice(&part(header)?).ok()?;
        claims.is_object().then_some(())?;
        Some(Token { header, claims, signed, signature: part(signature)? })
    }

    /// The key it names.
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether its algorithm is one that is taken.
    pub fn is_taken(&self) -> bool {
        self.header.crit.is_none() && algorithm(&self.header.alg).is_some()
    }

    /// Whether one of the keys signed it.
    pub fn is_signed_by(&self, keys: &[Key]) -> bool {
        let Some(algorithm) = algorithm(&self.header.alg).filter(|_| self.is_taken()) else {
            return false;
        };
        let meant = keys.iter().filter(|key| {
            (self.header.kid.is_none() || key.kid == self.header.kid)
                && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
                && key.alg.as_ref().is_none_or(|alg| *alg == self.header.alg)
        });
        let message = self.signed.as_bytes();
        meant
            .into_iter()
            .any(|key| key.verifies(&algorithm, message, &self.signature) == Some(true))
    }

    /// A claim that is a text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims[claim].as_str()
    }

    /// A claim that is a time, in epoch seconds.
    pub fn time(&self, claim: &str) -> Option<f64> {
        self.claims[claim].as_f64()
    }

    /// A claim that is one text or several.
    pub fn texts(&self, claim: &str) -> Vec<&str> {
        match &self.claims[claim] {
            Value::String(text) => vec![text],
            Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

impl Key {
    /// Whether the key has this name.
    pub fn is_named(&self, id: &str) -> bool {
        self.kid.as_deref() == Some(id)
    }

    fn verifies(&self, algorithm: &Algorithm, message: &[u8], proof: &[u8]) -> Option<bool> {
        let part = |text: &Option<String>| BASE64.decode(text.as_ref()?.trim_end_matches('=')).ok();
        match algorithm {
            Algorithm::Rsa(parameters) if self.kty == "RSA" => {
                let (n, e) = (part(&self.n)?, part(&self.e)?);
                // A leading zero is no part of the number.
                let n = n.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>();
                let key = RsaPublicKeyComponents { n, e };
                Some(key.verify(parameters, message, proof).is_ok())
            }
            Algorithm::Elliptic { curve, bytes, check }
                if self.kty == "EC" && self.crv.as_deref() == Some(curve) =>
            {
                let (x, y) = (part(&self.x)?, part(&self.y)?);
                if x.len() != *bytes || y.len() != *bytes {
                    return None;
                }
                let point = [&[4][..], &x, &y].concat();
                Some(UnparsedPublicKey::new(*check, point).verify(message, proof).is_ok())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    /// The example of RFC 7515, appendix A.2: RS256.
    const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    fn key(value: Value) -> Key {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_example_of_rs256_is_believed_and_no_other() {
        let token = Token::read(RS256).unwrap();
        assert_eq!(token.text("iss"), Some("joe"));
        let right = json!({ "kty": "RSA", "n": N, "e": "AQAB" });
        assert!(token.is_signed_by(&[key(right.clone())]));
        for (member, value) in [("use", "enc"), ("alg", "RS512"), ("kty", "EC"), ("e", "AQAC")] {
            let mut wrong = right.clone();
            wrong[member] = value.into();
            assert!(!token.is_signed_by(&[key(wrong)]), "{member}");
        }
        let changed = RS256.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Yi");
        assert!(!Token::read(&changed).unwrap().is_signed_by(&[key(right)]));
    }

    #[test]
    fn es256_is_taken_with_the_key_it_names() {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        let named =
            |kid: &str| key(json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y }));
        let header = BASE64.encode(r#"{"alg":"ES256","kid":"a"}"#);
        let signed = format!("{header}.{}", BASE64.encode(r#"{"sub":"me"}"#));
        let proof = pair.sign(&random, signed.as_bytes()).unwrap();
        let text = format!("{signed}.{}", BASE64.encode(proof));
        let token = Token::read(&text).unwrap();
        assert!(token.is_signed_by(&[named("b"), named("a")]));
        assert!(!token.is_signed_by(&[named("b")]));
    }

    #[test]
    fn a_token_cannot_choose_a_weaker_check() {
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"rs256"}"#,
        ] {
            let text = format!("{}.{}.", BASE64.encode(header), BASE64.encode("{}"));
            let token = Token::read(&text).unwrap();
            assert!(!token.is_taken(), "{header}");
            assert!(!token.is_signed_by(&[key(json!({ "kty": "RSA", "n": N, "e": "AQAB" }))]));
        }
        for none in ["", "a.b", "a.b.c", "e30.W10.", "é.e30."] {
            assert!(Token::read(none).is_none(), "{none}");
        }
    }
}
