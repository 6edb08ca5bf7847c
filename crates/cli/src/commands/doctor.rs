use anyhow::Result;
use clinsynth_provision::{Condition, Found, Provision};
use clinsynth_runtime::Runtime;

use crate::exit::Exit;

/// Checks what a run needs of the machine; exit code 4 when something is missing that a run could not bring itself.
pub(crate) fn doctor() -> Result<Exit> {
    let provision = Provision::new(None)?;
    let status = provision.status();
    let mut sound = true;
    println!("clinsynth     {} ({} cores)", env!("CARGO_PKG_VERSION"), std::thread::available_parallelism()?);
    println!("cache         {}", provision.cache().display());
    sound &= line("ONNX Runtime", &status.onnxruntime, status.pip.is_some());
    if matches!(status.onnxruntime.condition, Condition::Verified | Condition::Present) {
        match Runtime::load(&status.onnxruntime.path) {
            Ok(runtime) => println!("              loads, version 1.{}", runtime.version()),
            Err(error) => {
                println!("              does not load: {}", crate::exit::chain(&error.into()));
                sound = false;
            }
        }
    }
    sound &= line("encoder", &status.encoder, status.pip.is_some());
    match &status.pip {
        Some(pip) => println!("pip           {pip}"),
        None => println!("pip           not found; it is needed only to download what is missing"),
    }
    Ok(if sound { Exit::Done } else { Exit::Environment })
}

fn line(what: &str, found: &Found, can_download: bool) -> bool {
    let origin = found.variable.map_or_else(String::new, |variable| format!(" (from {variable})"));
    let (words, sound) = match &found.condition {
        Condition::Verified => ("verified".to_owned(), true),
        Condition::Present => ("there".to_owned(), true),
        Condition::Absent if found.variable.is_some() => ("not there; correct or unset the variable".to_owned(), false),
        Condition::Absent if can_download => {
            ("not there yet; `clinsynth setup` or the first run brings it".to_owned(), true)
        }
        Condition::Absent => ("not there, and no pip to bring it".to_owned(), false),
        Condition::Damaged(reason) => (format!("damaged: {reason}"), false),
    };
    println!("{what:<13} {}{origin}: {words}", found.path.display());
    sound
}
