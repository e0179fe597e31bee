use std::path::Path;

/// Whether the process itself holds a UDP socket bound to the port.
///
/// A test that sends before that is lost; one that only asks whether the port is taken may meet
/// somebody else's socket.
pub(super) fn holds_udp_port(pid: u32, port: u16) -> bool {
    holds(pid, &sockets("udp", port)) || holds(pid, &sockets("udp6", port))
}

/// Whether the process itself listens at the port over TCP.
pub(super) fn listens_at_tcp_port(pid: u32, port: u16) -> bool {
    holds(pid, &sockets("tcp", port)) || holds(pid, &sockets("tcp6", port))
}

/// Whether anybody holds an IPv4 UDP socket bound to the port: for a program whose sockets belong
/// to processes of its own.
pub(super) fn udp_port_is_held(port: u16) -> bool {
    !sockets("udp", port).is_empty()
}

/// The sockets bound to the port that no far end is known of, as `/proc` names them.
fn sockets(protocol: &str, port: u16) -> Vec<String> {
    let table = std::fs::read_to_string(Path::new("/proc/net").join(protocol)).unwrap_or_default();
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (local, remote) = (fields.nth(1)?, fields.next()?);
            let inode = fields.nth(6)?;
            let bound = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
            (bound == port && remote.ends_with(":0000")).then(|| format!("socket:[{inode}]"))
        })
        .collect()
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok();
    descriptors.into_iter().flatten().flatten().any(|descriptor| {
        std::fs::read_link(descriptor.path()).is_ok_and(|link| sockets.iter().any(|socket| link == Path::new(socket)))
    })
}
