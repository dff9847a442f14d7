//! The rules for a new password, in addition to its length: the parameter `CommonPasswords`.

use std::fmt::Display;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Canonical, Error, InternalError, InvalidField, Password, PasswordHash, Result,
};

/// The most common passwords in canonical form, sorted by bytes, one a line.
///
/// `shared/passwords/LICENCES.txt` names the sources. The text itself is the set: a front-coded one
/// would be 50 kB smaller, and need a decoder. Only binaries that use it contain it.
const COMMON: &str = include_str!("../../passwords/common.txt");

/// Which new passwords are refused because they are easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// Those that an attacker tries first (ASVS 5.0, 6.2.4 and 6.2.11): the 10,000 most common
    /// ones, the account's own names, blanks, and one repeated character.
    RefuseCommon,
    /// None.
    AllowCommon,
}

impl PasswordPolicy {
    /// Fails if the new `password` of the account with these names is refused: user name, nickname
    /// and e-mail.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(self, password: &Password, names: &[&dyn Display]) -> Result<()> {
        if self == Self::RefuseCommon && is_easy(password.expose(), names) {
            return Err(Error::Invalid(InvalidField::new(
                "password",
                "is too common",
            )));
        }
        Ok(())
    }

    /// Checks the new `password` of the account with these names, and hashes it.
    ///
    /// # Errors
    /// As [`PasswordPolicy::check`].
    pub fn hash(self, password: &Password, names: &[&dyn Display]) -> Result<PasswordHash> {
        self.check(password, names)?;
        Ok(password.hash()?)
    }
}

impl FromConfig for PasswordPolicy {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        match connections.config.required("COMMON_PASSWORDS")?.as_str() {
            "refuse" => Ok(Self::RefuseCommon),
            "allow" => Ok(Self::AllowCommon),
            _ => Err(InternalError::new(
                "the variable COMMON_PASSWORDS is neither refuse nor allow",
            )),
        }
    }
}

/// Whether an attacker who knows the account's `names` guesses `password` soon.
fn is_easy(password: &str, names: &[&dyn Display]) -> bool {
    if is_repeated(password) {
        return true;
    }
    // A text with invisible characters has no canonical form. No list contains it.
    let Some(form) = Canonical::parse(password) else {
        return false;
    };
    let form = form.as_str();
    let names = names.iter().map(ToString::to_string);
    let mut names = names.filter_map(|name| Canonical::parse(&name));
    is_repeated(form) || is_common(form) || names.any(|name| is_name(form, name.as_str()))
}

/// Whether the text is one repeated character, or empty.
fn is_repeated(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.all(|character| Some(character) == first)
}

/// Whether `form` is `name`, or the part of an e-mail address before the `@`.
fn is_name(form: &str, name: &str) -> bool {
    let local_part = name.rsplit_once('@').map(|(local_part, _)| local_part);
    form == name || Some(form) == local_part
}

/// Whether the canonical `form` is one of the most common passwords: a binary search for its line.
fn is_common(form: &str) -> bool {
    let (mut lines, target) = (COMMON.as_bytes(), form.as_bytes());
    while !lines.is_empty() {
        let (before, after) = lines.split_at(lines.len() / 2);
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let rest = after.iter().position(|byte| *byte == b'\n');
        let end = before.len() + rest.unwrap_or(after.len());
        let line = lines.get(start..end).unwrap_or_default();
        lines = match target.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => lines.get(..start).unwrap_or_default(),
            std::cmp::Ordering::Greater => lines.get(end + 1..).unwrap_or_default(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Display;

    use super::{COMMON, Canonical, is_common, is_easy};

    #[test]
    fn the_list_is_sorted_canonical_and_complete() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert_eq!(lines.len(), 10_000);
        assert!(COMMON.ends_with('\n') && !COMMON.contains('\r'));
        assert!(lines.is_sorted_by(|a, b| a < b));
        for line in lines {
            let form = Canonical::parse(line).expect("a canonical form");
            assert_eq!(form.as_str(), line);
            assert!((8..=100).contains(&line.chars().count()), "{line}");
        }
    }

    #[test]
    fn every_listed_password_is_found_and_no_near_miss() {
        let listed: BTreeSet<&str> = COMMON.lines().collect();
        let is_listed = |text: &str| listed.contains(text);
        for line in &listed {
            assert!(is_common(line), "{line}");
            let shorter = line.get(..line.len() - 1).unwrap_or_default();
            let near = [
                format!("{line}\n"),
                format!("\n{line}"),
                format!("{line}~"),
                format!("!{line}"),
            ];
            for near in near.iter().map(String::as_str).chain([shorter]) {
                assert_eq!(is_common(near), is_listed(near), "{near:?}");
            }
        }
        for other in ["", "\n", "!", "~~~~~~~~", "\u{10FFFF}"] {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn an_easy_password_is_recognized_in_every_spelling() {
        let names = [
            &"TestUser1" as &dyn Display,
            &"昵称昵称昵称昵称",
            &"Some.Body@example.com",
        ];
        for easy in [
            "password",
            "PassWord123",
            " password ",
            "ｐａｓｓｗｏｒｄ",
            "12345678",
            "        ",
            "\u{3000}\u{3000}        ",
            "zzzzzzzz",
            "Zzzzzzzz",
            "\u{200B}\u{200B}\u{200B}\u{200B}\u{200B}\u{200B}\u{200B}\u{200B}",
            "testuser1",
            "昵称昵称昵称昵称",
            "some.body@EXAMPLE.com",
            "some.body",
        ] {
            assert!(is_easy(easy, &names), "{easy:?}");
        }
        for fine in [
            "testuser2",
            "pass word 1",
            "some.body@example",
            "@example.com",
            "example.com",
            "correct horse",
            "zzzzzzzy",
        ] {
            assert!(!is_easy(fine, &names), "{fine:?}");
        }
    }
}
