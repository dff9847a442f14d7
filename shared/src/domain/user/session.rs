//! Sessions: the logins of a user that have not ended.
//!
//! An access token names its session and is valid only while the user has that session. So a
//! session that ends takes its tokens with it, at the next request.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::refresh_token::{RefreshHashes, RefreshState, RefreshToken};
use super::session_id::SessionId;
use crate::domain::{InternalError, clock};

/// The most sessions that a user has. A further login ends the oldest.
const MAX_SESSIONS: usize = 20;
/// How long a session with a refresh token lives after its last use.
const UNUSED_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a rotated refresh token counts as a repeated request, and not as stolen. A client
/// repeats a request whose response it did not get.
const REUSE_GRACE: SignedDuration = SignedDuration::from_secs(30);
/// The characters kept of a user agent.
const USER_AGENT_CHARS: usize = 60;
/// The bits kept of an IPv4 and of an IPv6 address: the networks that providers assign.
const IPV4_BITS: u32 = 24;
const IPV6_BITS: u32 = 48;

/// What a client is known by: the network of its address, and its own name for itself.
///
/// The owner of a session recognizes it by these. Nothing is decided from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The network of the address, as `203.0.113.0/24`. Empty if there is no address.
    pub(crate) address: String,
    /// The beginning of the user agent. Empty if there is none.
    pub(crate) user_agent: String,
}

impl Client {
    /// The client of this IP address, with this `User-Agent` header.
    #[must_use]
    pub fn new(address: &str, user_agent: Option<&str>) -> Self {
        let visible = user_agent.unwrap_or_default().trim().chars();
        let visible = visible.filter(|letter| !letter.is_control());
        Self {
            address: network(address).unwrap_or_default(),
            user_agent: visible.take(USER_AGENT_CHARS).collect(),
        }
    }
}

/// The network of an address: its first bits, and their number.
fn network(address: &str) -> Option<String> {
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => {
            let bits = address.to_bits() & (u32::MAX << (u32::BITS - IPV4_BITS));
            format!("{}/{IPV4_BITS}", std::net::Ipv4Addr::from_bits(bits))
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << (u128::BITS - IPV6_BITS));
            format!("{}/{IPV6_BITS}", std::net::Ipv6Addr::from_bits(bits))
        }
    })
}

/// A session as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time of the login, or of the last rotation of the refresh token.
    pub(crate) last_used_at: Timestamp,
    /// The time from which no token of the session is valid.
    pub expires_at: Timestamp,
    /// The client that logged in.
    pub(crate) client: Client,
    /// The refresh token, if the session has one.
    pub(crate) refresh: Option<RefreshHashes>,
}

impl Session {
    /// The network of the address that logged in. Empty if it is unknown.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.client.address
    }

    /// The beginning of the user agent that logged in. Empty if it is unknown.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.client.user_agent
    }

    /// Whether the session has ended by itself. The clocks of two instances may differ, so it has
    /// the leeway of its access tokens.
    fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.expires_at) > clock::LEEWAY
    }
}

/// A session that a login or a sign-up starts.
#[derive(Debug)]
pub struct NewSession {
    id: SessionId,
    session: Session,
    refresh_token: Option<RefreshToken>,
}

impl NewSession {
    /// A session of `client`. Without a refresh token it lives as long as its access token, which is
    /// valid for `access_lifetime`.
    ///
    /// # Errors
    /// Only an internal error.
    pub fn new(
        client: Client,
        access_lifetime: SignedDuration,
        has_refresh_token: bool,
    ) -> Result<Self, InternalError> {
        let now = clock::now();
        let id = SessionId::generate()?;
        let refresh_token = has_refresh_token
            .then(|| RefreshToken::generate(id))
            .transpose()?;
        let lifetime = match has_refresh_token {
            true => refreshed_lifetime(access_lifetime),
            false => access_lifetime,
        };
        let session = Session {
            created_at: now,
            last_used_at: now,
            expires_at: now.saturating_add(lifetime).unwrap_or(now),
            client,
            refresh: refresh_token.as_ref().map(RefreshToken::first_hashes),
        };
        Ok(Self {
            id,
            session,
            refresh_token,
        })
    }

