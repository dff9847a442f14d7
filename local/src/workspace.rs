//! The workspace whose binaries are the functions: building it, in sight of the user.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use tokio::process::Command;

/// A workspace, and how it is built.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The directory of `Cargo.toml` and `template.yaml`.
    pub root: PathBuf,
    /// The program that builds it.
    pub cargo: PathBuf,
    /// The target directory.
    pub target: PathBuf,
    /// Whether with optimisations.
    pub release: bool,
}

impl Workspace {
    /// The workspace of this program, built where this program was.
    ///
    /// Fails where this program stands in no target directory.
    pub fn of_this_program(release: bool) -> Result<Workspace> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = env::current_exe().context("where this program stands")?;
        let target = program
            .ancestors()
            .nth(2)
            .context("this program stands in no target directory")?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Workspace {
            root: own.parent().unwrap_or(own).to_owned(),
            cargo: cargo.into(),
            target: target.to_owned(),
            release,
        })
    }

    /// The template.
    pub fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    /// Where the binaries are built.
    pub fn built(&self) -> PathBuf {
        self.target
            .join(if self.release { "release" } else { "debug" })
    }

    /// Where [`Workspace::take`] puts them.
    pub fn taken(&self) -> PathBuf {
        self.built().join("taken")
    }

    /// Builds every function, and gives the binaries. What cargo says goes to our stderr.
    ///
    /// Fails where cargo cannot be run, or fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells this program about itself in its environment"
    )]
    pub async fn build(&self) -> Result<Vec<PathBuf>> {
        let mut build = Command::new(&self.cargo);
        build.current_dir(&self.root).args([
            "build",
            "--bins",
            "--package",
            "accounts",
            "--target-dir",
        ]);
        build
            .arg(&self.target)
            .arg("--message-format=json-render-diagnostics");
        // Together with this program, they share its dependencies as built. A release is built as
        // it is deployed: with what it needs itself, and no more.
        build.args(if self.release {
            ["--release"].as_slice()
        } else {
            &["--package", "local"]
        });
        // What `cargo run` says of this package would make some dependencies build anew.
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
        let built = build.wait_with_output().await.context("running cargo")?;
        if !built.status.success() {
            bail!("the functions do not build");
        }
        Ok(String::from_utf8_lossy(&built.stdout)
            .lines()
            .filter_map(binary)
            .collect())
    }

    /// Puts each binary aside that is another than the one taken before: cargo replaces its own
    /// one by one while it builds, and these stay what they are until a build is whole. Gives
    /// the names of those that differ.
    ///
    /// Fails where the file system takes no second name for a file.
    pub fn take(&self, binaries: &[PathBuf]) -> Result<Vec<String>> {
        fs::create_dir_all(self.taken()).context("making a directory for the binaries")?;
        let taken = self.taken();
        let named = binaries
            .iter()
            .filter_map(|built| Some((built, taken.join(built.file_name()?))));
        let different: Vec<_> = named
            .filter(|(built, taken)| !is_same(built, taken))
            .collect();
        for (built, taken) in &different {
            link(built, &new(taken)).with_context(|| format!("taking {}", built.display()))?;
        }
        for (built, taken) in &different {
            fs::rename(new(taken), taken).with_context(|| format!("taking {}", built.display()))?;
        }
        let name = |taken: &PathBuf| Some(taken.file_name()?.to_string_lossy().into_owned());
        Ok(different
            .iter()
            .filter_map(|(_, taken)| name(taken))
            .collect())
    }
}

/// The binary that a line of cargo's output tells of.
fn binary(line: &str) -> Option<PathBuf> {
    let message: Json = serde_json::from_str(line).ok()?;
    Some(PathBuf::from(message["executable"].as_str()?))
}

/// Whether both are names of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    file(one).is_some() && file(one) == file(other)
}

/// A second name, and no copy: cargo never writes into a binary that is there, it makes a new one.
fn link(built: &Path, name: &Path) -> io::Result<()> {
    let _ = fs::remove_file(name);
    fs::hard_link(built, name)
}

/// What is about to be taken in the place of this.
fn new(taken: &Path) -> PathBuf {
    taken.with_extension("new")
}
