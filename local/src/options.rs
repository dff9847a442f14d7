//! What a cloud is started with.

use std::{collections::BTreeMap, path::PathBuf};

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template.
    pub template: PathBuf,
    /// The directory of the functions' binaries, as `target/debug`.
    pub binaries: PathBuf,
    /// The directory to keep all data in. None keeps it in memory, and objects of S3 in a
    /// temporary directory.
    pub data: Option<PathBuf>,
    /// The gateway's port; 0 picks one.
    pub port: u16,
    /// The port of the AWS door; 0 picks one.
    pub aws_port: u16,
    /// Values for parameters of the template, in place of its defaults.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables for every function, over those of the template.
    pub variables: BTreeMap<String, String>,
    /// Whether what the functions write also goes to our stderr.
    pub echo_logs: bool,
    /// Whether streams are handed on to the functions that follow them. Not where the functions
    /// run elsewhere.
    pub streams: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            template: PathBuf::from("template.yaml"),
            binaries: PathBuf::from("target/debug"),
            data: None,
            port: 0,
            aws_port: 0,
            parameters: BTreeMap::new(),
            variables: BTreeMap::new(),
            echo_logs: false,
            streams: true,
        }
    }
}
