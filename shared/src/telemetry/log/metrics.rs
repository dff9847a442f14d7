//! Metrics in log lines, in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Capitalized members are metrics. CloudWatch charges per metric and combination of dimensions.
//! So there are three metrics for all functions together. An error adds one with the function's
//! name as dimension. Metrics that CloudWatch provides for free are not repeated: invocations,
//! duration and errors per function, and consumed capacity per table. For anything else, query the
//! log.

use std::time::Duration;

use serde::Serialize;

use super::settings::settings;

/// The metric values of a line, and their metadata for CloudWatch.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metrics {
    /// The duration in milliseconds.
    duration: f64,
    /// 1 if the response is an error of the caller, else 0.
    client_error: u8,
    /// 1 if an internal error occurred, else 0.
    internal_error: u8,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    aws: Option<Aws>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws {
    /// The time in milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: &'static [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const DURATION: Metric = Metric {
    name: "Duration",
    unit: "Milliseconds",
};
const CLIENT_ERROR: Metric = Metric {
    name: "ClientError",
    unit: "Count",
};
const INTERNAL_ERROR: Metric = Metric {
    name: "InternalError",
    unit: "Count",
};

impl Metrics {
    pub(super) fn new(took: Duration, client_error: bool, internal_error: bool) -> Self {
        let aws = settings().namespace.as_deref().map(|namespace| {
            let directive = |dimensions, metrics| Directive {
                namespace,
                dimensions: [dimensions],
                metrics,
            };
            let mut directives = vec![directive(
                &["service"],
                &[DURATION, CLIENT_ERROR, INTERNAL_ERROR],
            )];
            if internal_error {
                directives.push(directive(&["service", "function_name"], &[INTERNAL_ERROR]));
            } else if client_error {
                directives.push(directive(&["service", "function_name"], &[CLIENT_ERROR]));
            }
            Aws {
                timestamp: crate::domain::clock::now().as_millisecond(),
                cloud_watch_metrics: directives,
            }
        });
        let duration = (took.as_secs_f64() * 1e5).round() / 1e2;
        Self {
            duration,
            client_error: client_error.into(),
            internal_error: internal_error.into(),
            aws,
        }
    }
}
