use super::paths::target_dir;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the range from which systems give ports away by themselves.
const FIRST: u16 = 12_000;
const LAST: u16 = 31_999;
const BLOCK: u16 = 20;

/// Ports on 127.0.0.1 that no other test of this checkout is given while this value lives.
#[derive(Debug)]
pub struct PortLease {
    first: u16,
    count: u16,
    // The lock goes with the file, also when the process is killed.
    _locks: Vec<File>,
}

impl PortLease {
    /// The first port, an even one.
    #[must_use]
    pub fn first(&self) -> u16 {
        self.first
    }

    /// The port `offset` places after the first.
    ///
    /// # Panics
    ///
    /// When the lease does not reach that far.
    #[must_use]
    pub fn nth(&self, offset: u16) -> u16 {
        assert!(offset < self.count, "{} ports were leased", self.count);
        self.first + offset
    }

    /// The last port.
    #[must_use]
    pub fn last(&self) -> u16 {
        self.first + self.count - 1
    }
}

/// Leases `count` ports in a row, free for both UDP and TCP at this moment.
///
/// Each block of ports has a file under the target folder; who holds its lock holds the ports. So
/// test processes that run at the same time never get the same, and nothing is left to clean up.
///
/// # Errors
///
/// When so many ports in a row cannot be had, or the lock files cannot be made.
pub fn lease_ports(count: u16) -> Result<PortLease> {
    let folder = target_dir().join("peers/ports");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let blocks = count.div_ceil(BLOCK).max(1);
    let all = (LAST - FIRST + 1) / BLOCK;
    if blocks > all {
        bail!("there are no {count} ports to lease");
    }
    // Processes that start together look in different places first.
    let places = all - blocks + 1;
    let offset = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(places))
        .context("a remainder of a 16-bit number fits in 16 bits")?;
    for step in 0..places {
        let start = (step + offset) % places;
        let first = FIRST + start * BLOCK;
        let locks = (start..start + blocks)
            .map(|block| try_lock(&folder.join(block.to_string())))
            .collect::<Result<Option<Vec<_>>>>()?;
        if let Some(locks) = locks
            && (first..first + count).all(is_free)
        {
            return Ok(PortLease {
                first,
                count,
                _locks: locks,
            });
        }
    }
    bail!("no {count} free ports in a row between {FIRST} and {LAST}")
}

fn try_lock(path: &std::path::Path) -> Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
