//! Environment variables: the only reader of the process's environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::InternalError;

/// A function's environment variables. Clones share them.
#[derive(Debug, Clone)]
pub struct Config(Arc<BTreeMap<String, String>>);

impl Config {
    /// The environment of this process. A variable that is not UTF-8 is left out.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub fn from_environment() -> Self {
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(Arc::new(variables.collect()))
    }

    /// The variable `name`, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variable `name`.
    ///
    /// # Errors
    /// If it is not set.
    pub fn required(&self, name: &str) -> Result<String, InternalError> {
        let missing = || InternalError::new(format!("the variable {name} is not set"));
        self.get(name).map(str::to_owned).ok_or_else(missing)
    }

    /// The variable `name` as a number.
    ///
    /// # Errors
    /// If it is not set, or not a number.
    pub(crate) fn required_u64(&self, name: &str) -> Result<u64, InternalError> {
        let number = self.required(name)?.parse();
        number.map_err(|_| InternalError::new(format!("the variable {name} is not a number")))
    }

    /// The endpoints of single services that are not AWS's own, by the variables that all AWS SDKs
    /// read: `AWS_ENDPOINT_URL_<SERVICE>`. Each takes precedence over `AWS_ENDPOINT_URL`.
    pub(crate) fn service_endpoints(&self) -> BTreeMap<String, String> {
        let all = self.0.iter();
        all.filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL_"))
            .map(|(name, url)| (name.clone(), url.clone()))
            .collect()
    }
}

impl From<BTreeMap<String, String>> for Config {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(Arc::new(variables))
    }
}
