use std::process::{Command, Stdio};

use anyhow::Result;
use outdial_testkit::peers::PortLease;

use super::{Running, lease_up_to, sibling};
use crate::machine;

/// Streams in rooms without calls, in a process of their own.
#[derive(Debug)]
pub(crate) struct BareRooms {
    program: Running,
    _ports: PortLease,
}

impl BareRooms {
    /// So many rooms with so many members each, who send to these ports.
    pub(crate) fn start(rooms: usize, members: usize, kind: &str, codecs: &str, sound: &[u16]) -> Result<Self> {
        let wanted = u16::try_from(2 * rooms * members + 2)?;
        let ports = lease_up_to(&[wanted])?;
        let range = format!("{}-{}", ports.first(), ports.last());
        let program = Running::start(
            Command::new(sibling("bare-rooms")?)
                .args([rooms.to_string(), members.to_string()])
                .args([kind, codecs, &range])
                .args(sound.iter().map(u16::to_string))
                .stdin(Stdio::piped()),
        )?;
        Ok(Self { program, _ports: ports })
    }

    pub(crate) fn processor(&self) -> Result<f64> {
        machine::processor(self.program.pid())
    }

    pub(crate) fn resident(&self) -> Result<f64> {
        machine::resident(self.program.pid())
    }
}
