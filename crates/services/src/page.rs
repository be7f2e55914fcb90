//! Opaque tokens of paged answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token that says where the next page begins.
pub fn token(position: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{position}"))
}

/// What [`token`] was made from; none for a text that is no token of ours.
pub fn position(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("1:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_others_do_not() {
        assert_eq!(position(&token("a/b/ü")), Some("a/b/ü".to_owned()));
        assert_eq!(position("nonsense"), None);
        assert_eq!(position("§"), None);
    }
}
