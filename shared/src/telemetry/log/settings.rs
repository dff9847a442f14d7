//! Settings of the log, from environment variables.
//!
//! The variables are those of Powertools for AWS Lambda and of Lambda's logging controls.

use std::sync::OnceLock;

use serde::Serialize;

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    /// Parses a level name of Lambda or Powertools. Unknown names mean `Info`.
    fn parse(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "WARN" | "WARNING" => Self::Warn,
            "ERROR" | "FATAL" | "CRITICAL" | "SILENT" => Self::Error,
            _ => Self::Info,
        }
    }
}

pub(super) struct Settings {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub function_name: String,
    /// `POWERTOOLS_SERVICE_NAME`: the name that all functions share.
    pub service: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, else `POWERTOOLS_LOG_LEVEL`. Lower lines are not written, and so not
    /// counted as metrics.
    pub level: Level,
    /// `POWERTOOLS_METRICS_NAMESPACE`. `None` if `POWERTOOLS_METRICS_DISABLED` is true.
    pub namespace: Option<String>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Configures the log from environment variables. Only the first call has an effect.
pub(crate) fn open<'a>(variable: impl Fn(&str) -> Option<&'a str>) {
    let non_empty = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text = |name: &str| non_empty(name).unwrap_or("accounts").to_owned();
    let disabled = non_empty("POWERTOOLS_METRICS_DISABLED").is_some_and(|value| {
        ["true", "1", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
    });
    let level = non_empty("AWS_LAMBDA_LOG_LEVEL").or_else(|| non_empty("POWERTOOLS_LOG_LEVEL"));
    let _ = SETTINGS.set(Settings {
        function_name: variable("AWS_LAMBDA_FUNCTION_NAME")
            .unwrap_or_default()
            .to_owned(),
        service: text("POWERTOOLS_SERVICE_NAME"),
        level: level.map_or(Level::Info, Level::parse),
        namespace: (!disabled).then(|| text("POWERTOOLS_METRICS_NAMESPACE")),
    });
}

/// The settings. Before [`open`] they are the defaults, without metrics.
pub(super) fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| Settings {
        function_name: String::new(),
        service: "accounts".into(),
        level: Level::Info,
        namespace: None,
    })
}
