//! Programs of their own that are measured, or that others are measured against.
//!
//! Each listens on 127.0.0.1 only, on leased ports, and is killed when the value that stands for it
//! goes. Files of theirs lie under the target folder, which is on a real disk, and go as well.

mod asterisk;
mod bare_rooms;
mod bare_uac;
mod call_files;
mod npm_smpp;
mod outdial;
mod registrar;
mod sipp;

use std::{
    path::PathBuf,
    process::{Child, Command},
};

use anyhow::{Context, Result};
use outdial_testkit::peers::{PortLease, lease_ports, target_dir};
use tempfile::TempDir;

pub(crate) use self::{
    asterisk::Asterisk,
    bare_rooms::BareRooms,
    bare_uac::bare_uac,
    call_files::{CallFiles, moved_at},
    npm_smpp::npm_smpp,
    outdial::Outdial,
    registrar::Registrar,
    sipp::{FarSide, Sipp, Way},
};

/// A child that does not outlive this value.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_owned();
        let child = command.spawn();
        Ok(Self(child.with_context(|| format!("start {}", name.display()))?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.0.try_wait().context("look after a child")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder on a real disk, which goes with this value.
pub(crate) fn folder() -> Result<TempDir> {
    let place = target_dir().join("benches");
    std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
    tempfile::tempdir_in(&place).with_context(|| format!("make a folder in {}", place.display()))
}

/// A program that was built together with this one.
fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()
        .context("find this program")?
        .with_file_name(name);
    anyhow::ensure!(
        path.exists(),
        "{} is missing: start this with script/bench",
        path.display()
    );
    Ok(path)
}

/// As many ports in a row as can be had, up to the first count, and not fewer than the last.
fn lease_up_to(counts: &[u16]) -> Result<PortLease> {
    let mut result = lease_ports(counts[0]);
    for count in &counts[1..] {
        if result.is_ok() {
            break;
        }
        result = lease_ports(*count);
    }
    result
}
