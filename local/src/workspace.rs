//! The Cargo workspace that builds the function binaries.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use tokio::process::Command;

/// A Cargo workspace and how to build it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Directory of `Cargo.toml` and `template.yaml`.
    pub root: PathBuf,
    /// The `cargo` program.
    pub cargo: PathBuf,
    /// Target directory.
    pub target: PathBuf,
    /// Packages whose binaries are built.
    pub packages: Vec<String>,
    /// Files and folders that the functions are built from, relative to `root`.
    pub sources: Vec<PathBuf>,
    /// Whether to build with optimisations.
    pub release: bool,
}

impl Workspace {
    /// The SAM template.
    pub fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    /// Directory in which cargo puts the binaries.
    pub fn binaries(&self) -> PathBuf {
        self.target
            .join(if self.release { "release" } else { "debug" })
    }

    /// Directory in which [`Workspace::stage`] puts the binaries.
    pub fn staging(&self) -> PathBuf {
        self.binaries().join("staged")
    }

    /// Builds all binaries and returns their paths. Cargo's messages go to stderr.
    ///
    /// Fails if cargo cannot be run or the build fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo describes the running package in its environment"
    )]
    pub async fn build(&self) -> Result<Vec<PathBuf>> {
        let mut build = Command::new(&self.cargo);
        build
            .current_dir(&self.root)
            .args(["build", "--bins", "--target-dir"])
            .arg(&self.target)
            .arg("--message-format=json-render-diagnostics");
        for package in &self.packages {
            build.args(["--package", package]);
        }
        if self.release {
            build.arg("--release");
        }
        // `cargo run` sets these for the running package. They would make cargo recompile some
        // dependencies.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        let build = build
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("running cargo")?;
        let output = build.wait_with_output().await.context("running cargo")?;
        if !output.status.success() {
            bail!("the functions do not build");
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(executable)
            .collect())
    }

    /// Links changed binaries into the staging directory, and returns their names.
    ///
    /// Cargo replaces its own binaries one by one during a build. The staged ones change only
    /// after the whole build has succeeded.
    ///
    /// Fails if the file system does not support hard links.
    pub fn stage(&self, binaries: &[PathBuf]) -> Result<Vec<String>> {
        let staging = self.staging();
        fs::create_dir_all(&staging).context("creating the staging directory")?;
        let changed: Vec<_> = binaries
            .iter()
            .filter_map(|built| Some((built, staging.join(built.file_name()?))))
            .filter(|(built, staged)| !is_same_file(built, staged))
            .collect();
        for (built, staged) in &changed {
            link(built, &temporary(staged))
                .with_context(|| format!("staging {}", built.display()))?;
        }
        for (built, staged) in &changed {
            fs::rename(temporary(staged), staged)
                .with_context(|| format!("staging {}", built.display()))?;
        }
        let name = |staged: &PathBuf| Some(staged.file_name()?.to_string_lossy().into_owned());
        Ok(changed
            .iter()
            .filter_map(|(_, staged)| name(staged))
            .collect())
    }
}

/// The binary that one line of cargo's JSON output reports, if any.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Json = serde_json::from_str(line).ok()?;
    Some(PathBuf::from(message["executable"].as_str()?))
}

/// True if both paths lead to one file.
fn is_same_file(left: &Path, right: &Path) -> bool {
    let inode = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    inode(left).is_some() && inode(left) == inode(right)
}

/// Creates a hard link. A link is enough, because cargo never writes into an existing binary.
fn link(built: &Path, link: &Path) -> io::Result<()> {
    let _ = fs::remove_file(link);
    fs::hard_link(built, link)
}

fn temporary(staged: &Path) -> PathBuf {
    staged.with_extension("new")
}
