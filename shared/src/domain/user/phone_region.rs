//! Regions of phone numbers, and the international form of a number (ITU-T E.164).
//!
//! Libraries with all numbering plans add 1.8 MB or more to every function that writes a user, and 20
//! ms or more to the first number. To compare numbers, the prefixes and lengths here are enough.

use std::str::FromStr;

/// The region of phone numbers that are written without a calling code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhoneRegion(&'static Plan);

/// How a region's numbers are written.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// The region (ISO 3166-1 alpha-2).
    region: &'static str,
    calling_code: &'static str,
    /// The prefixes of a call abroad, instead of `+`.
    international: &'static [&'static str],
    /// The prefix of a call inside the region, which is no part of the number. Empty if there is
    /// none.
    trunk: &'static str,
    /// The lengths of a number without prefixes, in digits.
    lengths: (usize, usize),
}

const fn plan(
    region: &'static str,
    calling_code: &'static str,
    international: &'static [&'static str],
    trunk: &'static str,
    lengths: (usize, usize),
) -> Plan {
    Plan {
        region,
        calling_code,
        international,
        trunk,
        lengths,
    }
}

/// The plans (ITU-T E.164 and E.123, national numbering plans).
const PLANS: [Plan; 33] = [
    plan("AE", "971", &["00"], "0", (8, 9)),
    plan("AU", "61", &["0011"], "0", (9, 9)),
    plan("BE", "32", &["00"], "0", (8, 9)),
    plan("CA", "1", &["011"], "1", (10, 10)),
    plan("CH", "41", &["00"], "0", (9, 9)),
    plan("CN", "86", &["00"], "0", (10, 11)),
    plan("CZ", "420", &["00"], "", (9, 9)),
    plan("DE", "49", &["00"], "0", (6, 11)),
    plan("DK", "45", &["00"], "", (8, 8)),
    plan("ES", "34", &["00"], "", (9, 9)),
    plan("FI", "358", &["00"], "0", (6, 11)),
    plan("FR", "33", &["00"], "0", (9, 9)),
    plan("GB", "44", &["00"], "0", (9, 10)),
    plan("HK", "852", &["001"], "", (8, 8)),
    plan("IE", "353", &["00"], "0", (7, 9)),
    plan("IN", "91", &["00"], "0", (10, 10)),
    plan("IT", "39", &["00"], "", (6, 11)),
    plan("JP", "81", &["010"], "0", (9, 10)),
    plan("KR", "82", &["001", "002"], "0", (8, 10)),
    plan("MO", "853", &["00"], "", (8, 8)),
    plan("MY", "60", &["00"], "0", (8, 10)),
    plan("NL", "31", &["00"], "0", (9, 9)),
    plan("NO", "47", &["00"], "", (8, 8)),
    plan("NZ", "64", &["00"], "0", (8, 10)),
    plan("PL", "48", &["00"], "", (9, 9)),
    plan("PT", "351", &["00"], "", (9, 9)),
    plan("RU", "7", &["810"], "8", (10, 10)),
    plan("SE", "46", &["00"], "0", (7, 9)),
    plan("SG", "65", &["000", "001"], "", (8, 8)),
    plan("TH", "66", &["001"], "0", (8, 9)),
    plan("TW", "886", &["00"], "0", (8, 9)),
    plan("US", "1", &["011"], "1", (10, 10)),
    plan("VN", "84", &["00"], "0", (9, 10)),
];

