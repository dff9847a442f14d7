//! A change of a user, with its audit events.

use std::ops::{Deref, DerefMut};

use crate::domain::user::values::Email;
use crate::domain::{
    AuditEvent, EncryptedField, FormerEmail, PasswordHash, Role, User, WechatOpenId,
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

    /// Ends all sessions: revokes all access tokens.
    pub fn end_sessions(&mut self) {
        self.token_version = self.token_version.saturating_add(1);
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
        if !self.email_verified && self.password != PasswordHash::of_nobody() {
            self.phone = None;
            self.real_name = None;
            self.id_card = None;
            self.events.push(AuditEvent::Recovered);
        }
        self.verify_email();
    }

    /// Sets the password hash, and revokes all access tokens.
    pub fn set_password(&mut self, password: PasswordHash) {
        if self.password != password {
            self.password = password;
            self.token_version = self.token_version.saturating_add(1);
            self.events.push(AuditEvent::Password);
        }
    }

    /// Sets the role.
    pub fn set_role(&mut self, role: Role) {
        let event = (self.role != role).then_some(AuditEvent::Role);
        self.events.extend(event);
        self.role = role;
    }

    /// Blocks or unblocks the user.
    pub fn set_blocked(&mut self, blocked: bool) {
        let event = match (self.blocked, blocked) {
            (false, true) => Some(AuditEvent::Blocked),
            (true, false) => Some(AuditEvent::Unblocked),
            _ => None,
        };
        self.events.extend(event);
        self.blocked = blocked;
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
