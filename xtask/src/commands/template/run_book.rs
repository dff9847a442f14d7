//! Rules for the operator's run-book, `docs/operations.md`.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::json::at;
use crate::tools::{AWS_SAM_CLI, CARGO_LAMBDA};

/// Checks that the run-book names all alarms, pins the tools' versions, and deploys only
/// what was built.
pub fn check(text: &str, template: &Value) -> Result<()> {
    for (name, resource) in at(template, "/Resources").as_object().into_iter().flatten() {
        if at(resource, "/Type") == "AWS::CloudWatch::Alarm" {
            let has_section = text.contains(&format!("\n### {name}\n"));
            ensure!(has_section, "the run-book has no section {name}");
        }
    }
    for tool in [AWS_SAM_CLI, CARGO_LAMBDA] {
        let pinned = format!("{}=={}", tool.name, tool.version);
        ensure!(
            text.contains(&pinned),
            "the run-book does not install {pinned}"
        );
    }
    let commands = text.lines().filter(|line| line.starts_with("    "));
    for line in commands.filter(|line| line.contains("sam deploy")) {
        ensure!(line.contains("sam build && "), "not built: {}", line.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_names_what_is_missing() {
        let template = json!({
            "Resources": {"AnAlarm": {"Type": "AWS::CloudWatch::Alarm"}, "Topic": {"Type": "Other"}},
        });
        let pinned =
            [AWS_SAM_CLI, CARGO_LAMBDA].map(|tool| format!("{}=={}", tool.name, tool.version));
        let complete = format!(
            "    pip install {}\n    sam build && sam deploy\n\n### AnAlarm\n",
            pinned.join(" ")
        );
        check(&complete, &template).unwrap();
        for (part, wanted) in [
            ("### AnAlarm", "no section AnAlarm"),
            (pinned[0].as_str(), "aws-sam-cli=="),
            (pinned[1].as_str(), "cargo-lambda=="),
            ("sam build && ", "not built"),
        ] {
            let error = check(&complete.replace(part, ""), &template).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