impl PhoneRegion {
    /// The codes of all regions, sorted.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        PLANS.iter().map(|plan| plan.region)
    }

    /// The international form of `number`, which consists of digits and separators: `+` and at most
    /// 15 digits. `None` if it is no number that can be called from abroad, such as a short number
    /// or a service code.
    pub(super) fn e164(self, number: &str) -> Option<String> {
        let after_plus = number.strip_prefix('+');
        if number.contains(['*', '#']) || after_plus.unwrap_or(number).contains('+') {
            return None;
        }
        let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        // `(0)` stands for a trunk prefix that is not dialled from abroad.
        let from_abroad = digits(&number.replacen("(0)", "", 1));
        let mut prefixes = self.0.international.iter();
        let international = match after_plus {
            Some(_) => Some(from_abroad.as_str()),
            None => prefixes.find_map(|prefix| from_abroad.strip_prefix(prefix)),
        };
        if let Some(international) = international {
            return self.international(international);
        }
        let digits = digits(number);
        let with_code = || self.national(digits.strip_prefix(self.0.calling_code)?);
        self.national(&digits).or_else(with_code)
    }

    /// The number of these digits, which begin with a calling code.
    fn international(self, digits: &str) -> Option<String> {
        match digits.strip_prefix(self.0.calling_code) {
            Some(national) => self.national(national),
            None if digits.starts_with('0') => None,
            None => (7..=15)
                .contains(&digits.len())
                .then(|| format!("+{digits}")),
        }
    }

    /// The number of these digits, which can begin with the trunk prefix.
    fn national(self, digits: &str) -> Option<String> {
        let Plan {
            calling_code,
            trunk,
            lengths: (min, max),
            ..
        } = self.0;
        let fits = |number: &&str| (*min..=*max).contains(&number.len());
        let without_trunk = match *trunk {
            "" => None,
            trunk => digits.strip_prefix(trunk).filter(fits),
        };
        // No number begins with the trunk prefix 0. Another one can be the first digit of a number.
        let whole = Some(digits)
            .filter(|digits| fits(digits) && !(*trunk == "0" && digits.starts_with('0')));
        let number = without_trunk.or(whole)?;
        Some(format!("+{calling_code}{number}"))
    }
}

impl FromStr for PhoneRegion {
    type Err = &'static str;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let plan = PLANS.iter().find(|plan| plan.region == code);
        plan.map(Self).ok_or("is not a region of phone numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::PhoneRegion;

    fn e164(region: &str, number: &str) -> Option<String> {
        region.parse::<PhoneRegion>().unwrap().e164(number)
    }

    #[test]
    fn all_spellings_of_a_number_have_one_international_form() {
        for (region, number, spellings) in [
            (
                "CN",
                "+8613800138000",
                &[
                    "13800138000",
                    "138 0013-8000",
                    "013800138000",
                    "+86 138 0013 8000",
                    "+86 (0)138 0013 8000",
                    "0086-138-0013-8000",
                    "86 13800138000",
                ][..],
            ),
            (
                "CN",
                "+861088886666",
                &["010-8888 6666", "(010) 88886666", "+86.10.8888.6666"],
            ),
            (
                "CN",
                "+442079460958",
                &[
                    "+44 20 7946 0958",
                    "+44 (0)20 7946 0958",
                    "0044 (0)20 79460958",
                ],
            ),
            (
                "GB",
                "+442079460958",
                &["020 7946 0958", "+44 (0)20 7946 0958", "0044 20 7946 0958"],
            ),
            (
                "GB",
                "+8613800138000",
                &["+8613800138000", "008613800138000"],
            ),
            (
                "US",
                "+16502530000",
                &["(650) 253-0000", "1 650 253 0000", "+1 650-253-0000"],
            ),
            ("US", "+8613800138000", &["011 86 138 0013 8000"]),
            (
                "RU",
                "+78005553535",
                &["800 555-35-35", "8 800 555-35-35", "+7 800 555 35 35"],
            ),
            (
                "IT",
                "+390669812345",
                &["06 6981 2345", "+39 06 69812345", "0039 0669812345"],
            ),
            (
                "SG",
                "+8613800138000",
                &["001 8613800138000", "000 8613800138000"],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(
                    e164(region, spelling).as_deref(),
                    Some(number),
                    "{region} {spelling}"
                );
            }
        }
    }

    #[test]
    fn a_short_number_and_a_service_code_have_no_international_form() {
        for number in [
            "110",
            "88886666",
            "*100#",
            "+86",
            "+86 123",
            "+0123456789",
            "00",
            "13800138000#1",
            "1380013800+0",
            "0138001380",
            "+1234567890123456",
        ] {
            assert_eq!(e164("CN", number), None, "{number}");
        }
    }

    #[test]
    fn the_regions_are_sorted() {
        assert!(PhoneRegion::codes().is_sorted());
    }
}
