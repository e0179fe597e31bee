//! What the system says: processor time and memory of a process, the load, the speed of the disk.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// Processor seconds that a process has used so far: in user mode and in the kernel, by all its threads.
pub(crate) fn processor(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read the processor time of a process")?;
    ticks(&stat)
        .map(|ticks| ticks / TICKS)
        .with_context(|| format!("no processor time in {stat:?}"))
}

/// The same of a process and those that it has started.
pub(crate) fn processor_of_family(pid: u32) -> Result<f64> {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).context("read the children of a process")?;
    let mut seconds = processor(pid)?;
    for child in children.split_whitespace() {
        // One that has ended in this moment does nothing any more.
        seconds += child
            .parse()
            .ok()
            .and_then(|child| processor(child).ok())
            .unwrap_or(0.0);
    }
    Ok(seconds)
}

/// Columns 14 and 15 of proc(5); the name in column 2 may hold anything, also spaces and brackets.
fn ticks(stat: &str) -> Option<f64> {
    let mut columns = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = columns.next()?.parse().ok()?;
    let system: f64 = columns.next()?.parse().ok()?;
    Some(user + system)
}

/// Kilobytes of memory that a process has in use.
pub(crate) fn resident(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS:")
}

/// The most kilobytes of memory that a process has had in use.
pub(crate) fn most_resident(pid: u32) -> Result<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read the memory of a process")?;
    status
        .lines()
        .find_map(|found| found.strip_prefix(line)?.trim().strip_suffix("kB")?.trim().parse().ok())
        .with_context(|| format!("no {line} in the status of a process"))
}

/// How many want to run, averaged over the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Datagrams that the kernel dropped because a socket on one of these ports was not read in time.
pub(crate) fn dropped(ports: &[u16]) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let port = u16::from_str_radix(columns.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        let count = columns.last()?.parse::<u64>().ok()?;
        ports.contains(&port).then_some(count)
    };
    table.lines().skip(1).filter_map(row).sum()
}

/// How often a second a small write can be put on the disk of this directory, one after the other.
pub(crate) fn syncs_per_second(directory: &Path) -> Result<f64> {
    const LENGTH: Duration = Duration::from_secs(1);
    let mut file = tempfile::tempfile_in(directory).context("make a file to sync")?;
    file.write_all(&[0; 65_536]).context("write the file to sync")?;
    file.sync_all().context("sync a file")?;
    let write = |file: &File, count: u64| {
        file.write_all_at(&[1; 4096], count % 16 * 4096)?;
        file.sync_data()
    };
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < LENGTH {
        write(&file, count).context("sync a file")?;
        count += 1;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}

/// The figure that so many percent do not exceed. They must be in order.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        count => sorted[(count * percent).div_ceil(100).saturating_sub(1)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 5 0 999 1 2";
        assert_eq!(ticks(stat), Some(42.0));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn the_middle_and_the_edge_of_figures() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&hundred, 50) - 50.0).abs() < 1e-9);
        assert!((percentile(&hundred, 99) - 99.0).abs() < 1e-9);
        assert!((percentile(&[5.0], 99) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn this_process_has_used_memory_and_maybe_time() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 0.0);
        assert!(processor(pid).unwrap() >= 0.0);
    }
}
