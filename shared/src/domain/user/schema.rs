//! OpenAPI schemas of the user's field types.
//!
//! A schema accepts what the type's parser accepts, as far as a pattern can express it.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::{
    ApiKey, AvatarUrl, Email, IdCard, Nickname, Password, Phone, RealName, ShortText,
    SignUpUsername, UserId, Username,
};

/// Whitespace (Unicode's `White_Space`), which is trimmed at both ends.
const BLANK: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// The characters that [`super::Canonical`] rejects.
///
/// Those above U+FFFF are literal, since no escape for them is portable.
const INVISIBLE: &str = concat!(
    r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f",
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb",
    "\u{E0000}-\u{E0FFF}"
);
/// The same without joiners, which may appear in a text but not first.
const INVISIBLE_BUT_JOINERS: &str = concat!(
    r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f",
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb",
    "\u{E0000}-\u{E00FF}\u{E01F0}-\u{E0FFF}"
);
/// A character of the local part (RFC 5322's `atext`).
const ATEXT: &str = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
/// A label of a domain name.
const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

/// A text of `min` to `max` characters, none of them in `excluded`, surrounded by whitespace.
fn text(min: usize, max: usize, excluded: &str, example: &str) -> ObjectBuilder {
    let visible = format!(r"[^{BLANK}{INVISIBLE}{excluded}]");
    let any = format!(r"[^{INVISIBLE}{excluded}]");
    let inner = match min.checked_sub(2) {
        Some(min) => format!("{visible}{any}{{{min},{}}}{visible}", max.saturating_sub(2)),
        None => format!("{visible}({any}{{0,{}}}{visible})?", max.saturating_sub(2)),
    };
    plain(example).pattern(Some(format!("^[{BLANK}]*{inner}[{BLANK}]*$")))
}

/// A display text of 1 to 100 characters, surrounded by whitespace.
fn display_text(example: &str) -> ObjectBuilder {
    let first = format!("[^{BLANK}{INVISIBLE}]");
    let (any, last) = (
        format!("[^{INVISIBLE_BUT_JOINERS}]"),
        format!("[^{BLANK}{INVISIBLE_BUT_JOINERS}]"),
    );
    plain(example).pattern(Some(format!(
        "^[{BLANK}]*{first}({any}{{0,98}}{last})?[{BLANK}]*$"
    )))
}

fn plain(example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .examples([example])
}

/// An e-mail address.
///
/// The local part has at most 64 characters (RFC 5321, section 4.5.3.1.1). Few tools can generate
/// examples from an exact pattern of that. So the pattern limits the length of each dot-separated
/// part by the number of parts.
fn email() -> ObjectBuilder {
    let parts =
        |dots: &str, max: u32| format!(r"{ATEXT}{{1,{max}}}(\.{ATEXT}{{1,{max}}}){{{dots}}}");
    let local = [
        parts("0", 64),
        parts("1", 31),
        parts("2", 20),
        parts("3,4", 12),
    ]
    .join("|");
    let pattern = format!("^[{BLANK}]*({local})@({LABEL}\\.)+{LABEL}[{BLANK}]*$");
    plain("test@example.com")
        .max_length(Some(254))
        .pattern(Some(pattern))
}

fn user_id() -> ObjectBuilder {
    let object = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .examples([642_254_356_480_123_u64]);
    object
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some((1_u64 << UserId::BITS) - 1))
}

fn password() -> ObjectBuilder {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::Password));
    plain("password123")
        .format(format)
        .min_length(Some(8))
        .max_length(Some(100))
}

fn phone() -> ObjectBuilder {
    let pattern = r"^[ +().#*-]*[0-9][ +().#*-]*[0-9][ +().#*-]*[0-9][0-9 +().#*-]*$";
    plain("13800138000")
        .min_length(Some(3))
        .max_length(Some(20))
        .pattern(Some(pattern))
}

fn avatar_url() -> ObjectBuilder {
    let pattern = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,4}|:[1-5][0-9]{4})?([/?#][A-Za-z0-9._~!$&'()*+,;=:%/?#-]*)?$";
    plain("https://example.com/avatar.jpg")
        .max_length(Some(2048))
        .pattern(Some(pattern))
}

macro_rules! schemas {
    ($($value:ident: $schema:expr, $description:literal;)*) => {$(
        impl PartialSchema for $value {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some($description)).into()
            }
        }

        impl ToSchema for $value {
            fn name() -> Cow<'static, str> {
                stringify!($value).into()
            }
        }
    )*};
}

schemas! {
    UserId: user_id(), "The integer that the first bits of a user's UUID spell; JavaScript holds it exactly.";
    Username: text(1, 50, "@＠﹫", "testuser"), "A user name: 1 to 50 characters, none of them `@`.";
    SignUpUsername: text(3, 50, "@＠﹫", "testuser"), "A user name: 3 to 50 characters, none of them `@`.";
    Nickname: display_text("测试用户"), "A name to be shown: 1 to 100 characters.";
    Password: password(), "8 to 100 characters. A new one is refused if it is easy to guess, unless the service allows that.";
    Email: email(), "An e-mail address: ASCII, a domain with a dot.";
    Phone: phone(), "A phone number: 3 to 20 characters, at least 3 of them digits.";
    AvatarUrl: avatar_url(), "Where a picture is: an `https` or `http` URL without user information, its host name in ASCII. Never fetched by us.";
    ApiKey: text(1, 255, "", "sk-xxxxxxxxxxxxxxxx"), "A key to something of the user's own: 1 to 255 characters. Never shown.";
    RealName: display_text("张三"), "A person's real name: 1 to 100 characters.";
    IdCard: plain("110101199003071234").pattern(Some("^[A-Za-z0-9-]{4,32}$")), "The number of an ID card.";
    ShortText: display_text("15"), "A text of 1 to 100 characters.";
}
