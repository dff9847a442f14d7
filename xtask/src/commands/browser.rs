//! `cargo xtask browser`: the pages, in Chromium.

use std::env::{consts, var_os};
use std::process::Stdio;

use anyhow::Result;
use tempfile::{TempDir, tempdir};

use crate::process;
use crate::workspace::{Workspace, find_program};

/// A Node program that unpacks the Chromium of an npm package, and prints its path.
const UNPACK: &str = "import it from '@sparticuz/chromium'; console.log(await it.executablePath())";

/// Installs what the tests need, and runs them.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let skip = |reason| workspace.skip("the browser", reason);
    let npm = |arguments: &[&str]| {
        let mut npm = workspace.command("npm");
        npm.args(arguments).args(["--prefix", "tests/browser"]);
        npm
    };
    if find_program("npm").is_none() {
        return skip("Node is not installed");
    }
    let mut list = npm(&["ls"]);
    list.stdout(Stdio::null()).stderr(Stdio::null());
    let installed = workspace.path("tests/browser/node_modules").exists()
        && process::status(list).await?.success();
    if !installed {
        let install = npm(&["ci", "--no-audit", "--no-fund"]);
        if !process::status(install).await?.success() {
            return skip("its driver cannot be fetched");
        }
    }
    let named = var_os("CHROMIUM").is_some_and(|chromium| !chromium.is_empty());
    let found = ["chromium", "google-chrome"]
        .into_iter()
        .find_map(find_program);
    let unpacked = match named || found.is_some() {
        true => None,
        false if (consts::OS, consts::ARCH) == ("linux", "x86_64") => {
            Some(unpack(workspace).await?)
        }
        false => return skip("Chromium is not installed"),
    };
    // The test files start the server by `cargo run`, which then finds it built.
    workspace.build().await?;
    let mut test = npm(&["test"]);
    if let Some((_folder, chromium)) = &unpacked {
        test.env("CHROMIUM", chromium);
    }
    process::run(test).await
}

/// Unpacks Chromium once, as all test files would otherwise do it at the same time.
async fn unpack(workspace: &Workspace) -> Result<(TempDir, String)> {
    let folder = tempdir()?;
    let mut node = workspace.command("node");
    node.args(["--input-type=module", "--eval", UNPACK]);
    node.current_dir(workspace.path("tests/browser"));
    node.env("TMPDIR", folder.path());
    let chromium = process::output(node).await?.trim().to_owned();
    Ok((folder, chromium))
}
