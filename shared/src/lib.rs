//! User accounts: domain, storage and the HTTP APIs of four families.
//!
//! The modules are layers. A layer imports from those above it in this file, and from no other:
//!
//! | layer | what it is | knows |
//! |---|---|---|
//! | [`domain`] | users, roles, values, errors, authority | neither AWS nor HTTP |
//! | [`image`] | uploaded pictures, made harmless | bytes |
//! | [`telemetry`] | log lines and metrics | the domain's errors |
//! | [`aws`] | configuration, clients, secrets, encryption, S3, e-mail | AWS, but not DynamoDB's items |
//! | [`store`] | users, mail codes, rate limits, mail budget, outbox, audit log, user index | DynamoDB |
//! | [`api`] | requests, responses, the four families, tokens, OpenAPI | HTTP |
//! | [`runtime`] | Lambda: HTTP requests, stream records, commands | Lambda |
//!
//! A request takes this path. [`serve_http`] opens what the endpoint's first parameter names
//! ([`Users`], [`Tokens`], [`RateLimits`], …) and passes each [`Request`] to the endpoint. The body
//! is parsed into values that are valid by construction ([`Email`], [`Username`], [`Password`]).
//! [`Tokens`] authenticate the [`Caller`]. [`Users`] write a change, together with its audit record
//! and its e-mails, and check the caller's authority again when they do. The [`ApiFamily`] renders
//! what the endpoint returns, or its [`Error`].

/// Users, their values, and the rules about them. No AWS, no HTTP.
pub mod domain {
    mod account;
    mod actor;
    mod audit_event;
    mod authority;
    pub(crate) mod clock;
    mod error;
    mod language;
    pub(crate) mod mail_code;
    pub(crate) mod random;
    mod source;
    mod user;
    mod user_ref;

    pub use account::Account;
    pub use actor::Actor;
    pub use audit_event::AuditEvent;
    pub(crate) use authority::{AccessToken, Authority};
    pub use authority::{Admission, Caller};
    pub use error::{Error, ErrorCode, InternalError, InvalidField, Result};
    pub use language::Language;
    pub use mail_code::{MailCode, MailCodeGroup};
    pub use source::{KnownSources, Source};
    pub use user::{
        ApiKey, AvatarUrl, Canonical, Client, Email, EncryptedField, FormerEmail, IdCard,
        NewSession, NewUser, Nickname, Password, PasswordHash, Phone, PhoneRegion, RealName, Role,
        Session, SessionId, Sessions, ShortText, SignUpUsername, User, UserChange, UserId,
        Username, WechatOpenId,
    };
    pub(crate) use user::{RefreshHashes, RefreshState, RefreshToken, SecretHash, new_uuid};
    pub use user_ref::UserRef;
}

/// Uploaded pictures: decoded within limits, scaled down and encoded again.
pub mod image {
    mod decode;
    mod invalid;
    mod jpeg;
    mod picture;
    mod scale;
    #[cfg(test)]
    mod tests;
    mod webp;

    pub(crate) use picture::MAX_BYTES;
    pub use picture::Picture;
}

/// The log, and the metrics in it.
pub(crate) mod telemetry {
    pub(crate) mod log;
    pub(crate) mod request_metrics;
}

/// Configuration and AWS services other than DynamoDB.
pub mod aws {
    mod avatars;
    mod capacity;
    mod clients;
    mod config;
    mod connections;
    mod email_sender;
    mod email_template;
    mod field_cipher;
    mod http_client;
    mod password_policy;
    mod sdk_headers;
    mod secrets;
    mod signer;

    pub use avatars::Avatars;
    pub(crate) use avatars::key_of;
    pub use clients::AwsClients;
    pub use config::Config;
    pub use connections::{Connections, FromConfig};
    pub use email_sender::{EmailSender, SendFailure, Sent};
    pub use email_template::{EmailTemplate, RenderedEmail};
    pub use field_cipher::FieldCipher;
    pub(crate) use http_client::PooledClient;
    pub use password_policy::PasswordPolicy;
    pub(crate) use secrets::{CachedSecret, CodeKey, Secret, SecretRef, TokenKey};
    pub use secrets::{RotatedSecret, SecretRotation, Stage};
}

/// The tables in DynamoDB, each by the verbs that it has.
pub mod store {
    mod audit_log;
    pub(crate) mod dynamodb;
    mod grant_attributes;
    mod mail_budget;
    pub(crate) mod mail_codes;
    pub(crate) mod outbox;
    mod rate_limits;
    mod user_index;
    mod users;

    pub(crate) use audit_log::AuditLog;
    pub use audit_log::AuditRecord;
    pub use grant_attributes::grant_attributes;
    pub use mail_budget::MailBudget;
    pub use mail_codes::{CodeDeriver, MailCodes, VerifiedCode};
    pub use outbox::{
        EmailHold, NotificationKind, Outbox, OutboxMessage, RedriveReport, object_to_delete,
    };
    pub use rate_limits::{PasswordTries, RateLimit, RateLimits};
    pub use user_index::{
        ConsistencyReport, Filter, ListPage, Lookup, OrderBy, PagePosition, SortKey, UserIndex,
        UserSummary,
    };
    pub use users::{
        CleanupReport, ImportedRow, NewUserAccess, PasswordChangeProof, RowOutcome, SignIn, Users,
        UsersWithPasswords,
    };
}

/// HTTP: requests, responses, and how each family renders them.
pub mod api {
    pub mod admin;
    mod cursor;
    mod endpoint;
    mod families;
    mod html_page;
    pub mod openapi;
    mod request;
    mod response;
    mod static_file;
    mod tokens;

    pub use cursor::CursorCodec;
    pub use endpoint::{Endpoint, Grant, Memory, Method};
    pub use families::{
        ApiFamily, Campus, CampusChange, CampusProfile, Center, CenterProfile, CenterSession,
        Profile, ProfileAuth, ProfileName, ProfileResponse, ProfileUser, RawResponse, Whale,
        WhaleCaptcha, WhaleUser, error_response_for_path,
    };
    pub use html_page::HtmlPage;
    pub use request::{Clearable, Request, double_option, empty_as_none};
    pub use response::Response;
    pub use static_file::StaticFile;
    pub use tokens::Tokens;
}

/// Lambda: one process serves one function, one invocation at a time.
pub mod runtime {
    mod cfn_responder;
    mod commands;
    mod first_admin;
    mod http;
    mod panic_guard;
    mod process;
    mod streams;

    pub use commands::{Command, serve_commands};
    pub use first_admin::{CustomResourceRequest, FirstAdminResource};
    pub use http::serve_http;
    pub use streams::{serve_batches, serve_records};
}

pub use api::*;
pub use aws::*;
pub use domain::*;
pub use image::Picture;
pub use runtime::*;
pub use store::*;

pub use macros::endpoint;
