//! The repository, and how its commands run.

use std::env::{consts::ARCH, join_paths, split_paths, var_os};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::json::at;
use crate::process;

/// The repository's folders and this run's settings.
pub struct Workspace {
    root: PathBuf,
    /// The folder of installed tools. It is outside the repository, so that each version is
    /// installed once on a machine.
    cache: PathBuf,
    /// Whether a step that this machine cannot run is an error.
    strict: bool,
}

impl Workspace {
    /// The repository that this program was built from.
    pub fn open() -> Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().context("xtask has no parent folder")?;
        let cache = match (var_os("XDG_CACHE_HOME"), var_os("HOME")) {
            (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
            (_, Some(home)) => Path::new(&home).join(".cache"),
            _ => bail!("neither XDG_CACHE_HOME nor HOME is set"),
        };
        Ok(Self {
            root: root.to_owned(),
            cache: cache.join("accounts-ci"),
            strict: var_os("CI").is_some_and(|ci| ci == "true"),
        })
    }

    /// The same repository, where a step that cannot run is an error.
    pub fn strict(&self) -> Self {
        Self {
            root: self.root.clone(),
            cache: self.cache.clone(),
            strict: true,
        }
    }

    /// A path from the repository's root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder of an installed tool.
    pub fn cached(&self, name: &str) -> PathBuf {
        self.cache.join(name)
    }

    /// A command in the repository's root.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        // `cargo run` describes this package there, and some dependencies are built again if these
        // variables change.
        remove_variables(&mut command, &["CARGO_PKG_", "CARGO_MANIFEST_"]);
        if self.strict {
            command.env("CI", "true");
        }
        command
    }

    /// `cargo` with these arguments, in the repository's root.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = self.command("cargo");
        cargo.args(arguments);
        cargo
    }

    /// The folder of debug builds, as `target/debug`.
    pub async fn debug_folder(&self) -> Result<PathBuf> {
        let metadata = self.cargo(&["metadata", "--format-version=1", "--no-deps", "--locked"]);
        let metadata: Value = serde_json::from_str(&process::output(metadata).await?)?;
        let target = at(&metadata, "/target_directory").as_str();
        Ok(Path::new(target.context("cargo metadata has no target_directory")?).join("debug"))
    }

    /// Builds the functions and the local server. With `--workspace` the dependencies have the same
    /// features as for the tests, and are built once.
    pub async fn build(&self) -> Result<()> {
        process::run(self.cargo(&["build", "--bins", "--workspace", "--locked"])).await
    }

    /// Reports that this machine cannot run something. In CI this is an error.
    pub fn skip(&self, what: &str, reason: &str) -> Result<()> {
        if self.strict {
            bail!("{what} cannot run here, and CI skips nothing: {reason}");
        }
        println!("SKIPPED {what}: {reason}");
        Ok(())
    }
}

/// The program of this name in `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = var_os("PATH")?;
    split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// `PATH` with these folders before all others.
pub fn path_starting_with(folders: &[&Path]) -> Result<OsString> {
    let path = var_os("PATH").unwrap_or_default();
    let folders = folders.iter().map(|folder| folder.to_path_buf());
    Ok(join_paths(folders.chain(split_paths(&path)))?)
}

/// Removes the variables whose names start with one of these from a command's environment.
pub fn remove_variables(command: &mut Command, prefixes: &[&str]) {
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no other way to list the environment"
    )]
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// This machine's processor, as Lambda names it.
pub fn architecture() -> &'static str {
    match ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// A port that no process listens on.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}
