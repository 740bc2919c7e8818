//! One process with its pipes and its group. Apart because starting, killing and reaping are where orphans come from.
//!
//! The process leads a group of its own, so that a Ctrl-C at the terminal reaches Seatrial alone, which decides, and so
//! that whatever the program forks dies with it. The group is killed before its leader is reaped: until then no other
//! process can have its number.

use super::spec::{ENV_KEPT, ProgramSpec};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// How long a program gets to end by itself once its input is closed, before it is killed.
pub(super) const END_GRACE: Duration = Duration::from_millis(1000);

/// A running program. Dropping it kills it and its group.
#[derive(Debug)]
pub(super) struct Process {
    /// Dropped first: see above.
    group: Group,
    child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Process {
    /// Starts the program; must be called inside a runtime.
    pub(super) fn start(spec: &ProgramSpec, program: &Path) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(spec.command.iter().skip(1))
            .current_dir(&spec.cwd)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in ENV_KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, value) in &spec.env {
            command.env(name, value.reveal());
        }
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let group = Group { leader: child.id() };
        let lost = || std::io::Error::other("its pipes are missing");
        Ok(Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().ok_or_else(lost)?,
            stderr: child.stderr.take().ok_or_else(lost)?,
            group,
            child,
        })
    }

    /// Whether it has ended by itself, which it may still be doing when its output ends. It stays unreaped.
    pub(super) async fn has_ended(&self) -> bool {
        const LOOKS: u32 = 20;
        for _ in 0..LOOKS {
            if self.group.has_leader_ended() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Kills what is left of it and reaps it; how it ended, which is by the kill where it was alive.
    pub(super) async fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.group.kill();
        // Only now: a leader that has ended already stays unreaped until here, so that its number was not reused.
        let status = self.child.wait().await;
        self.group.leader = None;
        status
    }

    /// Closes its input, which asks it to end, and kills it when it does not.
    pub(super) async fn close(mut self) {
        self.stdin = None;
        let _ = tokio::time::timeout(END_GRACE, self.drain()).await;
        let _ = self.kill().await;
    }

    /// Reads its output until it ends, so that a program that still writes is not stuck.
    async fn drain(&mut self) {
        let (mut out, mut err) = (tokio::io::sink(), tokio::io::sink());
        let _ = tokio::join!(
            tokio::io::copy(&mut self.stdout, &mut out),
            tokio::io::copy(&mut self.stderr, &mut err)
        );
    }
}

/// A process group that is killed when dropped.
#[derive(Debug)]
struct Group {
    /// `None` once it is reaped.
    leader: Option<u32>,
}

impl Group {
    #[cfg(unix)]
    fn kill(&self) {
        let leader = self.leader.and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = leader.and_then(rustix::process::Pid::from_raw) {
            // Fails where nobody is left, which is what is wanted.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }

    /// Asks without reaping.
    #[cfg(unix)]
    fn has_leader_ended(&self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let leader = self.leader.and_then(|id| i32::try_from(id).ok());
        let Some(pid) = leader.and_then(Pid::from_raw) else {
            return false;
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
    }

    #[cfg(not(unix))]
    fn has_leader_ended(&self) -> bool {
        false
    }

    /// Elsewhere the process alone is killed, by its own handle.
    #[cfg(not(unix))]
    fn kill(&self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
