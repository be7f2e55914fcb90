//! The roles that tasks act with: the state machine's, or the one that a state's `Credentials` name, which the
//! state machine's must be allowed to take.

use asl::{Header, ScheduledTask};
use store::ExecutionKey;

use super::{Failed, Pattern};
use crate::{Caller, Context, Origin};

/// Whoever a task acts as, as a session of its execution.
pub(super) fn of_task(
    key: ExecutionKey,
    header: &Header,
    task: &ScheduledTask,
    pattern: Pattern,
) -> Caller {
    let role = task.credentials_role.as_deref().unwrap_or(&header.role_arn);
    let sync = matches!(pattern, Pattern::Sync | Pattern::Sync2);
    session(header, role, (key, task.task.0), sync)
}

/// A role as a session of an execution, for a task of it.
pub(crate) fn session(header: &Header, role: &str, token: (u64, u64), sync: bool) -> Caller {
    let account = role.split(':').nth(4).filter(|account| !account.is_empty());
    let account = account.unwrap_or(&header.account).to_owned();
    let role = role.rsplit('/').next().unwrap_or(role);
    let session = letters(&header.execution_arn);
    let partition = crate::arn::partition(&header.region);
    Caller {
        arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}"),
        account,
        region: header.region.clone(),
        access_key: None,
        origin: Origin::Task { execution_arn: header.execution_arn.clone(), token, sync },
    }
}

/// The state machine that an execution is of: children of a Map run are the state machine's too.
pub(crate) fn machine(header: &Header) -> &str {
    header.state_machine_arn.split('/').next().unwrap_or_default()
}

/// Whether the state machine's role may take the role that the state names, if it names one. To the trust policy
/// the state machine's ARN is `sts:ExternalId`.
///
/// # Errors
/// AWS's failure of the task.
pub(super) async fn check(
    context: &Context,
    key: ExecutionKey,
    header: &Header,
    task: &ScheduledTask,
) -> Result<(), Failed> {
    let Some(role) = &task.credentials_role else { return Ok(()) };
    let own = session(header, &header.role_arn, (key, task.task.0), false);
    let name = own.arn.rsplit('/').next().unwrap_or_default();
    let keys = [("sts:ExternalId", machine(header)), ("sts:RoleSessionName", name)];
    let may = context.iam.permits(context, &own, "sts:AssumeRole", role, &keys).await;
    may.map_err(|_| {
        Failed::new(
            "States.TaskFailed",
            format!(
                "The role {} is not authorized to assume the task state's role, {role}.",
                header.role_arn
            ),
        )
    })
}

/// Thirty-two letters that stand for something, as AWS names the sessions of an execution's tasks.
pub(super) fn letters(of: &str) -> String {
    use sha2::{Digest, Sha256};
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digest = Sha256::digest(of.as_bytes());
    digest.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_is_letters_and_stable() {
        let name = letters("arn:aws:states:us-east-1:000000000000:execution:m:e");
        assert_eq!(name.len(), 32);
        assert!(name.bytes().all(|byte| byte.is_ascii_alphabetic()));
        assert_eq!(name, letters("arn:aws:states:us-east-1:000000000000:execution:m:e"));
    }
}
