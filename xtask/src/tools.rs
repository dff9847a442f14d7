//! The tools that commands install, each of a pinned version.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// A package of a registry, of one version.
#[derive(Clone, Copy)]
pub struct Package {
    /// The name in the registry.
    pub name: &'static str,
    /// The version.
    pub version: &'static str,
}

impl Package {
    const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version }
    }
}

// From crates.io.
pub const CARGO_DENY: Package = Package::new("cargo-deny", "0.20.2");
pub const CARGO_MODULES: Package = Package::new("cargo-modules", "0.27.0");

// From PyPI. SAM brings cfn-lint and the translator in the versions of its own requirements.
pub const AWS_SAM_CLI: Package = Package::new("aws-sam-cli", "1.170.0");
pub const CARGO_LAMBDA: Package = Package::new("cargo-lambda", "1.9.2");
pub const CHECKOV: Package = Package::new("checkov", "3.3.30");
pub const MINISTACK: Package = Package::new("ministack", "1.5.33");
pub const SCHEMATHESIS: Package = Package::new("schemathesis", "4.32.5");

// From npm. The API documentation pages are made of the last two; `cargo xtask assets` fetches them.
pub const REDOCLY: Package = Package::new("@redocly/cli", "2.77.0");
pub const OPENAPI_TYPESCRIPT: Package = Package::new("openapi-typescript", "7.13.0");
pub const OPENAPI_FETCH: Package = Package::new("openapi-fetch", "0.17.0");
pub const TYPESCRIPT: Package = Package::new("typescript", "5.9.3");
pub const SWAGGER_UI: Package = Package::new("swagger-ui-dist", "5.35.0");
pub const REDOC: Package = Package::new("redoc", "2.5.4");

/// Installs a Python package in a virtual environment of its own, and returns its `bin` folder.
///
/// The packages need different versions of the same libraries, so they share no environment.
pub async fn install_python(workspace: &Workspace, package: Package) -> Result<PathBuf> {
    let Package { name, version } = package;
    let folder = workspace.cached(&format!("{name}-{version}"));
    let bin = folder.join("bin");
    let wanted = format!("{name}=={version}");
    if !is_complete(&folder, &wanted) {
        let mut venv = workspace.command("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&folder);
        process::run(venv).await?;
        let mut pip = workspace.command(bin.join("pip"));
        pip.args(["install", "--quiet", &wanted]);
        let installed = process::run(pip).await;
        installed.with_context(|| format!("{wanted} cannot be installed"))?;
        set_complete(&folder, &wanted)?;
    }
    Ok(bin)
}

/// Installs npm packages together, and returns their `node_modules` folder.
pub async fn install_npm(
    workspace: &Workspace,
    folder: &str,
    packages: &[Package],
) -> Result<PathBuf> {
    let folder = workspace.cached(folder);
    let packages = packages.iter();
    let packages: Vec<_> = packages
        .map(|each| format!("{}@{}", each.name, each.version))
        .collect();
    let wanted = packages.join(" ");
    if !is_complete(&folder, &wanted) {
        fs::create_dir_all(&folder)?;
        let mut npm = workspace.command("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(&folder).args(&packages);
        let installed = process::run(npm).await;
        installed.with_context(|| format!("{wanted} cannot be installed"))?;
        set_complete(&folder, &wanted)?;
    }
    Ok(folder.join("node_modules"))
}

/// Installs a cargo subcommand, and returns its binary.
pub async fn install_cargo(workspace: &Workspace, package: Package) -> Result<PathBuf> {
    let Package { name, version } = package;
    let folder = workspace.cached(&format!("{name}-{version}"));
    let binary = folder.join("bin").join(name);
    if !binary.exists() {
        let mut cargo = workspace.cargo(&["install", name, "--version", version]);
        cargo.args(["--locked", "--quiet", "--root"]).arg(&folder);
        // The packages' own release profiles, as fat LTO, take minutes and save milliseconds here.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
        cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        let installed = process::run(cargo).await;
        installed.with_context(|| format!("{name} {version} cannot be installed"))?;
    }
    Ok(binary)
}

/// The file that marks a finished installation, with the packages that were installed.
fn marker(folder: &Path) -> PathBuf {
    folder.join("complete")
}

fn is_complete(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(marker(folder)).is_ok_and(|installed| installed == wanted)
}

fn set_complete(folder: &Path, wanted: &str) -> Result<()> {
    Ok(fs::write(marker(folder), wanted)?)
}
