//! The declaration of an endpoint.
//!
//! Each endpoint is declared once, on its function (`#[endpoint(…)]`). The rest is derived from the
//! declaration: the block in `template.yaml` with routes, the binary, the redirects of
//! trailing slashes, and the OpenAPI description.

use crate::domain::ErrorCode;

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The Rust module of the endpoint, such as `accounts::center::login`.
    pub module: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path as the document has it. If it ends in a slash, both forms work.
    pub path: &'static str,
    /// The type that renders the responses, an `ApiFamily`.
    pub family: &'static str,
    /// The doc comment: a summary, and paragraphs that describe more.
    pub documentation: &'static str,
    /// The errors of this endpoint alone. Its family adds those of every endpoint.
    pub errors: &'static [ErrorCode],
    /// The function's permissions on AWS.
    pub grants: &'static [Grant],
    /// The memory of the function, which also determines its share of processor time.
    pub memory: Memory,
    /// The message of a success (family `profile` only).
    pub message: &'static str,
    /// A field that is repeated outside of `data` (family `profile` only).
    pub top_level_field: Option<&'static str>,
}

/// The parameter of a route that matches a trailing slash, and everything after it.
pub(crate) const TRAILING_SLASH: &str = "/{slash+}";

impl Endpoint {
    /// The path without a slash at its end, as the route has it.
    #[must_use]
    pub fn route_path(&self) -> &'static str {
        self.path.trim_end_matches('/')
    }

    /// The folder of the endpoint's file, which is the tag of its operation.
    #[must_use]
    pub fn folder(&self) -> &'static str {
        self.module.rsplit("::").nth(1).unwrap_or_default()
    }

    /// The name of the endpoint's file, without its ending.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.module.rsplit("::").next().unwrap_or_default()
    }

    /// Whether the function also has the route `<path>/{slash+}`.
    ///
    /// It has if the document writes the path, or a path above it, with a trailing slash.
    #[must_use]
    pub fn has_trailing_slash_route(&self, all: &[Endpoint]) -> bool {
        self.path.ends_with('/') || all.iter().any(|other| self.is_below(other))
    }

    /// Whether the trailing-slash route of `other` also matches this path with a slash, if the method
    /// is the same.
    fn is_below(&self, other: &Endpoint) -> bool {
        let rest = self.rest_below(other);
        other.path.ends_with('/') && rest.is_some_and(|rest| !rest.is_empty())
    }

    /// Whether other methods on the path get a 405. In the other families they get the response for
    /// an unknown path.
    #[must_use]
    pub fn rejects_other_methods(&self) -> bool {
        ["Center", "Campus", "CampusChange"].contains(&self.family)
    }

    /// The rest of this path, if it is below the path of `other`.
    fn rest_below(&self, other: &Endpoint) -> Option<&'static str> {
        let rest = self.route_path().strip_prefix(other.route_path())?;
        rest.strip_prefix('/')
    }

    /// Whether the trailing-slash route `route` received a request of a narrower one.
    ///
    /// `captured` is the match of its `{slash+}`. Some gateways do not match `/x/` against
    /// `/x/{slash+}`, so a broader trailing-slash route receives the request and must redirect it.
    pub(crate) fn is_shadowed(all: &[Endpoint], route: &str, captured: &str) -> bool {
        // Nearly every request ends here. It must cost next to nothing.
        let Some(rest) = captured.strip_suffix('/') else {
            return false;
        };
        let route = route.strip_suffix(TRAILING_SLASH);
        let Some((method, path)) = route.and_then(|route| route.split_once(' ')) else {
            return false;
        };
        let mut same_method = all
            .iter()
            .filter(|endpoint| endpoint.method.as_str() == method);
        let broader = same_method
            .clone()
            .find(|endpoint| endpoint.route_path() == path);
        broader.is_some_and(|broader| {
            same_method.any(|endpoint| {
                endpoint.is_below(broader) && endpoint.rest_below(broader) == Some(rest)
            })
        })
    }

    /// The methods of the endpoints with this path, in the order of their names.
    #[must_use]
    pub fn methods(all: &[Endpoint], path: &str) -> Vec<Method> {
        let found = all.iter().filter(|endpoint| endpoint.route_path() == path);
        let mut methods: Vec<_> = found.map(|endpoint| endpoint.method).collect();
        methods.sort_unstable();
        methods
    }
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(
    clippy::upper_case_acronyms,
    reason = "methods are written in capitals"
)]
pub enum Method {
    /// Deletes.
    DELETE,
    /// Reads.
    GET,
    /// Creates, or acts.
    POST,
    /// Changes.
    PUT,
}

