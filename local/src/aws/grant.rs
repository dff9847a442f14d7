//! May they: the check against the statements of the template.

use super::{OPERATOR, request::Call};
use crate::{Template, template::ACCOUNT};

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
    let says = |effect: &str, action: &str, resource: &str| {
        function
            .statements
            .iter()
            .any(|statement| statement.effect == effect && statement.covers(action, resource))
    };
    let (action, resource) = call
        .needs
        .iter()
        .find(|(action, resource)| !says("Allow", action, resource) || says("Deny", action, resource))?;
    Some(format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller}/{caller} is not authorized to perform: {action} on \
         resource: {resource} because no identity-based policy allows the {action} action"
    ))
}
