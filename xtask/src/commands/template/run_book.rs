//! Rules for what the operator reads and runs.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::json::at;
use crate::tools::{AWS_SAM_CLI, CARGO_LAMBDA};

/// Checks that the run-book has a section for each alarm.
pub fn check_alarms(text: &str, template: &Value) -> Result<()> {
    let resources = at(template, "/Resources").as_object().into_iter().flatten();
    for (name, resource) in resources {
        if at(resource, "/Type") == "AWS::CloudWatch::Alarm" {
            let has_section = text.contains(&format!("\n### {name}\n"));
            ensure!(has_section, "the run-book has no section {name}");
        }
    }
    Ok(())
}

/// Checks the commands of a text: they install pinned versions, deploy only what was built, and set the
/// region where SAM looks for it.
pub fn check_commands(text: &str) -> Result<()> {
    for tool in [AWS_SAM_CLI, CARGO_LAMBDA] {
        let installed = text.matches(&format!("{}==", tool.name)).count();
        let pinned = format!("{}=={}", tool.name, tool.version);
        let pinned = text.matches(&pinned).count();
        ensure!(
            installed > 0 && installed == pinned,
            "{} is not installed in version {}",
            tool.name,
            tool.version
        );
    }
    for line in text.lines().filter(|line| line.starts_with("    ")) {
        let is_built = !line.contains("sam deploy") || line.contains("sam build && ");
        ensure!(is_built, "not built: {}", line.trim());
        // SAM ignores it.
        ensure!(!line.contains("AWS_REGION="), "ignored: {}", line.trim());
    }
    Ok(())
}

/// Checks that `sam deploy` deploys what `sam build` has built. The source template has the whole
/// repository as the code of each function.
pub fn check_settings(samconfig: &str) -> Result<()> {
    let deploy = samconfig.split("[default.deploy.parameters]").nth(1);
    let built = "\ntemplate_file = \".aws-sam/build/template.yaml\"\n";
    ensure!(
        deploy.is_some_and(|deploy| deploy.contains(built)),
        "samconfig.toml does not deploy the built template"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_alarm_has_a_section() {
        let template = json!({"Resources": {
            "AnAlarm": {"Type": "AWS::CloudWatch::Alarm"}, "Topic": {"Type": "Other"},
        }});
        check_alarms("\n### AnAlarm\n", &template).unwrap();
        assert!(check_alarms("AnAlarm", &template).is_err());
    }

    #[test]
    fn each_rule_for_commands_names_what_is_wrong() {
        let [sam, cargo_lambda] =
            [AWS_SAM_CLI, CARGO_LAMBDA].map(|tool| format!("{}=={}", tool.name, tool.version));
        let right = format!("    pip install {sam} {cargo_lambda}\n    sam build && sam deploy\n");
        check_commands(&right).unwrap();
        for (part, other, wanted) in [
            (sam.as_str(), "aws-sam-cli==1.0.0", "aws-sam-cli is not"),
            (cargo_lambda.as_str(), "cargo-lambda", "cargo-lambda is not"),
            ("sam build && ", "", "not built"),
            ("sam build", "AWS_REGION=x sam build", "ignored"),
        ] {
            let error = check_commands(&right.replace(part, other)).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }

    #[test]
    fn the_source_template_is_not_deployed() {
        let built =
            "[default.deploy.parameters]\ntemplate_file = \".aws-sam/build/template.yaml\"\n";
        check_settings(built).unwrap();
        assert!(check_settings(&built.replace(".aws-sam/build/", "")).is_err());
        assert!(check_settings("[default.deploy.parameters]\n").is_err());
    }
}
