//! Who owns, in S3's words: an account's canonical user id.

use sha2::{Digest as _, Sha256};

/// 64 hexadecimal digits that stand for the account.
pub(super) fn canonical_id(account: &str) -> String {
    hex::encode(Sha256::digest(format!("canonical user of {account}")))
}
