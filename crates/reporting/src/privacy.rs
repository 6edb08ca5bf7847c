//! Which level of sensitivity everything has, and what left the machine.

use clinsynth_contract::Sensitivity;
use serde::Serialize;

use crate::Report;
use crate::numbers::{bytes, counted, thousands};

/// The privacy section.
#[derive(Debug, Serialize)]
pub(crate) struct Privacy {
    levels: Vec<Level>,
    hosts: Vec<Host>,
    verdict: &'static str,
    detail: String,
    quiet: bool,
}

/// One step of the lattice with the datasets that stand on it.
#[derive(Debug, Serialize)]
struct Level {
    name: &'static str,
    meaning: &'static str,
    datasets: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Host {
    name: String,
    requests: String,
    failed: String,
    bytes: String,
    sensitivity: &'static str,
}

/// What a reader may do with a file of this level.
pub(crate) const fn meaning(level: Sensitivity) -> &'static str {
    match level {
        Sensitivity::Public => "Published text. It may go anywhere.",
        Sensitivity::Synthetic => "Written by a language model. It may be shared.",
        Sensitivity::Aggregate => "Figures over restricted text that quote none of it.",
        Sensitivity::Restricted => "Patient text or derived from it. It stays in the house.",
    }
}

pub(crate) fn privacy(report: &Report) -> Privacy {
    let egress = &report.egress;
    let requests: u64 = egress.hosts.iter().map(|host| host.requests).sum();
    let (verdict, detail) = if requests > 0 {
        let highest = Sensitivity::highest(egress.hosts.iter().map(|host| host.sensitivity));
        let (sent, hosts) = (counted(requests, "request"), counted(egress.hosts.len() as u64, "host"));
        ("Every request that left is on record.", format!("{sent} went to {hosts}; the most sensitive was {highest}."))
    } else if egress.replayed > 0 {
        ("Nothing left this machine.", "None of the steps below sent a request.".to_owned())
    } else {
        // Without a completion there is nothing to show for a stronger claim: other steps may have asked a model.
        ("No request is on record.", "None of the steps below asked a language model.".to_owned())
    };
    let replayed =
        (egress.replayed > 0).then(|| format!("{} came from recordings.", counted(egress.replayed, "completion")));
    Privacy {
        levels: Sensitivity::ALL.map(|level| datasets_on(report, level)).into(),
        hosts: egress.hosts.iter().map(host).collect(),
        verdict,
        detail: [Some(detail), replayed].into_iter().flatten().collect::<Vec<_>>().join(" "),
        quiet: requests == 0,
    }
}

fn host(host: &crate::HostCount) -> Host {
    Host {
        name: host.host.clone(),
        requests: thousands(host.requests),
        failed: thousands(host.failed),
        bytes: bytes(host.bytes),
        sensitivity: host.sensitivity.name(),
    }
}

fn datasets_on(report: &Report, level: Sensitivity) -> Level {
    let outputs = report.steps.iter().flat_map(|step| step.outputs.iter().map(move |output| (step, output)));
    let mut found: Vec<(String, u64)> = Vec::new();
    for (step, output) in outputs.filter(|(_, output)| output.sensitivity == level) {
        let name = format!("{}.{}", step.id.split('@').next().unwrap_or_default(), output.name);
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, instances)) => *instances += 1,
            None => found.push((name, 1)),
        }
    }
    let shown = |(name, instances): (String, u64)| {
        if instances == 1 { name } else { format!("{name} of {}", counted(instances, "instance")) }
    };
    let datasets = found.into_iter().map(shown).collect();
    Level { name: level.name(), meaning: meaning(level), datasets }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OutputSummary, StepSummary};

    #[test]
    fn instances_of_a_step_are_named_once() {
        let step = |id: &str, sensitivity| StepSummary {
            id: id.into(),
            outputs: vec![OutputSummary { name: "model".into(), sensitivity, ..OutputSummary::default() }],
            ..StepSummary::default()
        };
        let (public, restricted) = (Sensitivity::Public, Sensitivity::Restricted);
        let steps = vec![
            step("train@seed=0", public),
            step("other", public),
            step("train@seed=1", public),
            step("train@seed=2", restricted),
        ];
        let report = Report { steps, ..Report::default() };
        assert_eq!(datasets_on(&report, public).datasets, ["train.model of 2 instances", "other.model"]);
        assert_eq!(datasets_on(&report, restricted).datasets, ["train.model"]);
    }
}
