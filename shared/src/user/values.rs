//! The values a user is made of. Each keeps the text as given, trimmed; where it must be
//! unique, its canonical form is what is compared. What is only read by people may hold what their
//! writing and their emoji are joined with; what is compared or called may not.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Deserializer, de};

use super::canonical::{deceives, joins};
use super::{Canonical, UserId};

/// What is wrong with a text, to be read after its field's name.
type Flaw = &'static str;

const INVISIBLE: Flaw = "must not contain invisible characters";

/// An e-mail address: RFC 5321's lengths, ASCII, a domain with a dot; no display name, quotes
/// or address literal, so that what is stored is what mail is sent to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// The form in which addresses are compared.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        compared(&self.0)
    }
}

impl FromStr for Email {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        const FLAW: Flaw = "is not a valid e-mail address";
        let text = text.trim();
        let form = Canonical::of(text).ok_or(FLAW)?;
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let plain = |text: &str| {
            text.is_ascii()
                && text.len() <= 254
                && !text.contains('"')
                && EmailAddress::parse_with_options(text, options)
                    .is_ok_and(|address| is_domain(address.domain()))
        };
        // A look-alike in compatibility characters is written out; mail servers know only ASCII.
        match (plain(text), plain(form.as_str())) {
            (true, _) => Ok(Self(text.to_owned())),
            (false, true) => Ok(Self(form.as_str().to_owned())),
            (false, false) => Err(FLAW),
        }
    }
}

/// Whether all labels are of letters, digits and hyphens, as mail servers want them (RFC 5321, 2.3.5).
fn is_domain(text: &str) -> bool {
    let known = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.')
        .all(|label| known(label) && !label.starts_with('-') && !label.ends_with('-'))
}

/// A user name: 3 to 50 characters, none of them `@`, so that it is never taken for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The first administrator's.
    pub const ADMINISTRATOR: &str = "admin";

    /// The form in which user names are compared.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        compared(&self.0)
    }

    /// Whether nobody may choose the name: the first administrator's, in any spelling. What is
    /// documented of it must never be true of somebody else.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.canonical().as_str() == Self::ADMINISTRATOR
    }

    /// The name of a user who chose none.
    #[must_use]
    pub fn of(id: UserId) -> Self {
        Self(format!("u{id}"))
    }
}

impl FromStr for Username {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = visible(text, 3, 50, "must be 3 to 50 characters")?;
        let canonical = compared(&text);
        if canonical.as_str().contains('@') {
            return Err("must not contain @");
        }
        if canonical.as_str().chars().count() < 3 {
            return Err("must be 3 to 50 characters");
        }
        Ok(Self(text))
    }
}

/// A name to be shown: 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nickname(String);

impl FromStr for Nickname {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        written(text).map(Self)
    }
}

/// A phone number: at most 20 characters, digits and what people put between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// The form in which phone numbers are compared.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        compared(&self.0)
    }
}

impl FromStr for Phone {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = visible(text, 3, 20, "must be 3 to 20 characters")?;
        let form = compared(&text);
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

/// Where a picture is: an `https` URL of at most 2,048 characters, without user information.
/// Never fetched by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvatarUrl(String);

impl FromStr for AvatarUrl {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        const FLAW: Flaw = "must be an https URL";
        let text = visible(text, 1, 2048, "must be 1 to 2048 characters")?;
        let uri: lambda_http::http::Uri = text.parse().map_err(|_| FLAW)?;
        let authority = uri.authority().ok_or(FLAW)?;
        if uri.scheme_str() != Some("https") || authority.host().is_empty() {
            return Err(FLAW);
        }
        if authority.as_str().contains('@') {
            return Err("must not hold user information");
        }
        Ok(Self(text))
    }
}

/// A key to something of the user's own: 1 to 255 characters.
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
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        visible(text, 1, 255, "must be 1 to 255 characters").map(Self)
    }
}

/// A person's real name: 1 to 100 characters. Not printed by accident.
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
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        written(text).map(Self)
    }
}