impl Method {
    /// The method as in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DELETE => "DELETE",
            Self::GET => "GET",
            Self::POST => "POST",
            Self::PUT => "PUT",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares [`Grant`]: each variant with the environment variables that go with it.
macro_rules! grants {
    ($($(#[$doc:meta])* $grant:ident $(=> [$($variable:literal),*])?,)*) => {
        /// A permission of a function on AWS: a policy of `template.yaml`, by its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Grant {
            $($(#[$doc])* $grant,)*
        }

        impl Grant {
            /// The environment variables that a function with this grant needs in addition to the
            /// common ones.
            #[must_use]
            pub fn variables(self) -> &'static [&'static str] {
                match self {
                    $(Self::$grant => &[$($($variable),*)?],)*
                }
            }
        }
    };
}

grants! {
    /// Makes a change of another user conditional on the caller's role.
    MayActForOthers,
    /// Updates a user's own item, and no key.
    MayChangeUsers,
    /// Counts verification e-mails.
    MayCountVerifications,
    /// Creates a mail code, and counts it.
    MayCreateMailCodes,
    /// Writes messages to the outbox.
    MayEnqueueMessages,
    /// Reads which user has an e-mail address.
    MayFindByEmail,
    /// Reads which user has a WeChat OpenID.
    MayFindByOpenId,
    /// Reads which user has a user name.
    MayFindByUsername,
    /// Writes a mail code that nobody asked for, without a count.
    MayIssueMailCodes,
    /// Reads the user index.
    MayListUsers,
    /// Counts the tries of a password, and records a login in the user's item.
    MayLogIn,
    /// Writes avatars to the bucket.
    MayPutAvatars => ["AVATARS_BUCKET", "AVATARS_URL"],
    /// Reads users with their password hashes.
    MayReadPasswords,
    /// Reads users without their password hashes.
    MayReadUsers,
    /// Restores the marker of a former e-mail address.
    MayRestoreEmails,
    /// Moves the markers of an e-mail address and a phone number.
    MaySetContacts,
    /// Counts the tries of a password, and sets a new one.
    MaySetPasswords => ["COMMON_PASSWORDS"],
    /// Moves the marker of a phone number, also for another user.
    MaySetPhones,
    /// Moves the marker of a user name.
    MaySetUsernames,
    /// Creates a user, and counts it.
    MaySignUp => ["COMMON_PASSWORDS", "NEW_USER_ACCESS"],
    /// Counts the tries of a mail code, or uses it up.
    MayTryMailCodes,
    /// Reads the key that derives mail codes.
    MayUseCodeKey => ["CODE_KEY"],
    /// Reads the key that encrypts fields.
    MayUseDataKey => ["DATA_KEY"],
    /// Reads the key that signs tokens.
    MayUseTokenKey,
    /// Appends to the audit log.
    MayWriteAuditLog,
}

/// The memory of a function. Lambda allots processor time in proportion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// 256 MiB.
    Standard,
    /// 1,024 MiB for password hashing, and a limit on how many instances run at once.
    Hashing,
    /// 1,769 MiB, a whole processor, for decoding images.
    Image,
    /// 128 MiB for a constant response.
    Constant,
}
