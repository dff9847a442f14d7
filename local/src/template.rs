//! The SAM template, with every intrinsic function resolved.
//!
//! Resource types without a local counterpart are ignored. A `!Ref` to one is its logical id.

mod distribution;
mod document;
mod filter_pattern;
mod function;
mod intrinsic;
mod names;
mod policy;
mod resources;
mod storage;
mod stream_source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result};

pub use distribution::Distribution;
use document::Document;
pub use document::StackSettings;
pub use filter_pattern::FilterPattern;
pub use function::{Function, Route};
pub use names::REGION;
pub(crate) use names::{ACCOUNT, function_arn, table_arn};
pub use policy::{Condition, RequestContext, Statement};
pub use storage::{Bucket, Queue, Secret, Table};
pub use stream_source::StreamSource;

/// What the local cloud runs.
#[derive(Debug, Clone)]
pub struct Template {
    /// Functions, sorted by logical id.
    pub functions: Vec<Function>,
    /// DynamoDB tables, sorted by logical id.
    pub tables: Vec<Table>,
    /// S3 buckets, sorted by logical id.
    pub buckets: Vec<Bucket>,
    /// CloudFront distributions of buckets, sorted by logical id.
    pub distributions: Vec<Distribution>,
    /// Secrets, sorted by logical id.
    pub secrets: Vec<Secret>,
    /// SQS queues, sorted by logical id.
    pub queues: Vec<Queue>,
    physical_ids: BTreeMap<String, String>,
}

impl Template {
    /// Reads and resolves the file at `path`.
    ///
    /// Fails if the file cannot be read, is not a template, or contains an intrinsic function that
    /// is not supported. The error contains the position.
    pub fn read(path: &Path, settings: &StackSettings) -> Result<Template> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Template::parse(&text, settings).with_context(|| format!("in {}", path.display()))
    }

    /// Resolves the text of a template. Fails as [`Template::read`] does.
    pub fn parse(text: &str, settings: &StackSettings) -> Result<Template> {
        let document = Document::parse(text, settings)?;
        let tables = storage::tables(&document)?;
        let queues = storage::queues(&document)?;
        let buckets = storage::buckets(&document)?;
        let distributions = distribution::distributions(&document, &buckets)?;
        Ok(Template {
            functions: function::functions(&document, &tables, &queues, &distributions)?,
            tables,
            queues,
            buckets,
            distributions,
            secrets: storage::secrets(&document)?,
            physical_ids: document.physical_ids()?,
        })
    }

    /// Result of `!Ref logical`: the name of a table, bucket or function, the ARN of a secret, the
    /// URL of a queue.
    pub fn physical_id(&self, logical: &str) -> Option<&str> {
        self.physical_ids.get(logical).map(String::as_str)
    }

    /// The function with this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Routes of all functions.
    pub fn routes(&self) -> Vec<Route> {
        self.functions
            .iter()
            .flat_map(|function| function.routes.clone())
            .collect()
    }

    /// Routes and resources that `new` adds or removes, one line each.
    pub(crate) fn differences(&self, new: &Template) -> Vec<String> {
        let kinds = [
            (
                "added the route",
                "removed the route",
                routes(self),
                routes(new),
            ),
            (
                "created the table",
                "kept the table",
                tables(self),
                tables(new),
            ),
            (
                "created the bucket",
                "kept the bucket",
                buckets(self),
                buckets(new),
            ),
            (
                "created the secret",
                "kept the secret",
                secrets(self),
                secrets(new),
            ),
        ];
        let mut lines = Vec::new();
        for (added, removed, before, after) in kinds {
            let added = after
                .difference(&before)
                .map(|name| format!("{added} {name}"));
            let removed = before
                .difference(&after)
                .map(|name| format!("{removed} {name}"));
            lines.extend(added.chain(removed));
        }
        lines
    }
}

fn routes(template: &Template) -> BTreeSet<String> {
    let line = |route: Route| format!("{} {} to {}", route.method, route.path, route.function);
    template.routes().into_iter().map(line).collect()
}

fn tables(template: &Template) -> BTreeSet<String> {
    let tables = template.tables.iter();
    tables.map(|table| table.name.clone()).collect()
}

fn buckets(template: &Template) -> BTreeSet<String> {
    let buckets = template.buckets.iter();
    buckets.map(|bucket| bucket.name.clone()).collect()
}

fn secrets(template: &Template) -> BTreeSet<String> {
    let secrets = template.secrets.iter();
    secrets.map(|secret| secret.name.clone()).collect()
}

#[cfg(test)]
mod stream_source_tests;
#[cfg(test)]
mod tests;
