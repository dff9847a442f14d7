//! Termination of the program by a signal.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// A build that never ends.
const CARGO: &str = "#!/bin/sh
echo building >&2
exec sleep 600
";

#[test]
fn sigterm_during_the_first_build_kills_cargo() {
    let folder = tempfile::tempdir().expect("create a directory");
    let cargo = folder.path().join("cargo");
    fs::write(&cargo, CARGO).expect("write a file");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("set permissions");
    let mut program = Command::new(env!("CARGO_BIN_EXE_dev"));
    program
        .args(["--memory", "--port", "0", "--aws-port", "0"])
        .env("CARGO", &cargo);
    let mut program = program
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the program");
    let mut stderr = BufReader::new(program.stderr.take().expect("piped stderr"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("read a line");
    assert_eq!(line, "building\n");

    let killed = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .expect("run kill");
    assert!(killed.success());
    assert!(program.wait().expect("wait for the program").success());
    // The pipe closes when the last process with an open end exits, which is the build.
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(stderr.read_to_string(&mut String::new())));
    receiver
        .recv_timeout(Duration::from_secs(60))
        .expect("the build is still running")
        .expect("read stderr");
}
