//! The user's text fields.
//!
//! Each type keeps the text as entered, trimmed. Unique fields are compared in canonical form.
//! Display texts may contain joiners, which some scripts and emoji need. Unique fields may not.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Deserializer, de};
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

use super::canonical::{is_invisible, is_joiner};
use super::{Canonical, PhoneRegion, UserId};

/// The problem with a text, worded to follow the field's name.
type InvalidValue = &'static str;

const INVISIBLE: InvalidValue = "must not contain invisible characters";

/// An e-mail address: ASCII, within RFC 5321's lengths, with a dot in the domain.
///
/// Without display name, quotes or address literal: the stored text is the address itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// The form in which addresses are compared.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        canonical_form(&self.0)
    }
}

impl FromStr for Email {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const INVALID: InvalidValue = "is not a valid e-mail address";
        let text = text.trim();
        let form = Canonical::parse(text).ok_or(INVALID)?;
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let is_address = |text: &str| {
            text.is_ascii()
                && text.len() <= 254
                && !text.contains('"')
                && EmailAddress::parse_with_options(text, options)
                    .is_ok_and(|address| is_domain(address.domain()))
        };
        // An address in compatibility characters is stored as ASCII, which all mail servers accept.
        match (is_address(text), is_address(form.as_str())) {
            (true, _) => Ok(Self(text.to_owned())),
            (false, true) => Ok(Self(form.as_str().to_owned())),
            (false, false) => Err(INVALID),
        }
    }
}

/// Whether all labels consist of letters, digits and hyphens (RFC 5321, section 2.3.5).
fn is_domain(text: &str) -> bool {
    let known = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.')
        .all(|label| known(label) && !label.starts_with('-') && !label.ends_with('-'))
}

/// A user name: 1 to 50 characters without `@`, so that it is never taken for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The name of the first administrator.
    pub const ADMINISTRATOR: &str = "admin";

    /// The form in which user names are compared.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        canonical_form(&self.0)
    }

    /// Whether the name is reserved for the first administrator, in any spelling, or looks like it
    /// with letters of other scripts (Unicode Technical Standard 39, section 4).
    ///
    /// Documentation refers to that account by its name, so no other account may have it.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let canonical = self.canonical();
        canonical.as_str() == Self::ADMINISTRATOR
            || !canonical.as_str().is_ascii() && looks(&self.0) == looks(Self::ADMINISTRATOR)
    }

    /// The default name of a user who chose none: `u<id>`.
    #[must_use]
    pub fn for_id(id: UserId) -> Self {
        Self(format!("u{id}"))
    }
}

impl FromStr for Username {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = strict_text(text, 1, 50, "must be 1 to 50 characters")?;
        let canonical = canonical_form(&text);
        if canonical.as_str().contains('@') {
            return Err("must not contain @");
        }
        if canonical.as_str().is_empty() {
            return Err("must be 1 to 50 characters");
        }
        Ok(Self(text))
    }
}

/// A user name as the center's document requires it at sign-up: 3 to 50 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpUsername(Username);

impl FromStr for SignUpUsername {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const INVALID: InvalidValue = "must be 3 to 50 characters";
        let name: Username = match text.trim().chars().count() {
            3..=50 => text.parse()?,
            _ => return Err(INVALID),
        };
        match name.canonical().as_str().chars().count() {
            0..=2 => Err(INVALID),
            _ => Ok(Self(name)),
        }
    }
}

impl From<SignUpUsername> for Username {
    fn from(name: SignUpUsername) -> Self {
        name.0
    }
}

/// A display name: 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nickname(String);

impl FromStr for Nickname {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        display_text(text).map(Self)
    }
}

/// A phone number: 3 to 20 characters, digits and common separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// The form in which phone numbers are compared: the international one, if the number has one.
    /// A number without a calling code is of `region`.
    #[must_use]
    pub fn canonical(&self, region: PhoneRegion) -> Canonical {
        let form = canonical_form(&self.0);
        let international = region.e164(form.as_str());
        international.map_or(form, |number| canonical_form(&number))
    }
}

impl FromStr for Phone {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = strict_text(text, 3, 20, "must be 3 to 20 characters")?;
        let form = canonical_form(&text);
        let digits = form.as_str().chars().filter(char::is_ascii_digit).count();
        let known = form
            .as_str()
            .chars()
            .all(|c| c.is_ascii_digit() || " +-().#*".contains(c));
        if known && digits >= 3 {
            Ok(Self(text))
        } else {
            Err("is not a phone number")
        }
    }
}

/// An `https` or `http` URL of an avatar: at most 2,048 characters, without user information.
///
/// An international host name is in ASCII, as DNS has it. The service never fetches the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvatarUrl(String);

