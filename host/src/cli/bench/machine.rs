//! What processes and threads take of the machine, as Linux counts it below /proc.

use std::{fs, time::Duration};

use anyhow::Context;

/// Linux counts the time of processes in hundredths of a second, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process, with all threads that it ever had.
pub(super) fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    // The name of the program comes before, in parentheses, and may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).context("/proc/PID/stat has another form")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

/// Processor time of this process' threads whose name begins like this.
pub(super) fn threads_time(name: &str) -> anyhow::Result<Duration> {
    let mut time = Duration::ZERO;
    for thread in fs::read_dir("/proc/self/task").context("processor time is read from /proc, as Linux has it")? {
        let thread = thread?.path();
        // A thread may end meanwhile.
        let (Ok(theirs), Ok(stat)) =
            (fs::read_to_string(thread.join("comm")), fs::read_to_string(thread.join("schedstat")))
        else {
            continue;
        };
        if theirs.starts_with(name) {
            let nanos = stat.split_whitespace().next().context("/proc/self/task/TID/schedstat has another form")?;
            time += Duration::from_nanos(nanos.parse()?);
        }
    }
    Ok(time)
}

/// Bytes of memory that a process has in use.
pub(super) fn resident(process: u32) -> anyhow::Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    Ok(kilobytes.context("/proc/PID/status has no VmRSS")?.trim().parse::<u64>()? << 10)
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path)
        .with_context(|| format!("{path}: memory and processor time are read there, as Linux has it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_time_and_memory() {
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
        let begun = processor_time(std::process::id()).unwrap();
        let named = std::thread::Builder::new().name("spins-along".into());
        let spinning = named.spawn(|| {
            while threads_time("spins-alo").unwrap() < Duration::from_millis(30) {
                std::hint::spin_loop();
            }
        });
        spinning.unwrap().join().unwrap();
        assert!(processor_time(std::process::id()).unwrap() > begun);
        assert!(processor_time(u32::MAX).is_err());
    }
}
