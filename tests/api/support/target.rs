//! Where the application runs: in an embedded cloud, or in a deployed stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use local::{CapturedEmail, Cloud, Options};
use serde_json::Value;

use super::deployment::Deployment;

pub enum Target {
    Local(Arc<Cloud>),
    Deployed(Box<Deployment>),
}

impl Target {
    /// Starts an embedded cloud.
    pub async fn start_local() -> Self {
        let cloud = Cloud::start(local_options()).await;
        Self::Local(Arc::new(cloud.expect("the cloud starts")))
    }

    pub fn url(&self) -> String {
        match self {
            Self::Local(cloud) => cloud.url(),
            Self::Deployed(deployment) => deployment.url().to_owned(),
        }
    }

    pub fn avatars_url(&self) -> String {
        match self {
            Self::Local(cloud) => cloud.url(),
            Self::Deployed(deployment) => deployment.variables()["AVATARS_URL"].clone(),
        }
    }

    /// A client that resolves the API's host.
    pub fn client(&self) -> reqwest::Client {
        match self {
            Self::Local(_) => no_proxy_client(),
            Self::Deployed(deployment) => deployment.client(),
        }
    }

    pub async fn fetch(&self, http: &reqwest::Client, url: &str) -> reqwest::Response {
        match self {
            Self::Local(_) => http.get(url).send().await.expect("a response"),
            Self::Deployed(deployment) => deployment.fetch(url).await,
        }
    }

    pub fn variables(&self) -> BTreeMap<String, String> {
        match self {
            Self::Local(cloud) => cloud.operator_env(),
            Self::Deployed(deployment) => deployment.variables().clone(),
        }
    }

    pub fn physical_id(&self, logical: &str) -> String {
        match self {
            Self::Local(cloud) => cloud.physical_id(logical),
            Self::Deployed(deployment) => deployment.physical_id(logical).to_owned(),
        }
    }

    pub async fn mails(&self) -> Vec<CapturedEmail> {
        match self {
            Self::Local(cloud) => cloud.emails(),
            Self::Deployed(deployment) => deployment.mails().await,
        }
    }

    pub async fn logs(&self) -> Vec<String> {
        match self {
            Self::Local(cloud) => cloud.logs(),
            Self::Deployed(deployment) => deployment.logs().await,
        }
    }

    pub async fn settle(&self) {
        match self {
            Self::Local(cloud) => cloud.settle().await,
            Self::Deployed(deployment) => deployment.settle().await,
        }
    }

    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        match self {
            Self::Local(cloud) => cloud.invoke(function, event).await.expect("a response"),
            Self::Deployed(deployment) => deployment.invoke(function, event).await,
        }
    }
}

/// The options of a cloud with this repository's template and functions, all in memory.
pub fn local_options() -> Options {
    let binary = Path::new(env!("CARGO_BIN_EXE_fallback"));
    Options {
        template: template(),
        stack_name: dev::STACK_NAME.to_owned(),
        binaries: binary.parent().expect("a directory").to_owned(),
        parameters: dev::PARAMETERS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Options::default()
    }
}

/// An HTTP client that ignores the machine's proxy.
pub fn no_proxy_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

/// The template of both targets.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml")
}
