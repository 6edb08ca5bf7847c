use std::collections::BTreeMap;

use clinsynth_dag::PlannedStep;

/// What steps that run at the same time share: cores, memory and the pipeline's named limits.
#[derive(Debug)]
pub(crate) struct Slots {
    cores: i64,
    memory: i64,
    named: BTreeMap<String, i64>,
    running: usize,
}

impl Slots {
    /// All of this machine's cores and memory.
    pub(crate) fn of_this_machine(limits: &BTreeMap<String, u32>) -> Self {
        let cores = i64::from(machine_cores());
        let named = limits.iter().map(|(name, &count)| (name.clone(), i64::from(count))).collect();
        Self { cores, memory: total_memory(), named, running: 0 }
    }

    /// Takes what a step asks for, if it is free. A step that asks for more memory than there is
    /// runs alone.
    pub(crate) fn take(&mut self, step: &PlannedStep) -> bool {
        let (cores, memory) = demand(step);
        let limits = &step.slots;
        let fits = cores <= self.cores
            && memory <= self.memory
            && limits.iter().all(|(name, &count)| self.named.get(name).is_none_or(|&free| i64::from(count) <= free));
        if !fits && self.running > 0 {
            return false;
        }
        self.running += 1;
        self.change(step, -1);
        true
    }

    /// Gives back what [`Slots::take`] took.
    pub(crate) fn give_back(&mut self, step: &PlannedStep) {
        self.running = self.running.saturating_sub(1);
        self.change(step, 1);
    }

    fn change(&mut self, step: &PlannedStep, sign: i64) {
        let (cores, memory) = demand(step);
        self.cores += sign * cores;
        self.memory += sign * memory;
        for (name, &count) in &step.slots {
            self.named.entry(name.clone()).and_modify(|free| *free += sign * i64::from(count));
        }
    }
}

fn demand(step: &PlannedStep) -> (i64, i64) {
    let memory = step.resources.memory.unwrap_or(0);
    (i64::from(step.cpus(machine_cores())), i64::try_from(memory).unwrap_or(i64::MAX / 2))
}

/// Cores that this process may use.
pub(crate) fn machine_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// Bytes of memory, or no bound where the system does not say.
fn total_memory() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<i64>().ok());
    kibibytes.map_or(i64::MAX / 2, |kibibytes| kibibytes * 1024)
}
