//! Task tokens: opaque to whoever holds one, and to us the way back to the task.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::{Moment, TaskId};

const MARK: u8 = b'T';
const LENGTH: usize = 1 + 8 + 8 + 16;

/// What a task token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenParts {
    /// The execution's number in the store: [`Header::key`](crate::Header::key).
    pub execution: u64,
    /// The task.
    pub task: TaskId,
    /// What makes the token unguessable. Only the whole text proves anything:
    /// [`Execution::token_matches`](crate::Execution::token_matches).
    pub nonce: [u8; 16],
}

/// Reads a task token; `None` for a text that is none of ours.
pub fn parse_token(token: &str) -> Option<TokenParts> {
    let bytes: [u8; LENGTH] = STANDARD.decode(token).ok()?.try_into().ok()?;
    if bytes[0] != MARK {
        return None;
    }
    Some(TokenParts {
        execution: u64::from_be_bytes(bytes[1..9].try_into().ok()?),
        task: TaskId(u64::from_be_bytes(bytes[9..17].try_into().ok()?)),
        nonce: bytes[17..].try_into().ok()?,
    })
}

/// The token of a task that is being scheduled: the same each time it is asked for in one decision.
pub(crate) fn make_token(execution: u64, task: TaskId, moment: Moment) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(MARK);
    bytes.extend(execution.to_be_bytes());
    bytes.extend(task.0.to_be_bytes());
    // Hashed, because whoever sees one token of a decision must not be able to work out another.
    let mut hash = Sha256::new();
    hash.update(moment.seed.to_be_bytes());
    hash.update(moment.now.0.to_be_bytes());
    hash.update(&bytes);
    bytes.extend(&hash.finalize()[..16]);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_token_leads_back_to_its_task() {
        let moment = Moment { now: Timestamp(0), seed: 3 };
        let token = make_token(7, TaskId(9), moment);
        let parts = parse_token(&token).unwrap();
        assert_eq!((parts.execution, parts.task), (7, TaskId(9)));
        assert_ne!(parts.nonce, parse_token(&make_token(7, TaskId(10), moment)).unwrap().nonce);
    }

    #[test]
    fn other_texts_are_no_tokens() {
        for text in ["", "AAAA", "not base64!", &STANDARD.encode([0; LENGTH])] {
            assert_eq!(parse_token(text), None);
        }
    }
}
