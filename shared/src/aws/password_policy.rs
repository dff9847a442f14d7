//! The password policy, from the parameter `CommonPasswords`.

use crate::aws::{Connections, FromConfig};
use crate::domain::{InternalError, PasswordPolicy};

impl FromConfig for PasswordPolicy {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        match connections.config.required("COMMON_PASSWORDS")?.as_str() {
            "refuse" => Ok(Self::RefuseCommon),
            "allow" => Ok(Self::AllowCommon),
            _ => Err(InternalError::new(
                "the variable COMMON_PASSWORDS is neither refuse nor allow",
            )),
        }
    }
}
