//! Filters on the three flags of users.

/// The number of combinations of the flags.
const COMBINATIONS: u8 = 8;

/// A user's flags: one of eight combinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flags(u8);

impl Flags {
    /// All combinations.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..COMBINATIONS).map(Self)
    }

    /// The combination of these flags.
    pub(super) fn new(email_verified: bool, blocked: bool, featured: bool) -> Self {
        let bit = |flag: bool, at: u8| u8::from(flag) << at;
        Self(bit(email_verified, 2) | bit(blocked, 1) | bit(featured, 0))
    }

    /// Three binary digits, for `email_verified`, `blocked` and `featured`.
    pub(super) fn digits(self) -> String {
        format!("{:03b}", self.0)
    }

    /// The combination of three binary digits.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        u8::from_str_radix(digits, 2)
            .ok()
            .filter(|bits| *bits < COMBINATIONS)
            .map(Self)
    }

    fn bit(self, at: u8) -> bool {
        self.0 >> at & 1 == 1
    }
}

/// A filter of users by flags. `None` matches both values of a flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether the e-mail address is verified.
    pub email_verified: Option<bool>,
    /// Whether the user is blocked.
    pub blocked: Option<bool>,
    /// Whether the user is featured.
    pub featured: Option<bool>,
}

impl Filter {
    /// Whether users of these flags match.
    pub(super) fn matches(self, flags: Flags) -> bool {
        let matches =
            |value: Option<bool>, at: u8| value.is_none_or(|value| value == flags.bit(at));
        matches(self.email_verified, 2) && matches(self.blocked, 1) && matches(self.featured, 0)
    }
}
