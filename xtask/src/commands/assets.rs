//! `cargo xtask assets`: the files of the API documentation pages.
//!
//! Swagger UI serves `/docs`, Redoc serves `/redoc`. A test of the suite compares the versions in
//! the files with those in `tools.rs`.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::tempdir;

use crate::process;
use crate::tools::{Package, REDOC, SWAGGER_UI};
use crate::workspace::Workspace;

/// The files to serve, by their paths in the packages.
const FILES: [&str; 3] = [
    "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css",
    "redoc/bundles/redoc.standalone.js",
];

/// The licences of what is in the files.
const LICENCES: [&str; 5] = [
    "swagger-ui-dist/NOTICE",
    "swagger-ui-dist/LICENSE",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
    "redoc/LICENSE",
    "redoc/bundles/redoc.standalone.js.LICENSE.txt",
];

/// Fetches the packages from npm, and packs their files into `functions/docs`.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let folder = tempdir()?;
    let folder = folder.path();
    let docs = workspace.path("functions/docs");
    for package in [SWAGGER_UI, REDOC] {
        unpack(workspace, package, folder).await?;
    }
    for file in FILES {
        let file = folder.join(file);
        let name = file.file_name().context("a file has no name")?;
        let mut packed = docs.join(name).into_os_string();
        packed.push(".gz");
        // Without the name and the time, the same version always has the same bytes.
        let mut gzip = workspace.command("gzip");
        gzip.arg("-9nc").arg(&file).stdout(File::create(packed)?);
        process::run(gzip).await?;
    }
    let mut licences = String::new();
    for file in LICENCES {
        let text = fs::read_to_string(folder.join(file))?;
        licences.push_str(&format!("=== {file}\n\n{text}\n\n"));
    }
    fs::write(docs.join("licences.txt"), licences)?;
    Ok(())
}

/// Unpacks a package of npm into a folder of its name.
async fn unpack(workspace: &Workspace, package: Package, folder: &Path) -> Result<()> {
    let Package { name, version } = package;
    let mut pack = workspace.command("npm");
    pack.args(["pack", "--silent", &format!("{name}@{version}")])
        .current_dir(folder);
    let archive = process::output(pack).await?;
    fs::create_dir(folder.join(name))?;
    let mut tar = workspace.command("tar");
    tar.args(["xzf", archive.trim(), "--strip-components=1", "-C", name])
        .current_dir(folder);
    process::run(tar).await
}
