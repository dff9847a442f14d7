//! The program itself, as a terminal or a supervisor ends it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// A build that takes longer than anybody waits.
const CARGO: &str = "#!/bin/sh
echo building >&2
exec sleep 600
";

#[test]
fn a_first_build_ends_with_the_program() {
    let folder = tempfile::tempdir().expect("a directory");
    let cargo = folder.path().join("cargo");
    fs::write(&cargo, CARGO).expect("a file");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut program = Command::new(env!("CARGO_BIN_EXE_local"));
    program
        .args(["--memory", "--port", "0", "--aws-port", "0"])
        .env("CARGO", &cargo);
    let mut program = program.stderr(Stdio::piped()).spawn().expect("a process");
    let mut stderr = BufReader::new(program.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    assert_eq!(line, "building\n");

    let killed = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .expect("a signal");
    assert!(killed.success());
    assert!(program.wait().expect("an end").success());
    // The pipe ends when the last process that holds it does, which is the build.
    let (tell, told) = channel();
    thread::spawn(move || tell.send(stderr.read_to_string(&mut String::new())));
    told.recv_timeout(Duration::from_secs(60))
        .expect("the build has ended")
        .expect("an end");
}
