//! The languages of e-mails, and their negotiation.

use std::str::FromStr;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese, in simplified characters.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The preferred language of an `Accept-Language` header (RFC 9110, section 12.5.4).
    ///
    /// Of equal weights, the first wins. Without a preference it is Chinese. If only other
    /// languages are preferred, it is English.
    #[must_use]
    pub fn preferred(accept_language: Option<&str>) -> Self {
        let ranges: Vec<_> = accept_language
            .unwrap_or("*")
            .split(',')
            .filter_map(range)
            .collect();
        let supported: Vec<_> = ranges
            .iter()
            .filter_map(|(tag, weight)| Some((language_of_tag(tag)?, *weight)))
            .collect();
        let named = |language| supported.iter().any(|(named, _)| *named == language);

        // `*` matches every language that the header does not name.
        let wildcard = ranges
            .iter()
            .find(|(tag, _)| *tag == "*")
            .map(|(_, weight)| *weight);
        let rest = if ranges.len() == 1 {
            [Self::Zh, Self::En]
        } else {
            [Self::En, Self::Zh]
        };
        let rest = rest.into_iter().filter(|language| !named(*language));
        let rest = rest.filter_map(|language| Some((language, wildcard?)));

        let mut best = (Self::En, 0.0);
        for (language, weight) in supported.iter().copied().chain(rest) {
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The stored form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The language tag (RFC 5646), including the script.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-Hans",
            Self::En => "en",
        }
    }
}

impl FromStr for Language {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "zh" => Ok(Self::Zh),
            "en" => Ok(Self::En),
            _ => Err("is not a language of ours"),
        }
    }
}

/// Splits a language range such as `zh-Hans-CN;q=0.8` into tag and weight. `None` if malformed.
fn range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim_end()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim_start())
    });
    let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
    (0.0..=1.0).contains(&weight).then_some((tag, weight))
}

/// The language of a tag. Script and region are ignored.
fn language_of_tag(tag: &str) -> Option<Language> {
    tag.split('-').next()?.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Language::{self, En, Zh};

    #[test]
    fn the_highest_weight_wins_and_of_equal_ones_the_first() {
        for (header, language) in [
            ("zh-Hans-CN", Zh),
            ("zh-CN,zh;q=0.9,en;q=0.8", Zh),
            ("en-US,en;q=0.9,zh-CN;q=0.8", En),
            ("zh, en", Zh),
            ("en, zh", En),
            ("fr, zh;q=0.2, en;q=0.3", En),
            ("EN;Q=0.5 , ZH-tw ; q = 0.6", Zh),
            ("zh;q=0, en;q=0.1", En),
            ("zh;q=0", En),
            ("zh;q=2, en;q=0.1", En),
            ("zh;q=NaN", En),
            ("zhx", En),
            ("fr", En),
            ("", En),
            (";q=1,,", En),
            ("\u{0}é;=;q", En),
        ] {
            assert_eq!(Language::preferred(Some(header)), language, "{header}");
        }
    }

    #[test]
    fn a_star_is_every_language_not_named() {
        for (header, language) in [
            ("*", Zh),
            ("en;q=0, *", Zh),
            ("zh;q=0, *;q=0.5", En),
            ("zh;q=0.5, *;q=0.4", Zh),
            ("fr, *;q=0.5", En),
            ("*;q=0", En),
        ] {
            assert_eq!(Language::preferred(Some(header)), language, "{header}");
        }
        assert_eq!(Language::preferred(None), Zh);
    }

    #[test]
    fn a_stored_language_parses_to_itself() {
        for language in [Zh, En] {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        assert!("fr".parse::<Language>().is_err());
    }
}
