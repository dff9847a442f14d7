//! A value that is replaced while it is in use.

use std::sync::{Arc, PoisonError, RwLock};

/// The current value. Whoever got the one before keeps it as long as it is needed.
pub(crate) struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    pub(crate) fn new(value: Arc<T>) -> Live<T> {
        Live(RwLock::new(value))
    }

    pub(crate) fn get(&self) -> Arc<T> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, value: Arc<T>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}