impl FromStr for AvatarUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const INVALID: InvalidValue = "must be an http or https URL with its host name in ASCII";
        let text = strict_text(text, 1, 2048, "must be 1 to 2048 characters")?;
        let uri: http::Uri = text.parse().map_err(|_| INVALID)?;
        let authority = uri.authority().ok_or(INVALID)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_web || authority.host().is_empty() || !authority.as_str().is_ascii() {
            return Err(INVALID);
        }
        if authority.as_str().contains('@') {
            return Err("must not hold user information");
        }
        Ok(Self(text))
    }
}

/// A third-party API key that a user stores: 1 to 255 characters.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        strict_text(text, 1, 255, "must be 1 to 255 characters").map(Self)
    }
}

/// A real name: 1 to 100 characters. It has no `Debug` or `Display`, so logs cannot leak it.
#[derive(Clone)]
pub struct RealName(String);

impl RealName {
    /// The name itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for RealName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        display_text(text).map(Self)
    }
}

/// An ID card number of any country: 4 to 32 ASCII letters, digits and hyphens.
///
/// It has no `Debug` or `Display`, so logs cannot leak it.
#[derive(Clone)]
pub struct IdCard(String);

impl IdCard {
    /// The number itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdCard {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = strict_text(text, 4, 32, "must be 4 to 32 characters")?;
        let known = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if known {
            Ok(Self(text))
        } else {
            Err("must be letters, digits and hyphens")
        }
    }
}

/// A WeChat OpenID: 1 to 128 visible ASCII characters, case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatOpenId(String);

impl WechatOpenId {
    /// The prefix of names that stand in for a missing OpenID. No OpenID may start with it.
    pub const LOCAL: &str = "local:";

    /// The OpenID, which is also its canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WechatOpenId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = text.trim();
        if !(1..=128).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be 1 to 128 visible ASCII characters");
        }
        if text.starts_with(Self::LOCAL) {
            return Err("must not start with local:");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A short free text: 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortText(String);

impl FromStr for ShortText {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        display_text(text).map(Self)
    }
}

/// Validates a display text: 1 to 100 characters after trimming, with a visible first one.
///
/// Of the invisible characters it may contain joiners only.
fn display_text(text: &str) -> Result<String, InvalidValue> {
    let text = text.trim();
    if !(1..=100).contains(&text.chars().count()) {
        return Err("must be 1 to 100 characters");
    }
    if text.starts_with(is_joiner) || text.chars().any(|c| is_invisible(c) && !is_joiner(c)) {
        return Err(INVISIBLE);
    }
    Ok(text.to_owned())
}

/// Validates a text: `min` to `max` characters after trimming, none of them invisible.
fn strict_text(
    text: &str,
    min: usize,
    max: usize,
    reason: InvalidValue,
) -> Result<String, InvalidValue> {
    let text = text.trim();
    if !(min..=max).contains(&text.chars().count()) {
        return Err(reason);
    }
    Canonical::parse(text).ok_or(INVISIBLE)?;
    Ok(text.to_owned())
}

/// The look of a text: equal for texts whose letters look alike, in any case.
fn looks(text: &str) -> String {
    let compatible: String = text.nfkc().collect();
    let skeleton: String = skeleton(&compatible).collect();
    // The skeleton of m is rn, and that of a capital I is l.
    let lower = skeleton.to_lowercase();
    lower.replace("rn", "m").replace('l', "i")
}

/// The canonical form of a text that was parsed, and so has one.
fn canonical_form(text: &str) -> Canonical {
    Canonical::parse(text).unwrap_or_default()
}

