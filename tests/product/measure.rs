//! What a process costs: its CPU time, that of the children it waited for, and its largest memory.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Outcome};

/// Linux counts a process's CPU time in these, whatever the kernel's own tick.
const TICKS_PER_SECOND: u64 = 100;

/// A process that ended.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) outcome: Outcome,
    /// With that of the children that it waited for.
    pub(crate) cpu: Duration,
    /// Resident, in bytes.
    pub(crate) memory: u64,
}

/// A process whose output goes to files, so that it never waits for a reader.
pub(crate) struct Watched<'a> {
    child: Child,
    folder: &'a Path,
    memory: u64,
}

impl<'a> Watched<'a> {
    pub(crate) fn start(mut command: Command, folder: &'a Path) -> Self {
        let file = |name: &str| File::create(folder.join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        Self { child: command.spawn().expect("the rowmill binary runs"), folder, memory: 0 }
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
    }

    /// CPU time so far. None once nobody is there.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        Some(self.stat()?.1)
    }

    /// Whether it has ended (and was not waited for), and its CPU time.
    fn stat(&self) -> Option<(bool, Duration)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name may hold anything, but no field after it does.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 2..].split(' ').collect();
        let ticks: u64 = fields[11..15].iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Some((fields[0] == "Z", Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)))
    }

    /// Looks at it once; whether it has ended.
    pub(crate) fn look(&mut self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = peak.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0);
        self.memory = self.memory.max(kib << 10);
        self.stat().is_none_or(|(ended, _)| ended)
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Measured {
        let deadline = Instant::now() + DEADLINE;
        while !self.look() {
            assert!(Instant::now() < deadline, "it does not end\n{}", self.text("stderr"));
            std::thread::sleep(Duration::from_millis(2));
        }
        let cpu = self.cpu().unwrap_or_default();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let outcome = Outcome { code, stdout: self.text("stdout"), stderr: self.text("stderr") };
        Measured { outcome, cpu, memory: self.memory }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
