//! Logs of the functions: what their processes write to stdout and stderr.

use std::{
    io::{self, PipeWriter},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::net::unix::pipe::Receiver;

use crate::ring_buffer::RingBuffer;

/// The newest log lines of all functions.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<RingBuffer<String>>,
    echo: bool,
}

impl Log {
    /// An empty log. With `echo`, lines are also written to stderr.
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

/// The reading end of one process's output pipe.
///
/// The process writes stdout and stderr into one pipe, which keeps the order of its lines.
pub(super) struct LogPipe {
    pipe: Receiver,
    /// Bytes of a line whose end has not been read yet.
    partial: Mutex<Vec<u8>>,
    log: Arc<Log>,
}

impl LogPipe {
    /// Creates a pipe whose lines go to `log`. Returns both of its ends.
    pub(super) fn new(log: Arc<Log>) -> io::Result<(LogPipe, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = LogPipe {
            pipe: Receiver::from_owned_fd(reader.into())?,
            partial: Mutex::default(),
            log,
        };
        Ok((pipe, writer))
    }

    /// Reads until the process closes its end.
    pub(super) async fn read_to_end(&self) {
        while self.pipe.readable().await.is_ok() {
            if self.drain() {
                return;
            }
        }
    }

    /// Reads what is available without waiting. Returns true at the end of the pipe.
    ///
    /// It runs before a response is passed on, so that the caller finds all lines that were written
    /// before the response.
    pub(super) fn drain(&self) -> bool {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = [0; 8192];
        let at_end = loop {
            match self.pipe.try_read(&mut chunk) {
                Ok(0) => break true,
                Ok(length) => partial.extend(chunk.iter().take(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(_) => break true,
            }
        };
        while let Some(newline) = partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = partial.drain(..=newline).collect();
            self.log
                .write(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        }
        if at_end && !partial.is_empty() {
            self.log
                .write(String::from_utf8_lossy(&mem::take(&mut *partial)).into_owned());
        }
        at_end
    }
}
