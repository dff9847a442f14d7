//! `template.yaml`, read and resolved: plain values, no intrinsic function left.
//!
//! Resource types that have no local counterpart are passed over. They can still be
//! referred to: a `!Ref` to one is its logical id.

mod condition;
mod distribution;
mod document;
mod function;
mod intrinsic;
mod name;
mod pattern;
mod source;
mod statement;
mod storage;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

pub use condition::{Condition, Context as RequestContext};
pub use distribution::Distribution;
use document::Document;
pub use function::{Function, Route};
pub use name::REGION;
pub(crate) use name::{ACCOUNT, function_arn, table_arn};
pub use pattern::Pattern;
pub use source::StreamSource;
pub use statement::Statement;
pub use storage::{Bucket, Queue, Secret, Table};

/// What the template describes and the local cloud plays.
#[derive(Debug, Clone)]
pub struct Template {
    /// The functions, by logical id.
    pub functions: Vec<Function>,
    /// The DynamoDB tables, by logical id.
    pub tables: Vec<Table>,
    /// The S3 buckets, by logical id.
    pub buckets: Vec<Bucket>,
    /// The CloudFront distributions of buckets, by logical id.
    pub distributions: Vec<Distribution>,
    /// The secrets, by logical id.
    pub secrets: Vec<Secret>,
    /// The SQS queues, by logical id.
    pub queues: Vec<Queue>,
    names: BTreeMap<String, String>,
}

impl Template {
    /// Reads the file at `path`, with `parameters` in place of the template's defaults, and
    /// the URL of the gateway, as `http://127.0.0.1:8000`, as the endpoint of its API.
    ///
    /// Fails where the file cannot be read, is no template, or holds an intrinsic function
    /// that cannot be resolved here; the error names the place.
    pub fn read(
        path: &Path,
        parameters: &BTreeMap<String, String>,
        gateway: &str,
    ) -> Result<Template> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Template::parse(&text, parameters, gateway)
            .with_context(|| format!("in {}", path.display()))
    }

    /// As [`Template::read`], of the file's text.
    pub fn parse(
        text: &str,
        parameters: &BTreeMap<String, String>,
        gateway: &str,
    ) -> Result<Template> {
        let document = Document::parse(text, parameters, gateway)?;
        let tables = storage::tables(&document)?;
        let queues = storage::queues(&document)?;
        let buckets = storage::buckets(&document)?;
        let distributions = distribution::distributions(&document, &buckets)?;
        Ok(Template {
            functions: function::all(&document, &tables, &queues, &distributions)?,
            tables,
            queues,
            buckets,
            distributions,
            secrets: storage::secrets(&document)?,
            names: document.names()?,
        })
    }

    /// What `!Ref logical` is: a table's or bucket's name, a secret's ARN, a queue's
    /// URL, a binary's name.
    pub fn physical_id(&self, logical: &str) -> Option<&str> {
        self.names.get(logical).map(String::as_str)
    }

    /// The function whose binary has this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Every route of every function, in the order of the template's functions by name.
    pub fn routes(&self) -> Vec<Route> {
        self.functions
            .iter()
            .flat_map(|function| function.routes.clone())
            .collect()
    }
}

#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod tests;
