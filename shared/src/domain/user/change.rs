//! A change of a user, with its audit events.

use std::ops::{Deref, DerefMut};

use jiff::{SignedDuration, Timestamp};

use crate::domain::user::values::{Email, Phone, Username};
use crate::domain::{
    AuditEvent, EncryptedField, FormerEmail, KnownSources, NewSession, PasswordHash, RefreshToken,
    Role, SessionId, Source, User, WechatOpenId, clock,
};

/// A user that is being changed.
///
/// Audited fields are changed through a method, which adds an event if it has an effect. All other
/// fields are set directly.
#[derive(Debug, Clone)]
pub struct UserChange {
    user: User,
    events: Vec<AuditEvent>,
}

impl UserChange {
    /// A change of `user` that has no effect yet.
    #[must_use]
    pub(crate) fn new(user: User) -> Self {
        Self {
            user,
            events: Vec::new(),
        }
    }

    /// The user after the change, and the events.
    #[must_use]
    pub(crate) fn finish(self) -> (User, Vec<AuditEvent>) {
        (self.user, self.events)
    }

    /// Sets the e-mail address. Returns whether it is a new one: its canonical form differs.
    ///
    /// A new address must be verified. Links and codes mailed to the former one become void, even
    /// if it returns later. If the former one was verified, it is held, unless another already is:
    /// a second change must not end the hold on the owner's address. If the held address returns,
    /// its hold ends, and it is verified as before: nobody else could have it meanwhile.
    pub fn set_email(&mut self, email: Email) -> bool {
        let is_new = email.canonical() != self.email.canonical();
        if is_new {
            self.email_version = self.email_version.saturating_add(1);
            self.events.push(AuditEvent::Email);
            let held = self.former_email.take().filter(FormerEmail::is_held);
            let returns = |held: &FormerEmail| held.email.canonical() == email.canonical();
            let (verified, former) = match held {
                Some(held) if returns(&held) => (true, None),
                None if self.email_verified => {
                    let hold = FormerEmail::hold(self.email.clone(), self.email_version);
                    (false, Some(hold))
                }
                held => (false, held),
            };
            self.email_verified = verified;
            self.former_email = former;
        }
        self.email = email;
        is_new
    }

    /// Restores the former address, verified, if it is held since the address of `version`
    /// replaced it. Ends all sessions, since a stolen one may have changed the address.
    pub fn undo_email_change(&mut self, version: u64) {
        let held = self.held_email().filter(|held| held.version == version);
        if let Some(held) = held.cloned() {
            self.email = held.email;
            self.email_verified = true;
            self.email_version = self.email_version.saturating_add(1);
            self.former_email = None;
            self.end_sessions();
            self.events.push(AuditEvent::EmailChangeUndone);
        }
    }

    /// Sets the user name.
    pub fn set_username(&mut self, name: Username) {
        let event = (self.username != name).then_some(AuditEvent::Username);
        self.events.extend(event);
        self.username = name;
    }

    /// Sets or clears the phone number.
    pub fn set_phone(&mut self, phone: Option<Phone>) {
        let event = (self.phone != phone).then_some(AuditEvent::Phone);
        self.events.extend(event);
        self.phone = phone;
    }

    /// Sets or clears the API key.
    pub fn set_apikey(&mut self, apikey: Option<EncryptedField>) {
        let event = (self.apikey != apikey).then_some(AuditEvent::ApiKey);
        self.events.extend(event);
        self.apikey = apikey;
    }

    /// Resets the rate limits.
    pub fn clear_limits(&mut self) {
        self.limit_epoch = self.limit_epoch.saturating_add(1);
        self.events.push(AuditEvent::LimitsCleared);
    }

    /// Forgets all sources that the user signed in from: one of them may be a thief's.
    pub(crate) fn forget_sources(&mut self) {
        self.user.known_sources = KnownSources::default();
    }

    /// Adds a source that the user signed in from.
    pub(crate) fn add_source(&mut self, source: &Source) {
        let hash = source.hash(&self.uuid.to_string());
        self.user.known_sources.add(hash, clock::seconds());
    }

    /// Marks the address as verified.
    pub fn verify_email(&mut self) {
        let event = (!self.email_verified).then_some(AuditEvent::EmailVerified);
        self.events.extend(event);
        self.email_verified = true;
    }

