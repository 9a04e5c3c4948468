//! How much memory this process may use, as the container or the machine has it.

use std::path::{Path, PathBuf};

/// The budget where none is given and nothing can be found out: Linux only tells.
const FALLBACK: u64 = 512 * 1024 * 1024;

/// Half of what the control group or the machine has: the other half is for originals, which are held besides, for
/// the allocator's slack, and for the process itself.
pub(crate) fn default_budget() -> u64 {
    let machine = read("/proc/meminfo").and_then(|text| machine_total(&text));
    let group = read("/proc/self/cgroup").and_then(|text| {
        group_limits(&text)
            .iter()
            .filter_map(|path| limit(&read(path)?))
            .min()
    });
    [machine, group]
        .into_iter()
        .flatten()
        .min()
        .map_or(FALLBACK, |bytes| bytes / 2)
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The line `MemTotal:  8000000 kB`.
fn machine_total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The files with the limits of a process's control groups and of all those above; the least counts. Version 2 has a
/// line `0::/path`, version 1 one for each controller, `4:memory:/path`. In a container the path is `/`, or one that
/// only the host sees, of which the root is what there is.
fn group_limits(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(
            path.ancestors()
                .map(|path| Path::new(root).join(path).join(file)),
        );
    }
    files
}

/// Version 2 says `max` where there is no limit, version 1 a number beyond any machine.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_its_memory() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:          100000 kB\n";
        assert_eq!(machine_total(meminfo), Some(8_192_000_000));
        assert_eq!(machine_total("MemFree: 1 kB\n"), None);
        assert_eq!(machine_total("MemTotal: many\n"), None);
    }

    #[test]
    fn limits_are_those_of_the_group_and_of_all_above_it() {
        let files = |text| {
            let files = group_limits(text);
            files
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(files("0::/\n"), ["/sys/fs/cgroup/memory.max"]);
        assert_eq!(
            files("0::/a.slice/b.service\n"),
            [
                "/sys/fs/cgroup/a.slice/b.service/memory.max",
                "/sys/fs/cgroup/a.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("5:cpu,cpuacct:/x\n4:memory:/docker\n0::\n"),
            [
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert!(files("nonsense\n").is_empty());
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("536870912\n"), Some(536_870_912));
    }

    #[test]
    fn there_is_always_a_budget() {
        assert!(default_budget() > 0);
    }
}