    /// The id of the session.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The refresh token for `user`, if the session has one.
    #[must_use]
    pub fn refresh_token(&self, user: Uuid) -> Option<String> {
        let token = self.refresh_token.as_ref()?;
        Some(token.encode(user))
    }
}

/// The lifetime of a session whose refresh token is used now: no shorter than its access token's.
fn refreshed_lifetime(access_lifetime: SignedDuration) -> SignedDuration {
    UNUSED_LIFETIME.max(access_lifetime)
}

/// The sessions of a user, by id. Some may be expired.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sessions(BTreeMap<SessionId, Session>);

impl Sessions {
    /// Sessions from the store.
    pub(crate) fn stored(sessions: BTreeMap<SessionId, Session>) -> Self {
        Self(sessions)
    }

    /// All sessions as stored.
    pub(crate) fn all(&self) -> &BTreeMap<SessionId, Session> {
        &self.0
    }

    /// The sessions that have not expired, newest first.
    #[must_use]
    pub fn live(&self) -> Vec<(&SessionId, &Session)> {
        let now = clock::now();
        let live = self
            .0
            .iter()
            .filter(|(_, session)| !session.is_expired(now));
        let mut live: Vec<_> = live.collect();
        live.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
        live
    }

    /// Whether there is a session of this id that has not expired.
    #[must_use]
    pub fn is_live(&self, id: &SessionId) -> bool {
        let now = clock::now();
        self.0
            .get(id)
            .is_some_and(|session| !session.is_expired(now))
    }

    /// What `token` is to its session.
    pub(crate) fn refresh_state(&self, token: &RefreshToken) -> RefreshState {
        let now = clock::now();
        let session = self.0.get(token.session());
        let session = session.filter(|session| !session.is_expired(now));
        let Some((session, hashes)) =
            session.and_then(|session| Some((session, session.refresh.as_ref()?)))
        else {
            return RefreshState::Unknown;
        };
        let is_recent = now.duration_since(session.last_used_at) <= REUSE_GRACE;
        hashes.state(token, is_recent)
    }

    /// Starts a session. Expired ones are dropped. Of too many, the oldest ends. No effect if the
    /// session exists.
    pub(super) fn start(&mut self, new: &NewSession) {
        if self.0.contains_key(&new.id) {
            return;
        }
        let now = new.session.created_at;
        self.0.retain(|_, session| !session.is_expired(now));
        while self.0.len() >= MAX_SESSIONS {
            let oldest = self.0.iter().min_by_key(|(_, session)| session.created_at);
            let Some(id) = oldest.map(|(id, _)| *id) else {
                break;
            };
            self.0.remove(&id);
        }
        self.0.insert(new.id, new.session.clone());
    }

    /// Replaces the refresh token `from` by `to`, and extends its session. No effect unless `from`
    /// is current.
    pub(super) fn rotate(
        &mut self,
        from: &RefreshToken,
        to: &RefreshToken,
        access_lifetime: SignedDuration,
        now: Timestamp,
    ) {
        let Some(session) = self.0.get_mut(from.session()) else {
            return;
        };
        if let Some(hashes) = &mut session.refresh
            && hashes.rotate(from, to)
        {
            let lifetime = refreshed_lifetime(access_lifetime);
            session.last_used_at = now;
            session.expires_at = now.saturating_add(lifetime).unwrap_or(now);
        }
    }

    /// Ends the session of this id. Whether there was one.
    pub(super) fn end(&mut self, id: &SessionId) -> bool {
        self.0.remove(id).is_some()
    }

    /// Ends all sessions but that of `keep`. Whether there were others.
    pub(super) fn end_others(&mut self, keep: &SessionId) -> bool {
        let before = self.0.len();
        self.0.retain(|id, _| id == keep);
        self.0.len() < before
    }

    /// Ends all sessions. Whether there were any.
    pub(super) fn end_all(&mut self) -> bool {
        let any = !self.0.is_empty();
        self.0.clear();
        any
    }
}
