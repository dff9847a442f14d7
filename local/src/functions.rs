//! Building the functions, in sight of the user.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use local::Result;

/// The root of the workspace.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Builds every function, into the target directory that this program stands in, and gives
/// the directory of the binaries.
#[expect(clippy::disallowed_methods, reason = "cargo tells this program about itself in its environment")]
pub fn build(release: bool) -> Result<PathBuf> {
    let program = env::current_exe().context("where this program stands")?;
    let target = program.ancestors().nth(2).context("this program stands in no target directory")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());

    let mut build = Command::new(cargo);
    build.current_dir(root()).args(["build", "--bins", "--package", "accounts", "--target-dir"]).arg(target);
    // Together with this program, they share its dependencies as built. A release is built as
    // it is deployed: with what it needs itself, and no more.
    build.args(if release { ["--release"].as_slice() } else { &["--package", "local"] });
    // What `cargo run` says of this package would make some dependencies build anew.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    if !build.status().context("running cargo")?.success() {
        bail!("the functions do not build");
    }
    Ok(target.join(if release { "release" } else { "debug" }))
}
