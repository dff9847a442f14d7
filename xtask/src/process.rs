//! Child processes that never outlive their command.
//!
//! Each child leads a process group of its own. Dropping its guard stops the group. This covers a
//! finished command, an error, and a signal: on a signal, `main` drops the running command. Only
//! a SIGKILL of this program does not stop its children.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, pipe};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The time that a process has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// The interval at which conditions are polled.
const INTERVAL: Duration = Duration::from_millis(100);

/// A running child process, whose group is stopped on drop.
struct Process {
    name: String,
    child: Child,
    group: Pid,
}

impl Process {
    fn spawn(mut command: Command) -> Result<Self> {
        let name = name(&command);
        let spawned = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = spawned.with_context(|| format!("{name} cannot be started"))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = id.with_context(|| format!("{name} has no process id"))?;
        Ok(Self { name, child, group })
    }

    async fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A signal to a group without processes fails, and so do both if all have ended.
        let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if running(&mut self.child) && kill_process_group(self.group, Signal::TERM).is_ok() {
            let deadline = Instant::now() + GRACE;
            while running(&mut self.child) && Instant::now() < deadline {
                sleep(INTERVAL);
            }
        }
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

/// A process in the background, whose output goes to a file.
pub struct Service {
    process: Process,
    log: PathBuf,
}

impl Service {
    /// Starts a process. `log` gets its standard output and error, after what is in the file.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            process: Process::spawn(command)?,
            log: log.to_owned(),
        })
    }

    /// Everything that the process has written.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// The first line of the output that contains `text`. Fails after `limit`.
    pub async fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<String> {
        let log = self.log.clone();
        self.wait_for(limit, async || {
            let log = fs::read(&log)?;
            let log = String::from_utf8_lossy(&log);
            // The last line may not be complete yet.
            let complete = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
            Ok(complete
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned))
        })
        .await
    }

    /// What `probe` returns once it is something. Fails after `limit`, or if the process ends.
    pub async fn wait_for<T>(
        &mut self,
        limit: Duration,
        mut probe: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = probe().await? {
                return Ok(found);
            }
            let name = &self.process.name;
            if let Some(status) = self.process.child.try_wait()? {
                bail!("{name} ended ({status}):\n{}", last_lines(&self.log()?, 30));
            }
            if Instant::now() > deadline {
                bail!(
                    "{name} is not ready after {limit:?}:\n{}",
                    last_lines(&self.log()?, 30)
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Replaces this program by a command. Returns only if that fails.
pub fn replace_with(mut command: Command) -> Result<Infallible> {
    let name = name(&command);
    let error = command.as_std_mut().exec();
    Err(error).with_context(|| format!("{name} cannot be started"))
}

/// Runs a command to its end.
pub async fn status(command: Command) -> Result<ExitStatus> {
    Process::spawn(command)?.wait().await
}

/// Runs a command to its end. Fails if the command does.
pub async fn run(command: Command) -> Result<()> {
    let name = name(&command);
    let status = status(command).await?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(())
}

/// The standard output of a command. Fails if the command does.
pub async fn output(command: Command) -> Result<String> {
    let name = name(&command);
    let (status, output) = capture(command).await?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(output)
}

/// The exit status and the standard output of a command.
pub async fn status_and_output(command: Command) -> Result<(ExitStatus, String)> {
    capture(command).await
}

async fn capture(mut command: Command) -> Result<(ExitStatus, String)> {
    let (mut reader, writer) = pipe()?;
    command.stdout(writer);
    let mut process = Process::spawn(command)?; // closes this program's end of the pipe, too
    let read = thread::spawn(move || {
        let mut captured = Vec::new();
        reader.read_to_end(&mut captured).map(|_| captured)
    });
    let status = process.wait().await?;
    drop(process); // also ends whoever else holds the pipe
    let Ok(captured) = read.join() else {
        bail!("the thread that reads the output has panicked");
    };
    Ok((status, String::from_utf8_lossy(&captured?).into_owned()))
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let start = lines.len().saturating_sub(count);
    lines.get(start..).unwrap_or_default().join("\n")
}

/// The program's name and its first arguments.
fn name(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = [program].into_iter().chain(command.get_args().take(4));
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_dropped_service_ends_with_its_children() {
        let folder = tempdir().unwrap();
        let script =
            "(while :; do echo tick; sleep 0.02; done) & trap 'echo stopped; exit' TERM; wait";
        let log = folder.path().join("log");
        let mut service = Service::start(shell(script), &log).unwrap();
        service
            .wait_for_line("tick", Duration::from_secs(10))
            .await
            .unwrap();
        drop(service);
        let written = fs::read_to_string(&log).unwrap();
        assert!(written.contains("stopped"));
        sleep(Duration::from_millis(200));
        assert_eq!(fs::read_to_string(&log).unwrap(), written);
    }

    #[tokio::test]
    async fn a_service_that_ends_early_is_an_error_with_its_output() {
        let folder = tempdir().unwrap();
        let log = folder.path().join("log");
        let mut service = Service::start(shell("echo no room >&2; exit 3"), &log).unwrap();
        let waited = service
            .wait_for_line("ready", Duration::from_secs(10))
            .await;
        let error = waited.unwrap_err().to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("no room"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_service_that_is_never_ready_is_an_error() {
        let folder = tempdir().unwrap();
        let log = folder.path().join("log");
        let mut service = Service::start(shell("sleep 600"), &log).unwrap();
        let waited = service
            .wait_for_line("ready", Duration::from_millis(200))
            .await;
        assert!(waited.unwrap_err().to_string().contains("not ready"));
    }

    #[tokio::test]
    async fn captured_output_is_standard_output() {
        let (status, output) = status_and_output(shell("echo one; echo two >&2; exit 4"))
            .await
            .unwrap();
        assert_eq!((status.code(), output.as_str()), (Some(4), "one\n"));
    }

    #[tokio::test]
    async fn a_failure_names_the_command_and_its_status() {
        let error = output(shell("exit 4")).await.unwrap_err();
        assert_eq!(error.to_string(), "sh -c exit 4 failed (exit status: 4)");
    }

    #[test]
    fn last_lines_of_a_short_text_are_all() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
    }
}
