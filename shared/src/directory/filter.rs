//! The three flags by which users are listed.

use super::Listed;

/// How many kinds of users the flags make.
const KINDS: u8 = 8;

/// A user's flags: one of eight kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flags(u8);

impl Flags {
    /// Those of an entry.
    pub(super) fn of(entry: &Listed) -> Self {
        let bit = |flag: bool, at: u8| u8::from(flag) << at;
        Self(bit(entry.email_verified, 2) | bit(entry.blocked, 1) | bit(entry.featured, 0))
    }

    /// Three digits, for `email_verified`, `blocked` and `featured`.
    pub(super) fn digits(self) -> String {
        format!("{:03b}", self.0)
    }

    /// The flags of three digits.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        u8::from_str_radix(digits, 2)
            .ok()
            .filter(|bits| *bits < KINDS)
            .map(Self)
    }

    fn bit(self, at: u8) -> bool {
        self.0 >> at & 1 == 1
    }
}

/// Which users are wanted: a flag that is not given may be either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// Whether they are kept from logging in.
    pub blocked: Option<bool>,
    /// Whether they are recommended.
    pub featured: Option<bool>,
}

impl Filter {
    /// Whether it leaves nobody out.
    pub(super) fn admits_all(self) -> bool {
        self == Self::default()
    }

    /// Whether it admits users of these flags.
    pub(super) fn admits(self, flags: Flags) -> bool {
        let wants =
            |wanted: Option<bool>, at: u8| wanted.is_none_or(|wanted| wanted == flags.bit(at));
        wants(self.email_verified, 2) && wants(self.blocked, 1) && wants(self.featured, 0)
    }
}
