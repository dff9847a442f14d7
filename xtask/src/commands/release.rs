//! `cargo xtask release`: one function, built as it is shipped.
//!
//! The other checks run debug builds for this machine. SAM ships builds for arm64 with all
//! optimisations, which cargo-lambda cross-compiles. This builds one of them the same way, and checks
//! the file that Lambda would start.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::tools::{self, CARGO_LAMBDA};
use crate::workspace::{Workspace, path_starting_with};

const FUNCTION: &str = "center-get-me";
const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The most that the file may take, in bytes. It grows with each dependency that a function links.
const MAX_SIZE: u64 = 9_000_000;

/// The version of glibc in Amazon Linux 2023, which the runtime `provided.al2023` has.
const GLIBC: (u32, u32) = (2, 34);

/// The machine in the header of an ELF file for arm64 (ELF for the Arm 64-bit Architecture, 4.1).
const EM_AARCH64: [u8; 2] = [0xb7, 0];

/// Builds the function and checks the file.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let cargo_lambda = tools::install_python(workspace, CARGO_LAMBDA).await?;
    let mut build = workspace.cargo(&["lambda", "build", "--release", "--arm64", "--locked"]);
    build.args(["--bin", FUNCTION, "--lambda-dir", "target/shipped"]);
    build.env("PATH", path_starting_with(&[&cargo_lambda])?);
    if !has_target(workspace).await? {
        // Without rustup's servers, the standard library is built from its sources.
        println!("{TARGET} is not installed; building its standard library");
        build.env("RUSTC_BOOTSTRAP", "1");
        build.env("CARGO_UNSTABLE_BUILD_STD", "std,panic_unwind");
    }
    process::run(build).await?;
    let file = workspace.path(format!("target/shipped/{FUNCTION}/bootstrap"));
    check(&file).with_context(|| file.display().to_string())
}

/// Whether the standard library of the target is installed, or could be.
async fn has_target(workspace: &Workspace) -> Result<bool> {
    let mut add = workspace.command("rustup");
    add.args(["target", "add", TARGET]);
    if process::status(add)
        .await
        .is_ok_and(|status| status.success())
    {
        return Ok(true);
    }
    let mut sysroot = workspace.command("rustc");
    sysroot.args(["--print", "sysroot"]);
    let sysroot = process::output(sysroot).await?;
    let library = format!("lib/rustlib/{TARGET}/lib");
    Ok(Path::new(sysroot.trim()).join(library).exists())
}

fn check(file: &Path) -> Result<()> {
    let content = fs::read(file)?;
    let machine = content.get(18..20);
    ensure!(
        machine == Some(&EM_AARCH64),
        "it is for the machine {machine:?}"
    );
    let newest = newest_glibc(&content).context("it links no glibc")?;
    ensure!(newest <= GLIBC, "it needs glibc {}.{}", newest.0, newest.1);
    let size = content.len() as u64;
    ensure!(
        size <= MAX_SIZE,
        "it has {size} bytes, more than {MAX_SIZE}"
    );
    println!(
        "{FUNCTION} for arm64: {size} bytes, needs glibc {}.{}",
        newest.0, newest.1
    );
    Ok(())
}

/// The newest version of a symbol of glibc that a file needs.
fn newest_glibc(content: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_";
    let starts = content.windows(PREFIX.len()).enumerate();
    let starts = starts.filter(|(_, window)| *window == PREFIX);
    let versions = starts.filter_map(|(start, _)| {
        let text = content.get(start + PREFIX.len()..)?;
        let end = text.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(text.get(..end)?).ok()?;
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_compared_by_numbers() {
        let file = b"\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_PRIVATE\0GLIBC_2.2.5\0";
        assert_eq!(newest_glibc(file), Some((2, 17)));
        assert_eq!(newest_glibc(b"GLIBC_"), None);
    }
}
