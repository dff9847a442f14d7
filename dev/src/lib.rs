//! The accounts API on the developer's machine.
//!
//! [`local`] is a generic embedded cloud: it runs what a SAM template describes. This crate
//! knows both that cloud and this project: its stack name, its sources, its default
//! administrator and the commands of its function `admin`.

pub mod admin;
pub mod seed;

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;
use local::{Result, Workspace};

/// Name of the stack, which is also the namespace of its metrics. `samconfig.toml` deploys under
/// the same name.
pub const STACK_NAME: &str = "accounts";

/// Parameters of the template that differ on this machine: the documents' own examples have
/// passwords that a stack refuses.
pub const PARAMETERS: [(&str, &str); 1] = [("CommonPasswords", "allow")];

/// Files and folders that the functions are built from.
const SOURCES: [&str; 6] = [
    "functions",
    "shared",
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
];

/// This workspace, built into the target directory of the running program.
///
/// # Errors
/// If the running program is not in a target directory.
pub fn workspace(release: bool) -> Result<Workspace> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = env::current_exe().context("locating this program")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("this program is not in a target directory")?;
    // A debug build includes this crate, so that it reuses the dependencies that cargo compiled
    // for it. A release build has exactly the features that are deployed.
    let packages: &[&str] = match release {
        true => &["accounts"],
        false => &["accounts", env!("CARGO_PKG_NAME")],
    };
    Ok(Workspace {
        root: manifest.parent().unwrap_or(manifest).to_owned(),
        cargo: env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from),
        target: target.to_owned(),
        packages: packages.iter().copied().map(str::to_owned).collect(),
        sources: SOURCES.map(PathBuf::from).into(),
        release,
    })
}
