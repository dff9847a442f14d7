//! What one process writes: stdout and stderr are one pipe, so that their order is kept.

use std::{
    io::{self, PipeWriter},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::net::unix::pipe::Receiver;

use super::Log;

/// Our end of the pipe.
pub(super) struct Output {
    pipe: Receiver,
    begun: Mutex<Vec<u8>>,
    log: Arc<Log>,
}

impl Output {
    /// A pipe whose lines go to `log`, and the end to write to.
    pub(super) fn pipe(log: Arc<Log>) -> io::Result<(Output, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(reader.into())?;
        Ok((
            Output {
                pipe,
                begun: Mutex::default(),
                log,
            },
            writer,
        ))
    }

    /// Reads until the process has closed its end.
    pub(super) async fn follow(&self) {
        while self.pipe.readable().await.is_ok() {
            if self.drain() {
                return;
            }
        }
    }

    /// Takes what is there by now; true at the end of the pipe. Called before an answer is
    /// passed on, so that whoever has the answer also finds the lines written before it.
    pub(super) fn drain(&self) -> bool {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = [0; 8192];
        let ended = loop {
            match self.pipe.try_read(&mut chunk) {
                Ok(0) => break true,
                Ok(length) => begun.extend(chunk.iter().take(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(_) => break true,
            }
        };
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            self.log
                .write(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        }
        if ended && !begun.is_empty() {
            self.log
                .write(String::from_utf8_lossy(&std::mem::take(&mut *begun)).into_owned());
        }
        ended
    }
}
