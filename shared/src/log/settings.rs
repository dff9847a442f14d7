//! How the log is kept: by the variables of Powertools for AWS Lambda, and of Lambda's own
//! logging controls.

use std::sync::OnceLock;

use serde::Serialize;

use crate::env::Env;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    /// The level of this name, in Lambda's words or in Powertools'.
    fn named(name: &str) -> Self {
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
    /// `POWERTOOLS_SERVICE_NAME`: what the functions are together.
    pub service: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, else `POWERTOOLS_LOG_LEVEL`: what matters less is not written,
    /// and is in no metric either, since the line is the metric.
    pub level: Level,
    /// `POWERTOOLS_METRICS_NAMESPACE`; none where `POWERTOOLS_METRICS_DISABLED` is true.
    pub namespace: Option<String>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Keeps the log as the environment says, from here on.
pub(crate) fn open(env: &Env) {
    let named = |name: &str| env.given(name).filter(|value| !value.is_empty());
    let text = |name: &str| named(name).unwrap_or("accounts").to_owned();
    let disabled = named("POWERTOOLS_METRICS_DISABLED").is_some_and(|value| {
        ["true", "1", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
    });
    let level = named("AWS_LAMBDA_LOG_LEVEL").or_else(|| named("POWERTOOLS_LOG_LEVEL"));
    let _ = SETTINGS.set(Settings {
        function_name: env.function_name().to_owned(),
        service: text("POWERTOOLS_SERVICE_NAME"),
        level: level.map_or(Level::Info, Level::named),
        namespace: (!disabled).then(|| text("POWERTOOLS_METRICS_NAMESPACE")),
    });
}

/// The settings; before the environment was read, there are none but these.
pub(super) fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| Settings {
        function_name: String::new(),
        service: "accounts".into(),
        level: Level::Info,
        namespace: None,
    })
}
