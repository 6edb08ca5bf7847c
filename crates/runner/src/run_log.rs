use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clinsynth_dag::Plan;
use serde_json::{Value, json};

use crate::RunnerError;
use crate::event::Event;
use crate::layout::{Layout, write_json};
use crate::openlineage::lineage_event;

/// The files of one run: `plan.json`, `events.ndjson`, `openlineage.ndjson` and `logs/`.
#[derive(Debug)]
pub struct RunLog {
    run: String,
    folder: PathBuf,
    events: File,
    lineage: File,
}

impl RunLog {
    /// Starts the files of a new run, named by the time and the pipeline.
    ///
    /// Errors: [`RunnerError::Write`].
    pub fn start(layout: &Layout, plan: &Plan) -> Result<Self, RunnerError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{}-{:03}-{}", timestamp(now).replace([':', '-'], ""), now.subsec_millis(), plan.name);
        let folder = layout.run(&run);
        fs::create_dir_all(&folder).map_err(|source| RunnerError::Write { path: folder.clone(), source })?;
        write_json(&folder.join("plan.json"), plan)?;
        let open = |name: &str| {
            let path = folder.join(name);
            File::options().create(true).append(true).open(&path).map_err(|source| RunnerError::Write { path, source })
        };
        Ok(Self { run, events: open("events.ndjson")?, lineage: open("openlineage.ndjson")?, folder })
    }

    /// Identifier of the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends an event. A full disk does not end the run: the record of a run is not what it is for.
    pub fn append(&mut self, event: &Event) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = timestamp(now);
        let mut line = json!({ "time": time });
        if let (Value::Object(line), Ok(Value::Object(fields))) = (&mut line, serde_json::to_value(event)) {
            line.extend(fields);
        }
        let _ = writeln!(self.events, "{line}");
        if let Some(lineage) = lineage_event(&self.run, &time, event) {
            let _ = writeln!(self.lineage, "{lineage}");
        }
    }
}

/// A point in time as RFC 3339 in UTC, to the second.
///
/// Days to date: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub(crate) fn timestamp(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_civil_dates() {
        let at = |seconds| timestamp(Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_795_500_000), "2026-11-24T06:00:00Z");
    }
}
