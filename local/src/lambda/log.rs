//! The lines that the functions write, in order.

use std::sync::{Mutex, PoisonError};

use crate::recent::Recent;

/// The newest lines.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<Recent<String>>,
    echo: bool,
}

impl Log {
    /// An empty log; with `echo`, its lines also go to our own stderr.
    pub(crate) fn new(echo: bool) -> Log {
        Log {
            lines: Mutex::default(),
            echo,
        }
    }

    pub(crate) fn write(&self, line: String) {
        if self.echo {
            eprintln!("{line}");
        }
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .to_vec()
    }
}
