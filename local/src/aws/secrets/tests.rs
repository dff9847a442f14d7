use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;

fn secret() -> Secret {
    Secret {
        logical: "Key".to_owned(),
        name: "key".to_owned(),
        arn: "arn:aws:key".to_owned(),
        value: None,
        generate: json!({}),
        rotation_function: None,
    }
}

#[test]
fn a_generated_version_is_the_same_after_a_restart_and_only_its_owner_can_read_it() {
    let data = TempDir::new().unwrap();
    let start = || {
        let secrets = Secrets::open(&[secret()], Some(data.path())).unwrap();
        versions::newest(&secrets.provider, "key").unwrap()
    };
    let first = start();
    assert_eq!(first.len(), 1);
    assert_eq!(start(), first);
    let file = fs::metadata(data.path().join("secrets.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_secret_that_returns_to_the_template_keeps_its_value() {
    let secrets = Secrets::open(&[secret()], None).unwrap();
    let first = versions::newest(&secrets.provider, "key");
    secrets.apply(&[]).unwrap();
    secrets.apply(&[secret()]).unwrap();
    assert_eq!(versions::newest(&secrets.provider, "key"), first);
}
