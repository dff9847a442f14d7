//! Connections to AWS, opened once per instance.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::clients::AwsClients;
use crate::aws::Config;
use crate::domain::InternalError;

/// A dependency of a function, listed in its handler's first parameter.
pub trait FromConfig: Send + Sync + Sized + 'static {
    /// Builds the client, opens the connection and fetches initial values.
    fn open(connections: &Connections) -> impl Future<Output = Result<Self, InternalError>> + Send;
}

impl FromConfig for () {
    async fn open(_: &Connections) -> Result<Self, InternalError> {
        Ok(())
    }
}

impl<A: FromConfig, B: FromConfig> FromConfig for (A, B) {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        tokio::try_join!(A::open(connections), B::open(connections))
    }
}

impl<A: FromConfig, B: FromConfig, C: FromConfig> FromConfig for (A, B, C) {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        tokio::try_join!(
            A::open(connections),
            B::open(connections),
            C::open(connections)
        )
    }
}

impl<A: FromConfig, B: FromConfig, C: FromConfig, D: FromConfig> FromConfig for (A, B, C, D) {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        tokio::try_join!(
            A::open(connections),
            B::open(connections),
            C::open(connections),
            D::open(connections)
        )
    }
}

/// The function's configuration, its AWS clients, and shared dependencies.
pub struct Connections {
    /// The environment variables.
    pub config: Config,
    /// The AWS clients.
    pub clients: AwsClients,
    shared: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Connections {
    /// The connections that `config` describes.
    ///
    /// # Errors
    /// If a variable that Lambda always sets is missing: the region or the credentials.
    pub fn new(config: Config) -> Result<Self, InternalError> {
        Ok(Self {
            clients: AwsClients::new(&config)?,
            config,
            shared: Mutex::default(),
        })
    }

    /// The connections that these environment variables describe. For tools and tests that call AWS
    /// as a function does.
    ///
    /// # Errors
    /// As [`Connections::new`].
    pub fn from_variables(variables: BTreeMap<String, String>) -> Result<Self, InternalError> {
        Self::new(variables.into())
    }

    /// A clone of the shared `T`. The first call opens it. After a failure, the next call tries again.
    pub(crate) async fn shared<T: FromConfig + Clone>(&self) -> Result<T, InternalError> {
        let cell = self.cell::<T>()?;
        let opened = cell.get_or_try_init(|| T::open(self)).await;
        opened.cloned()
    }

    fn cell<T: FromConfig>(&self) -> Result<Arc<OnceCell<T>>, InternalError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = shared
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(OnceCell::<T>::new()));
        let cell = cell.clone().downcast::<OnceCell<T>>();
        cell.map_err(|_| InternalError::new("a shared connection is of another type"))
    }
}
