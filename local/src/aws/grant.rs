//! May they: the check against the statements of the template.

use super::{
    OPERATOR,
    request::{Call, Need},
};
use crate::{Statement, Template, template::ACCOUNT};

/// Why the call is refused; nothing if everything it takes is granted.
pub(super) fn refusal(template: &Template, caller: &str, call: &Call) -> Option<String> {
    if caller == OPERATOR {
        return None;
    }
    let Some(function) = template.function(caller) else {
        return Some(format!(
            "The security token included in the request is invalid: there is no function {caller}"
        ));
    };
    let within = |need: &Need| {
        function
            .boundary
            .as_ref()
            .is_none_or(|boundary| allows(boundary, need))
    };
    let refused = call
        .needs
        .iter()
        .find(|need| !(allows(&function.statements, need) && within(need)))?;
    let Need {
        action, resource, ..
    } = refused;
    Some(format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller}/{caller} is not authorized to perform: {action} on \
         resource: {resource} because no identity-based policy allows the {action} action"
    ))
}

/// Whether one of the statements allows it, and none denies it.
fn allows(statements: &[Statement], need: &Need) -> bool {
    let says = |effect: &str| {
        let mut said = statements
            .iter()
            .filter(|statement| statement.effect == effect);
        said.any(|statement| statement.covers(&need.action, &need.resource, &need.context))
    };
    says("Allow") && !says("Deny")
}
