//! The canonical form for comparing e-mail addresses, user names and phone numbers.

use unicode_normalization::UnicodeNormalization;

/// A text after trimming, Unicode NFKC and lowercasing.
///
/// The conversion is idempotent in this order only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical form of `text`. `None` if it contains invisible characters, since two texts
    /// that look the same could then differ.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(is_invisible) {
            return None;
        }
        let form: String = text.trim().nfkc().collect();
        let form = form.trim().to_lowercase();
        (!form.chars().any(is_invisible)).then_some(Self(form))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Joiners (U+200C, U+200D) and Unicode's `Variation_Selector`, which some scripts and emoji need.
pub(super) fn is_joiner(c: char) -> bool {
    matches!(c,
        '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0100}'..='\u{E01EF}')
}

/// Control characters, zero-width characters, bidirectional formatting characters, and the blank of
/// Braille, which is a symbol to Unicode but shows nothing.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::Canonical;

    #[test]
    fn the_canonical_form_is_idempotent_for_every_character() {
        for c in '\0'..=char::MAX {
            let Some(once) = Canonical::parse(&format!("a{c}b")) else {
                continue;
            };
            assert_eq!(
                Canonical::parse(once.as_str()).as_ref(),
                Some(&once),
                "{c:?}"
            );
        }
    }

    #[test]
    fn invisible_characters_are_rejected() {
        for hidden in [
            "a\u{200B}b",
            "a\u{202E}b",
            "a\0b",
            "a\r\nb",
            "\u{FEFF}ab",
            "a\u{AD}b",
            "a\u{2800}b",
            "\u{2800}",
        ] {
            assert_eq!(Canonical::parse(hidden), None, "{hidden:?}");
        }
    }
}
