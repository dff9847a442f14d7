//! Sources of requests, for rate limits.
//!
//! A source is an IPv4 address, or the /64 prefix of an IPv6 address: a subscriber usually controls
//! a whole /64 (RFC 6177).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// The origin of a request: an IPv4 address, or an IPv6 /64 prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// The source of this client IP address. A text that is no address is a source of its own.
    pub(crate) fn from_client_ip(text: &str) -> Self {
        let source = match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) => {
                let prefix = u128::from(address) >> 64 << 64;
                format!("{}/64", Ipv6Addr::from(prefix))
            }
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) => text.to_owned(),
        };
        Self(source)
    }

    /// The source as text, such as `203.0.113.9` or `2001:db8::/64`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash of the source that differs between accounts: 16 characters. It keeps addresses out of
    /// the store.
    pub(crate) fn hash(&self, account: &str) -> String {
        let hash = digest(&SHA256, format!("{account} {}", self.0).as_bytes());
        let prefix = hash.as_ref().get(..12).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(prefix)
    }
}

/// The sources that a user signed in from lately: at most 8, for 30 days each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownSources(BTreeMap<String, u64>);

impl KnownSources {
    const MAX: usize = 8;
    const SECONDS: u64 = 30 * 24 * 60 * 60;

    /// Whether the user signed in from the source with this hash during the last 30 days.
    pub(crate) fn contains(&self, hash: &str, now: u64) -> bool {
        self.0
            .get(hash)
            .is_some_and(|at| now.saturating_sub(*at) < Self::SECONDS)
    }

    /// Adds the source with this hash. Removes old sources, and the oldest one beyond the maximum.
    pub(crate) fn add(&mut self, hash: String, now: u64) {
        self.0.insert(hash, now);
        self.0
            .retain(|_, at| now.saturating_sub(*at) < Self::SECONDS);
        while self.0.len() > Self::MAX {
            let oldest = self.0.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) else {
                return;
            };
            self.0.remove(&oldest);
        }
    }

    /// Each hash, with the time of the last sign-in in seconds since 1970.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, u64)> {
        self.0.iter().map(|(hash, at)| (hash, *at))
    }

    /// Sources as stored.
    pub(crate) fn stored(entries: BTreeMap<String, u64>) -> Self {
        Self(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::{KnownSources, Source};

    #[test]
    fn an_ipv6_source_is_its_64_bit_prefix() {
        let source = |text: &str| Source::from_client_ip(text).as_str().to_owned();
        assert_eq!(source("203.0.113.9"), "203.0.113.9");
        assert_eq!(source("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(source("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        assert_eq!(source("2001:db8:1:3::1"), "2001:db8:1:3::/64");
        assert_eq!(source(""), "");
    }

    #[test]
    fn a_hash_differs_between_accounts_and_sources() {
        let (here, there) = (
            Source::from_client_ip("203.0.113.9"),
            Source::from_client_ip("203.0.113.10"),
        );
        assert_eq!(here.hash("a").len(), 16);
        assert_ne!(here.hash("a"), here.hash("b"));
        assert_ne!(here.hash("a"), there.hash("a"));
    }

    #[test]
    fn the_oldest_of_nine_sources_is_forgotten() {
        let mut known = KnownSources::default();
        for source in 0..9_u64 {
            known.add(source.to_string(), 100 + source);
        }
        assert!(!known.contains("0", 110));
        assert!((1..9).all(|source: u64| known.contains(&source.to_string(), 110)));
    }

    #[test]
    fn a_source_is_known_for_30_days() {
        let mut known = KnownSources::default();
        known.add("old".into(), 0);
        assert!(known.contains("old", 30 * 24 * 60 * 60 - 1));
        assert!(!known.contains("old", 30 * 24 * 60 * 60));
        known.add("new".into(), 30 * 24 * 60 * 60);
        assert_eq!(known.entries().count(), 1);
    }
}
