//! An event source of a function: the stream of a table, and how its records are handed on.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Queue, Table,
    function::{plain, whole},
    pattern::Pattern,
};

/// The stream of a table, as an event source of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// Its name among the function's `Events`.
    pub event: String,
    /// The name of the table.
    pub table: String,
    /// The ARN of the stream, as `!GetAtt Table.StreamArn` gives it.
    pub stream: String,
    /// Whether it begins with the oldest record (`TRIM_HORIZON`) or with what is written after
    /// the first start (`LATEST`).
    pub oldest_first: bool,
    /// How many records one invocation takes at most.
    pub batch_size: usize,
    /// Whether a batch that failed is split in two.
    pub bisect: bool,
    /// How often a batch is tried again; no limit if nothing is said.
    pub retries: Option<u32>,
    /// How old a record may become; no limit if nothing is said.
    pub longest: Option<Duration>,
    /// Whether the function's answer says which records failed.
    pub reports_failures: bool,
    /// What reaches the function: whatever one of them matches. All of it if there is none.
    pub filters: Vec<Pattern>,
    /// The ARN of the queue that is told of what was given up.
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
    filter_criteria: Option<Criteria>,
    destination_config: Option<Destinations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Criteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destinations {
    on_failure: Destination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: String,
}

/// The source that an event of type `DynamoDB` describes; nothing if it is not enabled. The
/// window that AWS gathers records in is always zero here.
pub(super) fn read(
    event: &str,
    properties: &Json,
    tables: &[Table],
    queues: &[Queue],
    place: &str,
) -> Result<Option<StreamSource>> {
    let properties = Properties::deserialize(properties).with_context(|| place.to_owned())?;
    let at = |property: &str| format!("{place}.{property}");
    let stream = properties.stream;
    let table = tables
        .iter()
        .find(|table| table.stream.as_ref() == Some(&stream));
    let table = table
        .with_context(|| format!("{}: no table here has the stream {stream}", at("Stream")))?;
    let oldest_first = match properties.starting_position.as_str() {
        "TRIM_HORIZON" => true,
        "LATEST" => false,
        other => bail!(
            "{}: TRIM_HORIZON or LATEST, not {other}",
            at("StartingPosition")
        ),
    };
    let response = |kind: &String| kind != "ReportBatchItemFailures";
    if let Some(other) = properties
        .function_response_types
        .iter()
        .find(|kind| response(kind))
    {
        bail!(
            "{}: ReportBatchItemFailures, not {other}",
            at("FunctionResponseTypes")
        );
    }
    let batch_size = properties.batch_size.as_ref().map_or(Ok(100), whole);
    let batch_size = batch_size.with_context(|| at("BatchSize"))? as usize;
    ensure!(batch_size > 0, "{}: at least 1", at("BatchSize"));

    let at_most = |value: &Option<Json>, property| {
        value
            .as_ref()
            .map_or(Ok(None), limit)
            .with_context(|| at(property))
    };
    let yes = |value: &Option<Json>| value.as_ref().is_some_and(|value| plain(value) == "true");
    let filters = properties
        .filter_criteria
        .map(|criteria| criteria.filters)
        .unwrap_or_default();
    let filters = filters.iter().enumerate().map(|(i, filter)| {
        Pattern::parse(
            &filter.pattern,
            &at(&format!("FilterCriteria.Filters[{i}].Pattern")),
        )
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
        oldest_first,
        batch_size,
        bisect: yes(&properties.bisect_batch_on_function_error),
        retries: at_most(&properties.maximum_retry_attempts, "MaximumRetryAttempts")?,
        longest: at_most(
            &properties.maximum_record_age_in_seconds,
            "MaximumRecordAgeInSeconds",
        )?
        .map(|seconds| Duration::from_secs(seconds.into())),
        reports_failures: !properties.function_response_types.is_empty(),
        filters: filters.collect::<Result<_>>()?,
        on_failure,
    };
    Ok(Some(source).filter(|_| {
        properties
            .enabled
            .is_none_or(|enabled| plain(&enabled) != "false")
    }))
}

/// A number that -1 takes away.
fn limit(value: &Json) -> Result<Option<u32>> {
    if plain(value) == "-1" {
        Ok(None)
    } else {
        whole(value).map(Some)
    }
}
