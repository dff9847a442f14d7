//! Injected failures of AWS calls.

use local::{Effect, InjectedFault};

/// A failure of the next `times` calls of `operation`, by any function.
pub fn fault(operation: &str, times: usize, effect: Effect) -> InjectedFault {
    InjectedFault {
        function: None,
        operation: operation.into(),
        times,
        skip: 0,
        effect,
    }
}

/// A failure of the next `times` calls of `operation` by `function`.
pub fn fault_of(function: &str, operation: &str, times: usize, effect: Effect) -> InjectedFault {
    InjectedFault {
        function: Some(function.into()),
        ..fault(operation, times, effect)
    }
}

/// An error response with this status and error name. Its message has the word "canary", which
/// must not be in any log.
pub fn refuse(status: u16, kind: &str) -> Effect {
    Effect::Refuse {
        status,
        kind: kind.into(),
        message: "a message with canary-0123 in it".into(),
    }
}

/// An error response of SES, with status 400 and this error name and message.
pub fn ses_error(kind: &str, message: &str) -> Effect {
    Effect::Refuse {
        status: 400,
        kind: kind.into(),
        message: message.into(),
    }
}