/// Implements deserialization from a string, through [`FromStr`].
macro_rules! text_value {
    ($($value:ty),*) => {$(
        impl<'de> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
text_value!(
    Email,
    Username,
    SignUpUsername,
    Nickname,
    Phone,
    AvatarUrl,
    ApiKey,
    WechatOpenId
);

macro_rules! displayable_value {
    ($($value:ty),*) => {$(
        impl fmt::Display for $value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $value {
            /// A text from the store, which was validated before it was stored.
            pub(crate) fn stored(text: String) -> Self {
                Self(text)
            }
        }

        impl From<$value> for String {
            fn from(value: $value) -> Self {
                value.0
            }
        }
    )*};
}
displayable_value!(
    Email,
    Username,
    Nickname,
    Phone,
    AvatarUrl,
    WechatOpenId,
    ShortText
);

#[cfg(test)]
mod tests {
    use super::{
        AvatarUrl, Email, Nickname, Phone, RealName, ShortText, SignUpUsername, Username,
        WechatOpenId,
    };

    #[test]
    fn an_email_is_a_plain_deliverable_address() {
        for valid in [
            "a@b.co",
            "Test.User+tag@Example.COM",
            " spaced@example.com ",
            "\tspaced@example.com\n",
            "a_b!c@b-c.xn--p1ai",
        ] {
            assert!(valid.parse::<Email>().is_ok(), "{valid}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b.co\r\nBcc: x@y.zz",
            "A <a@b.co>",
            "a@[127.0.0.1]",
            "\"a\"@b.co",
            "ü@b.co",
            "a@b..co",
            "a,b@c.de",
            "a@b_c.de",
            "a@b!c.de",
            "a@b.c_d",
            "a@-b.de",
            "a@b-.de",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn look_alikes_are_one_name() {
        let canonical = |name: &str| name.parse::<Username>().unwrap().canonical();
        assert_eq!(canonical("Admin"), canonical("ａｄｍｉｎ"));
        assert_eq!(canonical("ſmith"), canonical("SMITH"));
        assert_eq!(
            "\u{212A}@example.com".parse::<Email>().unwrap().canonical(),
            "k@example.com".parse::<Email>().unwrap().canonical()
        );
    }

    #[test]
    fn a_user_name_is_never_an_address() {
        for bad in ["a@b", "a＠b.co", "", " ", "a\u{200B}bc", &"a".repeat(51)] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_at_sign_up_has_three_characters() {
        for short in ["明", "小明", " ab ", "ab"] {
            assert!(short.parse::<SignUpUsername>().is_err(), "{short}");
        }
        assert!("小明".parse::<Username>().is_ok());
        assert!("abc".parse::<SignUpUsername>().is_ok());
    }

    #[test]
    fn a_name_that_looks_like_a_reserved_one_is_reserved() {
        for reserved in [
            "admin",
            "ADMIN",
            "ａｄｍｉｎ",
            "\u{430}dmin",                   // Cyrillic а
            "adm\u{456}n",                   // Cyrillic і
            "\u{410}DMIN",                   // Cyrillic А
            "\u{391}D\u{39C}\u{399}\u{39D}", // Greek Α, Μ, Ι and Ν
            "adm\u{131}n",                   // dotless i
        ] {
            let name: Username = reserved.parse().unwrap();
            assert!(name.is_reserved(), "{reserved}");
        }
        for free in ["admins", "adm1n", "adrnin", "админ", "小明", "admín", "a"] {
            let name: Username = free.parse().unwrap();
            assert!(!name.is_reserved(), "{free}");
        }
    }

    #[test]
    fn display_texts_may_contain_joiners_and_user_names_may_not() {
        for valid in [
            "❤\u{FE0F}",
            "👨\u{200D}👩\u{200D}👧",
            "می\u{200C}خواهم",
            "葛\u{E0100}",
            "1\u{FE0F}\u{20E3}",
        ] {
            assert!(valid.parse::<Nickname>().is_ok(), "{valid:?}");
            assert!(valid.parse::<RealName>().is_ok(), "{valid:?}");
            assert!(valid.parse::<ShortText>().is_ok(), "{valid:?}");
            assert!(
                format!("abc{valid}").parse::<Username>().is_err(),
                "{valid:?}"
            );
        }
        for bad in [
            "\u{200D}",
            "\u{FE0F}a",
            " \u{200C}",
            "a\u{202E}b",
            "a\u{2066}b",
            "a\u{200B}b",
            "a\0b",
            "a\nb",
        ] {
            assert!(bad.parse::<Nickname>().is_err(), "{bad:?}");
            assert!(bad.parse::<RealName>().is_err(), "{bad:?}");
            assert!(bad.parse::<ShortText>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_phone_number_has_digits() {
        assert!("+86 138-0013-8000".parse::<Phone>().is_ok());
        for bad in ["", "12", "phone", "13800138000x", &"1".repeat(21)] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_open_id_is_visible_ascii_without_the_local_prefix() {
        assert_eq!(
            " oAbC_-1 ".parse::<WechatOpenId>().unwrap().as_str(),
            "oAbC_-1"
        );
        for bad in [
            "",
            " ",
            "a b",
            "a\0b",
            "ｏ",
            "local:",
            "local:a",
            &"a".repeat(129),
        ] {
            assert!(bad.parse::<WechatOpenId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_avatar_is_a_web_url_without_user_information() {
        for valid in [
            "https://example.com/new-avatar.jpg",
            "http://example.com/a.jpg",
            "http://127.0.0.1:8000/avatars/a.png",
            "https://xn--fsqu00a.xn--0zwm56d/a.png",
        ] {
            assert!(valid.parse::<AvatarUrl>().is_ok(), "{valid}");
        }
        for bad in [
            "https://例子.测试/a.png",
            "http://user@example.com/a.jpg",
            "ftp://example.com/a.jpg",
            &format!("https://example.com/{}", "a".repeat(2029)),
            "javascript:alert(1)",
            "//example.com/a",
            "https://",
            "https://user:pw@example.com/a",
            "/a.jpg",
            "data:image/png;base64,AA",
        ] {
            assert!(bad.parse::<AvatarUrl>().is_err(), "{bad}");
        }
    }
}
