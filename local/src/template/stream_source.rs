//! Event sources of functions: DynamoDB streams.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    document::{json_text, parse_u32},
    filter_pattern::FilterPattern,
    storage::{Queue, Table},
};

/// The stream of a table, as an event source of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// Its key in the function's `Events`.
    pub event: String,
    /// Name of the table.
    pub table: String,
    /// ARN of the stream: `!GetAtt Table.StreamArn`.
    pub stream: String,
    /// `TRIM_HORIZON`: start with the oldest record. Otherwise `LATEST`: start with the first
    /// record after the first start.
    pub from_oldest: bool,
    /// Maximum number of records in one invocation.
    pub batch_size: usize,
    /// Whether to split a failed batch in two.
    pub bisect: bool,
    /// Maximum number of retries of a batch; `None` is unlimited.
    pub max_retries: Option<u32>,
    /// Maximum age of a record; `None` is unlimited.
    pub max_record_age: Option<Duration>,
    /// Whether the function's response reports failed records (`ReportBatchItemFailures`).
    pub reports_failures: bool,
    /// A record must match one of them to reach the function. If empty, all records do.
    pub filters: Vec<FilterPattern>,
    /// ARN of the dead-letter queue.
    pub on_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    stream: String,
    starting_position: String,
    enabled: Option<Json>,
    batch_size: Option<Json>,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _window: Option<Json>,
    bisect_batch_on_function_error: Option<Json>,
    maximum_retry_attempts: Option<Json>,
    maximum_record_age_in_seconds: Option<Json>,
    #[serde(default)]
    function_response_types: Vec<String>,
    filter_criteria: Option<FilterCriteria>,
    destination_config: Option<DestinationConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_failure: Destination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: String,
}

/// Parses an event of type `DynamoDB`; `None` if it is disabled. `path` is its position in the
/// template, for errors.
///
/// The batching window is ignored: records are delivered at once.
pub(super) fn parse(
    event: &str,
    properties: &Json,
    tables: &[Table],
    queues: &[Queue],
    path: &str,
) -> Result<Option<StreamSource>> {
    let properties = Properties::deserialize(properties).with_context(|| path.to_owned())?;
    let at = |property: &str| format!("{path}.{property}");
    let stream = properties.stream;
    let table = tables
        .iter()
        .find(|table| table.stream.as_ref() == Some(&stream))
        .with_context(|| format!("{}: no table has the stream {stream}", at("Stream")))?;
    let from_oldest = match properties.starting_position.as_str() {
        "TRIM_HORIZON" => true,
        "LATEST" => false,
        other => bail!(
            "{}: expected TRIM_HORIZON or LATEST, not {other}",
            at("StartingPosition")
        ),
    };
    let mut response_types = properties.function_response_types.iter();
    if let Some(other) = response_types.find(|name| *name != "ReportBatchItemFailures") {
        bail!(
            "{}: expected ReportBatchItemFailures, not {other}",
            at("FunctionResponseTypes")
        );
    }
    let batch_size = properties.batch_size.as_ref().map_or(Ok(100), parse_u32);
    let batch_size = batch_size.with_context(|| at("BatchSize"))? as usize;
    ensure!(batch_size > 0, "{}: must be at least 1", at("BatchSize"));

    let limit = |value: &Option<Json>, property| {
        value
            .as_ref()
            .map_or(Ok(None), parse_limit)
            .with_context(|| at(property))
    };
    let is = |value: &Option<Json>, text| value.as_ref().is_some_and(|v| json_text(v) == text);
    let filters = properties
        .filter_criteria
        .map(|criteria| criteria.filters)
        .unwrap_or_default();
    let filters = filters.iter().enumerate().map(|(i, filter)| {
        let path = at(&format!("FilterCriteria.Filters[{i}].Pattern"));
        FilterPattern::parse(&filter.pattern, &path)
    });
    let on_failure = properties
        .destination_config
        .map(|config| config.on_failure.destination);
    if let Some(arn) = on_failure
        .as_ref()
        .filter(|arn| !queues.iter().any(|queue| queue.arn == **arn))
    {
        bail!(
            "{}: there is no queue {arn}",
            at("DestinationConfig.OnFailure.Destination")
        );
    }
    let source = StreamSource {
        event: event.to_owned(),
        table: table.name.clone(),
        stream,
        from_oldest,
        batch_size,
        bisect: is(&properties.bisect_batch_on_function_error, "true"),
        max_retries: limit(&properties.maximum_retry_attempts, "MaximumRetryAttempts")?,
        max_record_age: limit(
            &properties.maximum_record_age_in_seconds,
            "MaximumRecordAgeInSeconds",
        )?
        .map(|seconds| Duration::from_secs(seconds.into())),
        reports_failures: !properties.function_response_types.is_empty(),
        filters: filters.collect::<Result<_>>()?,
        on_failure,
    };
    Ok(Some(source).filter(|_| !is(&properties.enabled, "false")))
}

/// A limit; -1 is unlimited.
fn parse_limit(value: &Json) -> Result<Option<u32>> {
    match json_text(value).as_str() {
        "-1" => Ok(None),
        _ => parse_u32(value).map(Some),
    }
}
