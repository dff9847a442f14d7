//! The output of Rust's test harness.

/// The names of the failed tests, from the last list of failures in the output.
pub fn failed_tests(output: &str) -> Vec<&str> {
    let mut failed = Vec::new();
    for line in output.lines() {
        if line == "failures:" {
            failed.clear();
        } else if let Some(name) = line.strip_prefix("    ").filter(|name| is_test(name)) {
            failed.push(name);
        }
    }
    failed
}

fn is_test(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
    !name.is_empty() && name.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_those_of_the_last_list() {
        let output = "\
running 3 tests
test center::a_login ... ok
test whale::of_64_sign_ups_one_wins ... FAILED
test limits::one ... FAILED

failures:

---- whale::of_64_sign_ups_one_wins stdout ----
    not_a_test
assertion `left == right` failed
  left: 1

failures:
    limits::one
    whale::of_64_sign_ups_one_wins

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.21s

error: test failed, to rerun pass `--test api`
";
        let wanted = ["limits::one", "whale::of_64_sign_ups_one_wins"];
        assert_eq!(failed_tests(output), wanted);
    }

    #[test]
    fn output_without_a_list_has_no_failed_tests() {
        let output = "error[E0308]: mismatched types\n   --> src/lib.rs:1:1\n    |\n";
        assert!(failed_tests(output).is_empty());
        assert!(failed_tests("test result: ok. 3 passed; 0 failed\n").is_empty());
    }
}
