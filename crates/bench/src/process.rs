//! CPU time, memory and disk of a process and its children, from `/proc`. Where there is none, nothing is told.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A process as `/proc` has it.
#[derive(Clone, Copy)]
struct Process {
    parent: u32,
    /// Hundredths of a second.
    ticks: u64,
    pages: u64,
}

/// What a process and all its descendants have used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time.
    pub cpu_seconds: f64,
    /// Memory that is in use now.
    pub rss_mib: f64,
}

/// Of the process and its descendants; none when there is no such process.
pub(crate) fn usage(root: u32) -> Option<Usage> {
    let processes: HashMap<u32, Process> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, read(process)?)))
        .collect();
    processes.get(&root)?;
    let is_of_root = |process: &u32| {
        let mut process = *process;
        while process != root {
            match processes.get(&process) {
                Some(known) if known.parent != 0 => process = known.parent,
                _ => return false,
            }
        }
        true
    };
    let mut usage = Usage::default();
    for (_, process) in processes.iter().filter(|(process, _)| is_of_root(process)) {
        usage.cpu_seconds += process.ticks as f64 / 100.0;
        usage.rss_mib += process.pages as f64 * 4096.0 / f64::from(1 << 20);
    }
    Some(usage)
}

fn read(process: u32) -> Option<Process> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = line[line.rfind(')')? + 2..].split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process {
        parent: number(1)? as u32,
        ticks: number(11)? + number(12)?,
        pages: number(21)?,
    })
}

/// Bytes of all files below a folder.
pub(crate) fn disk_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of_entry = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(of_entry).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_what_its_children_use() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.rss_mib > 0.1);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let both = usage(std::process::id()).unwrap();
        let of_child = usage(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(of_child.rss_mib > 0.0 && both.rss_mib > of_child.rss_mib);
        assert!(usage(u32::MAX).is_none());
    }
}
