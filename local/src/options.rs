//! Start options of a cloud.

use std::{collections::BTreeMap, path::PathBuf};

/// What a cloud runs, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the stack: the value of `AWS::StackName`.
    pub stack_name: String,
    /// The SAM template.
    pub template: PathBuf,
    /// Directory of the function binaries, e.g. `target/debug`.
    pub binaries: PathBuf,
    /// Directory of all data. If `None`, data is in memory, and S3 objects are in a temporary
    /// directory.
    pub data: Option<PathBuf>,
    /// Port of the gateway; 0 picks one.
    pub port: u16,
    /// Port of the AWS endpoint; 0 picks one.
    pub aws_port: u16,
    /// Values of template parameters, instead of their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables of every function. They override those of the template.
    pub variables: BTreeMap<String, String>,
    /// Whether to copy the functions' logs to stderr.
    pub echo_logs: bool,
    /// Whether to invoke functions with stream records. `false` if the functions run elsewhere.
    pub event_sources: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            stack_name: "local".to_owned(),
            template: PathBuf::from("template.yaml"),
            binaries: PathBuf::from("target/debug"),
            data: None,
            port: 0,
            aws_port: 0,
            parameters: BTreeMap::new(),
            variables: BTreeMap::new(),
            echo_logs: false,
            event_sources: true,
        }
    }
}
