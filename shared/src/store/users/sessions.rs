//! Sessions: their ends, and the rotation of refresh tokens.
//!
//! A login and a sign-up start them, in their own writes.

use jiff::SignedDuration;

use super::Users;
use super::change::Lock;
use crate::domain::{
    Actor, Authority, Error, RefreshState, RefreshToken, Result, SessionId, User, UserChange, clock,
};

impl Users {
    /// Ends one session of `user`.
    ///
    /// # Errors
    /// The authority's error if the actor lost it meanwhile.
    pub async fn end_session(&self, user: User, id: &SessionId, actor: &Actor) -> Result<()> {
        self.change_sessions(user, actor, |user| user.end_session(id))
            .await
    }

    /// Ends all sessions of `user` but `keep`.
    ///
    /// # Errors
    /// As [`Users::end_session`].
    pub async fn end_other_sessions(
        &self,
        user: User,
        keep: &SessionId,
        actor: &Actor,
    ) -> Result<()> {
        self.change_sessions(user, actor, |user| user.end_other_sessions(keep))
            .await
    }

    /// Ends all sessions of `user`. Concurrent logins cannot make it fail.
    ///
    /// # Errors
    /// As [`Users::end_session`].
    pub async fn end_sessions(&self, user: User, actor: &Actor) -> Result<User> {
        let lock = Lock::AllButSessions(&[]);
        self.write(user, actor, lock, UserChange::end_sessions, |_, _| {
            Ok(vec![])
        })
        .await
    }

    /// Exchanges a refresh token for the next one, and extends its session. Returns the user, the
    /// session and the next token. One read and one write.
    ///
    /// A token that was used before ends its session, because someone has a copy of it.
    ///
    /// # Errors
    /// [`Error::BadToken`] for anything but a current token of a session that has not ended, and
    /// for a blocked user.
    pub async fn refresh(
        &self,
        token: &str,
        access_lifetime: SignedDuration,
        actor: &Actor,
    ) -> Result<(User, SessionId, String)> {
        let (uuid, token) = RefreshToken::decode(token).ok_or(Error::BadToken)?;
        let user = self.by_uuid(uuid).await?.ok_or(Error::BadToken)?;
        let state = user.sessions.refresh_state(&token);
        let actor = Actor {
            user: Some(uuid),
            authority: Authority::RefreshToken(token.clone(), state),
            ..actor.clone()
        };
        match state {
            RefreshState::Current => {
                let (next, now) = (token.next()?, clock::now());
                let rotate = |user: &mut UserChange| {
                    user.rotate_refresh_token(&token, &next, access_lifetime, now);
                };
                let user = self
                    .write(user, &actor, Lock::User, rotate, |_, _| Ok(vec![]))
                    .await?;
                // After a lost response, `user` is a later read. The session may have ended since.
                match user.sessions.refresh_state(&next) {
                    RefreshState::Current => Ok((user, *token.session(), next.encode(uuid))),
                    _ => Err(Error::BadToken),
                }
            }
            RefreshState::Reused => {
                let end = |user: &mut UserChange| user.end_stolen_session(token.session());
                self.change_sessions(user, &actor, end).await?;
                Err(Error::BadToken)
            }
            RefreshState::JustRotated | RefreshState::Unknown => Err(Error::BadToken),
        }
    }

    /// Ends some sessions, and no others that start meanwhile.
    async fn change_sessions(
        &self,
        user: User,
        actor: &Actor,
        change: impl Fn(&mut UserChange),
    ) -> Result<()> {
        // An access token depends on the role and the block, which IAM does not let these functions name.
        self.write(user, actor, Lock::User, change, |_, _| Ok(vec![]))
            .await
            .map(drop)
    }
}
