//! The way into the cloud past its functions, for tools and tests.

use std::collections::BTreeMap;

use crate::{Cloud, OPERATOR, REGION, SECRET_ACCESS_KEY};

impl Cloud {
    /// The environment variables of someone who may do everything: how to reach the AWS
    /// services, and all that the template tells its functions.
    pub fn operator(&self) -> BTreeMap<String, String> {
        let functions = self.template().functions.iter();
        let mut variables: BTreeMap<_, _> = functions
            .flat_map(|function| function.variables.clone())
            .collect();
        let own = [
            ("AWS_ENDPOINT_URL", self.aws_url().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", OPERATOR),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables.extend(own);
        variables
    }
}
