//! A cloud that runs gets a new template, or new binaries.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Result;

use super::{Cloud, url};
use crate::{Route, Template, gateway::Gateway};

impl Cloud {
    /// Reads the template again and goes by it from now on: its routes, grants and variables,
    /// and what it describes that was not there. What it describes no more stays, and its data
    /// with it. Gives what is different, in words.
    ///
    /// Fails where [`Template::read`] does, or something cannot be made; the template before is
    /// then still the one that is gone by.
    pub fn reload(&mut self) -> Result<Vec<String>> {
        let template = Template::read(&self.options.template, &self.options.parameters, &url(self.port))?;
        let template = Arc::new(template);
        self.aws.adopt(template.clone())?;
        self.lambda.adopt(&template.functions, &[]);
        if self.options.streams {
            self.streams.adopt(&template, &self.aws)?;
        }
        let gateway = Gateway::new(self.port, &template, self.lambda.clone(), self.aws.clone());
        self.gateway.set(Arc::new(gateway));
        let different = differences(&self.template, &template);
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
type Kind = (&'static str, &'static str, fn(&Template) -> BTreeSet<String>);

const KINDS: [Kind; 4] = [
    ("new route", "no route any more", |template| {
        let line = |route: Route| format!("{} {} to {}", route.method, route.path, route.function);
        template.routes().into_iter().map(line).collect()
    }),
    ("made the table", "left the table", |template| {
        template.tables.iter().map(|table| table.name.clone()).collect()
    }),
    ("made the bucket", "left the bucket", |template| {
        template.buckets.iter().map(|bucket| bucket.name.clone()).collect()
    }),
    ("made the secret", "left the secret", |template| {
        template.secrets.iter().map(|secret| secret.name.clone()).collect()
    }),
];

fn differences(old: &Template, new: &Template) -> Vec<String> {
    let mut told = Vec::new();
    for (came, went, all) in KINDS {
        let (before, after) = (all(old), all(new));
        told.extend(after.difference(&before).map(|name| format!("{came} {name}")));
        told.extend(before.difference(&after).map(|name| format!("{went} {name}")));
    }
    for table in &new.tables {
        let before = old.tables.iter().find(|before| before.name == table.name);
        if before.is_some_and(|before| before.create != table.create) {
            told.push(format!("left the table {} as it was made", table.name));
        }
    }
    told
}