    /// Marks the address as verified, after a code that was mailed to it is used. If it was not
    /// verified before, a stranger may have signed up with it. So this clears the personal fields
    /// that the owner of the mailbox could not replace, or that would lead others to them.
    ///
    /// An account without a password was imported and never used. Its fields are the operator's.
    pub fn recover(&mut self) {
        if !self.email_verified && !self.has_no_password() {
            self.phone = None;
            self.real_name = None;
            self.id_card = None;
            self.events.push(AuditEvent::Recovered);
        }
        self.verify_email();
    }

    /// Sets the password hash, ends all sessions and revokes all access tokens.
    pub fn set_password(&mut self, password: PasswordHash) {
        if self.password.as_ref() != Some(&password) {
            self.password = Some(password);
            self.token_version = self.token_version.saturating_add(1);
            self.user.sessions.end_all();
            self.events.push(AuditEvent::Password);
        }
    }

    /// Sets the role.
    pub fn set_role(&mut self, role: Role) {
        let event = (self.role != role).then_some(AuditEvent::Role);
        self.events.extend(event);
        self.role = role;
    }

    /// Blocks or unblocks the user. A block ends all sessions, and unblocking restores none.
    pub fn set_blocked(&mut self, blocked: bool) {
        let event = match (self.blocked, blocked) {
            (false, true) => Some(AuditEvent::Blocked),
            (true, false) => Some(AuditEvent::Unblocked),
            _ => None,
        };
        self.events.extend(event);
        self.blocked = blocked;
        if blocked {
            self.user.sessions.end_all();
        }
    }

    /// Sets or clears the featured flag.
    pub fn set_featured(&mut self, featured: bool) {
        let event = (self.featured != featured).then_some(AuditEvent::Featured);
        self.events.extend(event);
        self.featured = featured;
    }

    /// Binds or unbinds a WeChat OpenID.
    pub fn set_wechat_open_id(&mut self, id: Option<WechatOpenId>) {
        let event = (self.wechat_open_id != id).then_some(AuditEvent::WechatOpenId);
        self.events.extend(event);
        self.wechat_open_id = id;
    }

    /// Starts a session. Of too many, the oldest ends.
    pub(crate) fn start_session(&mut self, session: &NewSession) {
        self.user.sessions.start(session);
    }

    /// Replaces a refresh token, and extends its session. `access_lifetime` is that of the access
    /// tokens, which no session ends before.
    pub(crate) fn rotate_refresh_token(
        &mut self,
        from: &RefreshToken,
        to: &RefreshToken,
        access_lifetime: SignedDuration,
        now: Timestamp,
    ) {
        self.user.sessions.rotate(from, to, access_lifetime, now);
    }

    /// Ends one session.
    pub fn end_session(&mut self, id: &SessionId) {
        let ended = self.user.sessions.end(id);
        self.events
            .extend(ended.then_some(AuditEvent::SessionEnded));
    }

    /// Ends the session whose refresh token was used twice.
    pub(crate) fn end_stolen_session(&mut self, id: &SessionId) {
        let ended = self.user.sessions.end(id);
        self.events
            .extend(ended.then_some(AuditEvent::RefreshTokenReused));
    }

    /// Ends all sessions but `keep`.
    pub fn end_other_sessions(&mut self, keep: &SessionId) {
        let ended = self.user.sessions.end_others(keep);
        self.events
            .extend(ended.then_some(AuditEvent::SessionsEnded));
    }

    /// Ends all sessions.
    pub fn end_sessions(&mut self) {
        let ended = self.user.sessions.end_all();
        self.events
            .extend(ended.then_some(AuditEvent::SessionsEnded));
    }

    /// Saves the real name and the ID card number, unless either exists.
    pub fn save_real_name(&mut self, name: EncryptedField, id_card: EncryptedField) {
        if self.real_name.is_none() && self.id_card.is_none() {
            self.real_name = Some(name);
            self.id_card = Some(id_card);
            self.events.push(AuditEvent::RealName);
        }
    }
}

impl Deref for UserChange {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl DerefMut for UserChange {
    fn deref_mut(&mut self) -> &mut User {
        &mut self.user
    }
}