/// The number of an ID card, of whichever country: 4 to 32 ASCII letters, digits and hyphens.
/// Not printed by accident.
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
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = visible(text, 4, 32, "must be 4 to 32 characters")?;
        let known = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if known {
            Ok(Self(text))
        } else {
            Err("must be letters, digits and hyphens")
        }
    }
}

/// An OpenID of WeChat's: 1 to 128 visible ASCII characters, told apart by case, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenId(String);

impl OpenId {
    /// What a name of ours begins with where it stands for an OpenID, so that none may.
    pub const LOCAL: &str = "local:";

    /// The OpenID as given, which is the form in which it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OpenId {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
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

/// A detail of where and how somebody lives, as they write it: 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail(String);

impl FromStr for Detail {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        written(text).map(Self)
    }
}

/// The text trimmed, if it has from 1 to 100 characters, hides none, and begins with one that is
/// seen.
fn written(text: &str) -> Result<String, Flaw> {
    let text = text.trim();
    if !(1..=100).contains(&text.chars().count()) {
        return Err("must be 1 to 100 characters");
    }
    if text.starts_with(joins) || text.chars().any(|c| deceives(c) && !joins(c)) {
        return Err(INVISIBLE);
    }
    Ok(text.to_owned())
}

/// The text trimmed, if it has from `fewest` to `most` characters and a canonical form.
fn visible(text: &str, fewest: usize, most: usize, flaw: Flaw) -> Result<String, Flaw> {
    let text = text.trim();
    if !(fewest..=most).contains(&text.chars().count()) {
        return Err(flaw);
    }
    Canonical::of(text).ok_or(INVISIBLE)?;
    Ok(text.to_owned())
}

/// The canonical form of a text that was found to have one when it was parsed.
fn compared(text: &str) -> Canonical {
    Canonical::of(text).unwrap_or_default()
}

/// What all these values have in common: they are read from a string, and written as one.
macro_rules! text_value {
    ($($value:ty),*) => {$(
        impl<'de> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
text_value!(Email, Username, Nickname, Phone, AvatarUrl, ApiKey, OpenId);

macro_rules! shown_value {
    ($($value:ty),*) => {$(
        impl fmt::Display for $value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $value {
            /// What was stored, which was parsed when it came in.
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
shown_value!(Email, Username, Nickname, Phone, AvatarUrl, OpenId, Detail);

#[cfg(test)]
mod tests {
    use super::{AvatarUrl, Detail, Email, Nickname, OpenId, Phone, RealName, Username};

    #[test]
    fn an_address_is_one_that_mail_can_be_sent_to() {
        for good in [
            "a@b.co",
            "Test.User+tag@Example.COM",
            " spaced@example.com ",
            "\tspaced@example.com\n",
            "a_b!c@b-c.xn--p1ai",
        ] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
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
        for bad in ["a@b", "a＠b.co", "ab", "a\u{200B}bc", &"a".repeat(51)] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_people_read_may_be_joined_and_what_is_compared_may_not() {
        for good in [
            "❤\u{FE0F}",
            "👨\u{200D}👩\u{200D}👧",
            "می\u{200C}خواهم",
            "葛\u{E0100}",
            "1\u{FE0F}\u{20E3}",
        ] {
            assert!(good.parse::<Nickname>().is_ok(), "{good:?}");
            assert!(good.parse::<RealName>().is_ok(), "{good:?}");
            assert!(good.parse::<Detail>().is_ok(), "{good:?}");
            assert!(
                format!("abc{good}").parse::<Username>().is_err(),
                "{good:?}"
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
            assert!(bad.parse::<Detail>().is_err(), "{bad:?}");
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
    fn an_open_id_is_ascii_as_it_stands_and_no_name_of_ours() {
        assert_eq!(" oAbC_-1 ".parse::<OpenId>().unwrap().as_str(), "oAbC_-1");
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
            assert!(bad.parse::<OpenId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_avatar_is_an_https_url_without_user_information() {
        assert!(
            "https://example.com/new-avatar.jpg"
                .parse::<AvatarUrl>()
                .is_ok()
        );
        for bad in [
            "http://example.com/a.jpg",
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
