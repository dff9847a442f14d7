//! The line as a metric: CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>),
//! by which CloudWatch takes numbers out of log lines. Members in capitals are metrics.
//!
//! Each metric costs money by the month, and so does every combination of its dimensions. So
//! there are three for all functions together; and only where something goes wrong, one more
//! that says where. What CloudWatch has for nothing is not repeated: invocations, duration and
//! errors of each function, and units of each table. The rest is for a query of the log to say.

use std::time::Duration;

use serde::Serialize;

use super::settings::settings;

/// The numbers, and what CloudWatch is to make of them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metrics {
    /// In milliseconds.
    duration: f64,
    /// 1 where the caller was told no.
    refusal: u8,
    /// 1 where something of ours failed.
    fault: u8,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    aws: Option<Aws>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws {
    /// In milliseconds since 1970.
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
const REFUSAL: Metric = Metric {
    name: "Refusal",
    unit: "Count",
};
const FAULT: Metric = Metric {
    name: "Fault",
    unit: "Count",
};

impl Metrics {
    pub(super) fn of(took: Duration, refused: bool, failed: bool) -> Self {
        let aws = settings().namespace.as_deref().map(|namespace| {
            let of = |dimensions, metrics| Directive {
                namespace,
                dimensions: [dimensions],
                metrics,
            };
            let mut directives = vec![of(&["service"], &[DURATION, REFUSAL, FAULT])];
            if failed {
                directives.push(of(&["service", "function_name"], &[FAULT]));
            } else if refused {
                directives.push(of(&["service", "function_name"], &[REFUSAL]));
            }
            Aws {
                timestamp: crate::clock::now().as_millisecond(),
                cloud_watch_metrics: directives,
            }
        });
        let duration = (took.as_secs_f64() * 1e5).round() / 1e2;
        Self {
            duration,
            refusal: refused.into(),
            fault: failed.into(),
            aws,
        }
    }
}
