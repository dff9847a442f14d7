//! The clock of the functions.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// A clock that runs with the system's until a test sets it, and stands still from then on.
///
/// The functions read the time from a file. Only builds with debug assertions do.
pub struct Clock {
    folder: TempDir,
    path: String,
    /// Since 1970.
    set_to: Mutex<Option<Duration>>,
}

impl Clock {
    pub fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let path = folder.path().join("time").display().to_string();
        Self {
            folder,
            path,
            set_to: Mutex::default(),
        }
    }

    /// The environment variable that names the file.
    pub fn variable(&self) -> (&str, &str) {
        ("CLOCK_FILE", &self.path)
    }

    /// Sets the clock to the current time and `by`. A rename replaces the file, so that no
    /// function reads half of it.
    pub fn advance(&self, by: Duration) {
        let mut set_to = self.set_to.lock().unwrap();
        let time = set_to.unwrap_or_else(system_time) + by;
        let next = self.folder.path().join("next");
        fs::write(&next, time.as_millis().to_string()).expect("a file");
        fs::rename(next, &self.path).expect("a rename");
        *set_to = Some(time);
    }
}

/// The system's time since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock starts with the system's time, as the functions do"
)]
pub fn system_time() -> Duration {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).expect("a time after 1970")
}
