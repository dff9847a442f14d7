//! Where a world is: in an embedded cloud of its own, or in a stack that is deployed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use local::{Cloud, Mail, Options};
use serde_json::Value;

use super::deployment::Deployment;

pub enum Place {
    Embedded(Arc<Cloud>),
    Deployed(Box<Deployment>),
}

impl Place {
    /// Starts an embedded cloud whose template has these parameters, and whose functions these
    /// variables.
    pub async fn embed(parameters: &[(&str, &str)], variables: &[(&str, &str)]) -> Arc<Cloud> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let binary = Path::new(env!("CARGO_BIN_EXE_unrouted"));
        let options = Options {
            template: template(),
            binaries: binary
                .parent()
                .expect("a binary stands in a directory")
                .to_owned(),
            parameters: parameters.iter().map(owned).collect(),
            variables: variables.iter().map(owned).collect(),
            ..Options::default()
        };
        Arc::new(Cloud::start(options).await.expect("the cloud starts"))
    }

    /// Where the API answers.
    pub fn url(&self) -> String {
        match self {
            Self::Embedded(cloud) => cloud.url(),
            Self::Deployed(deployment) => deployment.url().to_owned(),
        }
    }

    /// Where avatars are served.
    pub fn avatars_url(&self) -> String {
        match self {
            Self::Embedded(cloud) => cloud.url(),
            Self::Deployed(deployment) => deployment.variables()["AVATARS_URL"].clone(),
        }
    }

    /// A client that finds the API.
    pub fn client(&self) -> reqwest::Client {
        let builder = match self {
            Self::Embedded(_) => reqwest::Client::builder(),
            Self::Deployed(deployment) => deployment.client(),
        };
        builder.no_proxy().build().expect("a client")
    }

    /// The picture at `url`, as the distribution serves it.
    pub async fn fetch(&self, http: &reqwest::Client, url: &str) -> reqwest::Response {
        match self {
            Self::Embedded(_) => http.get(url).send().await.expect("an answer"),
            Self::Deployed(deployment) => deployment.fetch(url).await,
        }
    }

    /// The environment variables of someone who may do everything.
    pub fn variables(&self) -> BTreeMap<String, String> {
        match self {
            Self::Embedded(cloud) => cloud.operator(),
            Self::Deployed(deployment) => deployment.variables().clone(),
        }
    }

    /// What `!Ref logical` is.
    pub fn physical_id(&self, logical: &str) -> String {
        match self {
            Self::Embedded(cloud) => cloud.physical_id(logical),
            Self::Deployed(deployment) => deployment.physical_id(logical).to_owned(),
        }
    }

    /// Every mail of this world, newest first.
    pub async fn mails(&self) -> Vec<Mail> {
        match self {
            Self::Embedded(cloud) => cloud.mails(),
            Self::Deployed(deployment) => deployment.mails().await,
        }
    }

    /// Every line that functions wrote in this world.
    pub async fn logs(&self) -> Vec<String> {
        match self {
            Self::Embedded(cloud) => cloud.logs(),
            Self::Deployed(deployment) => deployment.logs().await,
        }
    }

    /// Returns when what was written so far has been handed on along the streams.
    pub async fn settle(&self) {
        match self {
            Self::Embedded(cloud) => cloud.settle().await,
            Self::Deployed(deployment) => deployment.settle().await,
        }
    }

    /// Invokes the function of this name, past the API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        match self {
            Self::Embedded(cloud) => cloud.invoke(function, event).await.expect("an answer"),
            Self::Deployed(deployment) => deployment.invoke(function, event).await,
        }
    }
}

/// The file that describes both places.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml")
}
