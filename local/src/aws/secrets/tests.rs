use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;

fn secret(generate: Json) -> Secret {
    let (logical, name, arn) = ("Key".to_owned(), "key".to_owned(), "arn:aws:key".to_owned());
    Secret {
        logical,
        name,
        arn,
        value: None,
        generate,
        rotator: None,
    }
}

#[test]
fn a_value_from_an_older_file_is_a_version_whose_id_lasts() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("secrets.json");
    fs::write(&file, r#"{ "key": "from before" }"#).unwrap();
    let current = || {
        let secrets = Secrets::start(&[secret(json!({}))], Some(data.path())).unwrap();
        version(&secrets.provider, "key", "AWSCURRENT").unwrap()
    };
    let first = current();
    assert_eq!(first.1, "from before");
    assert_eq!(current(), first);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
