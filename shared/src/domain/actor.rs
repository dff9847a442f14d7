//! The actor of a change.

use uuid::Uuid;

use crate::domain::{Authority, Language, Source};

/// The originator of a change.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user that a token, a password or a mailed link proved. `None` without such proof.
    pub user: Option<Uuid>,
    /// The client's IP address, as the gateway reports it.
    pub client_ip: String,
    /// The language of the notifications that the change causes.
    pub language: Language,
    /// The actor's entitlement to the change.
    pub(crate) authority: Authority,
}

impl Actor {
    /// The source of the request, by which rate limits count.
    pub(crate) fn source(&self) -> Source {
        Source::from_client_ip(&self.client_ip)
    }

    /// The operator, who acts without the HTTP API.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            user: None,
            client_ip: "operator".into(),
            language: Language::Zh,
            authority: Authority::Operator,
        }
    }
}
