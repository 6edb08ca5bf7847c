use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use clinsynth_reporting::render;

use crate::sample;

/// Chromium, by `CHROMIUM` or on the `PATH`.
fn chromium() -> PathBuf {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    let on_path = || {
        let folders = env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let found = env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
        found.into_iter().find(|path| path.is_file())
    };
    named.or_else(on_path).expect("this test needs Chromium: `apt-get install chromium`, or set `CHROMIUM` to its path")
}

/// Runs headless Chromium on a page, and gives what it logged.
fn run(page: &Path, home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(chromium());
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
    ]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
    ]);
    command.arg(format!("--user-data-dir={}", home.join("profile").display()));
    let output = command.args(arguments).arg(format!("file://{}", page.display())).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    log
}

/// The pictures are left in the target directory's `tmp/report` to be looked at.
#[test]
#[ignore = "needs Chromium"]
fn pages_are_drawn_in_light_dark_on_a_phone_and_on_paper() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    let home = tempfile::tempdir().unwrap();
    for (name, report) in [("replay", sample::report()), ("live", sample::live_report())] {
        let page = folder.join(format!("{name}.html"));
        fs::write(&page, render(&report).unwrap()).unwrap();
        let pictures: [(&str, &[&str]); 3] = [
            ("light", &["--window-size=1280,5200"]),
            ("dark", &["--window-size=1280,5200", "--blink-settings=preferredColorScheme=0"]),
            ("phone", &["--window-size=500,7600"]),
        ];
        for (kind, arguments) in pictures {
            let picture = folder.join(format!("{name}-{kind}.png"));
            let _ = fs::remove_file(&picture);
            let shot = format!("--screenshot={}", picture.display());
            let log = run(&page, home.path(), &[arguments, &[&shot]].concat());
            assert!(!log.contains("Refused to") && !log.contains("Content Security Policy"), "{log}");
            assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
        }
        let paper = folder.join(format!("{name}.pdf"));
        let _ = fs::remove_file(&paper);
        run(&page, home.path(), &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())]);
        assert!(fs::read(&paper).unwrap().starts_with(b"%PDF"));
    }
}
