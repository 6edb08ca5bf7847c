use anyhow::Result;
use clinsynth_provision::{DEFAULT_ENCODER, Event, Provision};

use crate::exit::Exit;

/// Brings the library and the default encoder, and prints where they are.
pub(crate) fn setup() -> Result<Exit> {
    let provision = Provision::new(None)?;
    let library = provision.onnxruntime(None, &mut tell)?;
    let encoder = provision.encoder(DEFAULT_ENCODER, &mut tell)?;
    println!("ONNX Runtime  {}", library.display());
    println!("encoder       {}", encoder.display());
    Ok(Exit::Done)
}

/// Says what provisioning does, since it may take a while.
pub(crate) fn tell(event: Event) {
    match event {
        Event::Waiting { what } => eprintln!("waiting for another process that brings {what}"),
        Event::Downloading { what, requirement, bytes } => {
            eprintln!("downloading {what} ({requirement}, {} MB)", bytes / 1_000_000);
        }
        Event::Unpacking { what } => eprintln!("unpacking {what}"),
        Event::Installed { what, folder } => eprintln!("installed {what} in {}", folder.display()),
        _ => {}
    }
}
