//! A cloud that runs gets a new template, or new binaries.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Result;

use super::{Cloud, url};
use crate::{Route, Template, aws::Prepared, gateway::Gateway};

/// A template that was read again, and can be gone by.
pub(crate) struct Reload {
    template: Arc<Template>,
    aws: Prepared,
}

impl Cloud {
    /// Reads the template again. Nothing changes by that.
    ///
    /// Fails where [`Template::read`] does, or something that it describes cannot be made.
    pub(crate) fn prepare(&self) -> Result<Reload> {
        let template = Template::read(
            &self.options.template,
            &self.options.parameters,
            &url(self.port),
        )?;
        let template = Arc::new(template);
        Ok(Reload {
            aws: self.aws.prepare(template.clone())?,
            template,
        })
    }

    /// Goes by a template from now on: its routes, grants and variables, and what it describes
    /// that was not there. What it describes no more stays, and its data with it. Gives what is
    /// different, in words.
    ///
    /// Fails where a disk or a database does.
    pub(crate) fn adopt(&mut self, Reload { template, aws }: Reload) -> Result<Vec<String>> {
        self.aws.adopt(aws)?;
        let streams = match self.options.streams {
            true => self.streams.prepare(&template, &self.aws)?,
            false => Vec::new(),
        };
        let mut different = differences(&self.template, &template);
        different.extend(self.aws.differing(&template)?);
        self.lambda.adopt(&template.functions, &[]);
        if self.options.streams {
            self.streams.adopt(&template, streams);
        }
        let gateway = Gateway::new(self.port, &template, self.lambda.clone(), self.aws.clone());
        self.gateway.set(Arc::new(gateway));
        self.template = template;
        Ok(different)
    }

    /// Has the functions whose binaries have these names work with new processes from now on.
    /// What the old ones work on, they finish.
    pub fn restart(&self, functions: &[String]) {
        self.lambda.adopt(&self.template.functions, functions);
    }
}

/// What came and what went: words for the one and for the other, and all there is of it.
type Kind = (
    &'static str,
    &'static str,
    fn(&Template) -> BTreeSet<String>,
);

const KINDS: [Kind; 4] = [
    ("new route", "no route any more", |template| {
        let line = |route: Route| format!("{} {} to {}", route.method, route.path, route.function);
        template.routes().into_iter().map(line).collect()
    }),
    ("made the table", "left the table", |template| {
        template
            .tables
            .iter()
            .map(|table| table.name.clone())
            .collect()
    }),
    ("made the bucket", "left the bucket", |template| {
        template
            .buckets
            .iter()
            .map(|bucket| bucket.name.clone())
            .collect()
    }),
    ("made the secret", "left the secret", |template| {
        template
            .secrets
            .iter()
            .map(|secret| secret.name.clone())
            .collect()
    }),
];

fn differences(old: &Template, new: &Template) -> Vec<String> {
    let mut told = Vec::new();
    for (came, went, all) in KINDS {
        let (before, after) = (all(old), all(new));
        told.extend(
            after
                .difference(&before)
                .map(|name| format!("{came} {name}")),
        );
        told.extend(
            before
                .difference(&after)
                .map(|name| format!("{went} {name}")),
        );
    }
    told
}
