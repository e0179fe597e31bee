use std::path::Path;

/// Whether the process itself holds an IPv4 UDP socket bound to the port.
///
/// A test that sends before that is lost; one that only asks whether the port is taken may meet
/// somebody else's socket.
pub(super) fn holds_udp_port(pid: u32, port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let inodes: Vec<String> = table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let local = fields.nth(1)?;
            let inode = fields.nth(7)?;
            let bound = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
            (bound == port).then(|| format!("socket:[{inode}]"))
        })
        .collect();
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok();
    descriptors.into_iter().flatten().flatten().any(|descriptor| {
        std::fs::read_link(descriptor.path()).is_ok_and(|link| inodes.iter().any(|inode| link == Path::new(inode)))
    })
}
