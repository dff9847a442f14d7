//! The form in which e-mail addresses, user names and phone numbers are compared.

use unicode_normalization::UnicodeNormalization;

/// A text trimmed, in Unicode's NFKC, in lower case. In this order, canonical twice is
/// canonical once; in the reverse order it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical form of `text`, or `None` where it holds characters that are not seen but
    /// tell two texts apart, or that change what is seen around them.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if text.chars().any(deceives) {
            return None;
        }
        let form: String = text.trim().nfkc().collect();
        let form = form.trim().to_lowercase();
        (!form.chars().any(deceives)).then_some(Self(form))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What joins characters or chooses how one looks, as writing and emoji need it: U+200C and U+200D,
/// and Unicode's `Variation_Selector`.
pub(super) fn joins(c: char) -> bool {
    matches!(c,
        '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0100}'..='\u{E01EF}')
}

/// Control characters; characters of no width; marks that turn the direction of reading.
pub(super) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::Canonical;

    #[test]
    fn canonical_twice_is_canonical_once_for_every_character() {
        for c in '\0'..=char::MAX {
            let Some(once) = Canonical::of(&format!("a{c}b")) else {
                continue;
            };
            assert_eq!(Canonical::of(once.as_str()).as_ref(), Some(&once), "{c:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_refused() {
        for hidden in [
            "a\u{200B}b",
            "a\u{202E}b",
            "a\0b",
            "a\r\nb",
            "\u{FEFF}ab",
            "a\u{AD}b",
        ] {
            assert_eq!(Canonical::of(hidden), None, "{hidden:?}");
        }
    }
}
