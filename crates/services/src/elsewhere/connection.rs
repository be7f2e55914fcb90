//! What EventBridge keeps in a connection: how an HTTP API lets us in. Here it stands in the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A connection, as HTTP tasks use it.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// A user name and a password.
    pub basic: Option<Basic>,
    /// A header with a key.
    pub api_key: Option<ApiKey>,
    /// A token for a client's id and secret.
    pub oauth: Option<OAuth>,
    /// Headers that come before those of a task.
    pub headers: BTreeMap<String, String>,
    /// Parameters of the query that come before those of a task.
    pub query_parameters: BTreeMap<String, String>,
    /// Members of the body that come before those of a task.
    pub body: BTreeMap<String, Value>,
}

/// EventBridge's `BASIC`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// Who.
    pub username: String,
    /// With what.
    pub password: String,
}

/// EventBridge's `API_KEY`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header.
    pub name: String,
    /// The key.
    pub value: String,
}

/// EventBridge's `OAUTH_CLIENT_CREDENTIALS`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// Where tokens are given.
    pub authorization_endpoint: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Further members of the request for a token.
    #[serde(default)]
    pub body: BTreeMap<String, String>,
}

/// Shows how it authorizes, and nothing that it authorizes with.
impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            ("basic", self.basic.is_some()),
            ("api_key", self.api_key.is_some()),
            ("oauth", self.oauth.is_some()),
        ];
        let kinds: Vec<&str> =
            kinds.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        write!(f, "Connection({})", kinds.join(", "))
    }
}
