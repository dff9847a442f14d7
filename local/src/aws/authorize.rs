//! Authorization of AWS requests against the template's policies.

use super::request::{AwsRequest, OPERATOR, RequiredPermission};
use crate::template::{ACCOUNT, Statement, Template};

/// Checks that the principal has every permission that the request requires.
///
/// # Errors
/// AWS's message for the first permission that is missing.
pub(super) fn authorize(
    template: &Template,
    principal: &str,
    request: &AwsRequest,
) -> Result<(), String> {
    if principal == OPERATOR {
        return Ok(());
    }
    let Some(function) = template.function(principal) else {
        return Err(format!(
            "The security token included in the request is invalid: there is no function {principal}"
        ));
    };
    let is_granted = |permission: &RequiredPermission| {
        let boundary = function.boundary.as_deref();
        is_allowed(&function.statements, permission)
            && boundary.is_none_or(|boundary| is_allowed(boundary, permission))
    };
    let mut missing = request.permissions.iter().filter(|one| !is_granted(one));
    match missing.next() {
        None => Ok(()),
        Some(RequiredPermission {
            action, resource, ..
        }) => Err(format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{principal}/{principal} is not authorized to perform: {action} \
             on resource: {resource} because no identity-based policy allows the {action} action"
        )),
    }
}

/// True if a statement allows the permission and none denies it.
fn is_allowed(statements: &[Statement], permission: &RequiredPermission) -> bool {
    let RequiredPermission {
        action,
        resource,
        context,
    } = permission;
    let has = |effect: &str| {
        statements
            .iter()
            .filter(|statement| statement.effect == effect)
            .any(|statement| statement.covers(action, resource, context))
    };
    has("Allow") && !has("Deny")
}
