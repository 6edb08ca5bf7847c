use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use clinsynth_contract::Score;
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

/// Runs headless Chromium on a page, and gives what it wrote and what it logged.
fn run(page: &Path, home: &Path, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(chromium());
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
    ]);
    command.arg(format!("--user-data-dir={}", home.join("profile").display()));
    let output = command.args(arguments).arg(format!("file://{}", page.display())).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), log)
}

const DARK: &str = "--blink-settings=preferredColorScheme=0";

/// A page that runs further scripts at its end, which its own policy would refuse.
fn with_scripts(page: &str, scripts: &[&str]) -> String {
    let (before, rest) = page.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let (_, after) = rest.split_once('>').unwrap();
    let (body, _) = after.rsplit_once("</body>").unwrap();
    let scripts = scripts.join("</script>\n<script>");
    format!("{before}{body}<script>{scripts}</script></body></html>")
}

/// The text of the element that a script left.
fn left_by_script(document: &str) -> String {
    let (_, rest) = document.split_once("<pre id=\"outcome\">").unwrap_or_else(|| panic!("no outcome in {document}"));
    let text = rest.split_once("</pre>").unwrap().0;
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// axe-core, of the Python package that brings it.
fn axe() -> String {
    let python =
        env::var_os("CLINSYNTH_PYTHON").expect("this test needs `CLINSYNTH_PYTHON`: see tests/reference/README.md");
    let find = "import importlib.util as u; print(u.find_spec('axe_playwright_python').submodule_search_locations[0])";
    let found = Command::new(python).args(["-c", find]).output().unwrap();
    assert!(found.status.success(), "pip install --no-deps -r tests/reference/requirements-axe.txt");
    let folder = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    fs::read_to_string(folder.join("axe.min.js")).unwrap()
}

/// Opens everything that is folded, runs axe with all its rules, and leaves what is violated, with the elements.
const CHECK: &str = r#"
document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
axe.run(document).then((found) => {
  const node = (one) => one.html.slice(0, 300) + " " + one.failureSummary;
  const lines = found.violations.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map(node).join("; ")}`);
  const excess = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (excess > 0) lines.push(`the page is ${excess} pixels wider than its window`);
  document.body.innerHTML = "<pre id=\"outcome\"></pre>";
  document.getElementById("outcome").textContent = `${found.passes.length} rules passed\n${lines.join("\n")}`;
});
"#;

#[test]
#[ignore = "needs Chromium and axe-core"]
fn pages_are_accessible() {
    let axe = axe();
    let home = tempfile::tempdir().unwrap();
    let mut twice = sample::compared_report();
    // Two sets of the same kind must not share what names their parts.
    let others: Vec<_> = twice.scores.iter().filter(|score| !score.system.is_empty()).cloned().collect();
    twice.scores.extend(others.into_iter().map(|score| Score { dataset: "BC5CDR disease dev".into(), ..score }));
    for (name, report) in [("live", sample::live_report()), ("twice", twice)] {
        let page = home.path().join(format!("{name}.html"));
        fs::write(&page, with_scripts(&render(&report).unwrap(), &[&axe, CHECK])).unwrap();
        for looks in [&["--window-size=1280,1000"][..], &["--window-size=1280,1000", DARK], &["--window-size=500,1000"]]
        {
            let arguments = [looks, &["--virtual-time-budget=60000", "--dump-dom"]].concat();
            let outcome = left_by_script(&run(&page, home.path(), &arguments).0);
            let (passed, violated) = outcome.split_once('\n').unwrap();
            assert!(!passed.starts_with("0 "), "{passed}");
            assert_eq!(violated, "", "{name} {looks:?}");
        }
    }
}

/// Filters by kind and by words, and leaves how many quotes are to be seen.
const FILTER: &str = r#"
const form = document.querySelector("form.filter");
const counts = [];
const look = () => {
  form.dispatchEvent(new Event("input"));
  const seen = [...document.querySelectorAll(".quote")].filter((quote) => quote.checkVisibility());
  counts.push(`${seen.length}: ${form.querySelector("output").textContent}`);
};
form.elements.kind.value = "missed"; look();
form.elements.text.value = "colour uncles"; look();
form.elements.text.value = "COLOUR"; look();
form.elements.kind.value = ""; form.elements.text.value = ""; form.elements.label.value = "Chemical"; look();
const outcome = document.createElement("pre");
outcome.id = "outcome";
outcome.textContent = counts.join("\n");
document.body.append(outcome);
"#;

#[test]
#[ignore = "needs Chromium"]
fn errors_are_filtered_by_the_script_that_the_policy_lets_run() {
    let home = tempfile::tempdir().unwrap();
    let page = home.path().join("page.html");
    let html = render(&sample::report()).unwrap();
    fs::write(&page, &html).unwrap();
    let (document, log) = run(&page, home.path(), &["--virtual-time-budget=5000", "--dump-dom"]);
    assert!(document.contains("<form class=\"filter\">") && document.contains(">10 quoted</output>"), "{log}");
    fs::write(&page, with_scripts(&html, &[FILTER])).unwrap();
    let (document, _) = run(&page, home.path(), &["--virtual-time-budget=5000", "--dump-dom"]);
    assert_eq!(left_by_script(&document), "2: 2 of 10 shown\n0: 0 of 10 shown\n1: 1 of 10 shown\n2: 2 of 10 shown");
}

/// The pictures are left in the target directory's `tmp/report` to be looked at.
#[test]
#[ignore = "needs Chromium"]
fn pages_are_drawn_in_light_dark_on_a_phone_and_on_paper() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    let home = tempfile::tempdir().unwrap();
    for (name, report) in
        [("replay", sample::report()), ("live", sample::live_report()), ("compared", sample::compared_report())]
    {
        let page = folder.join(format!("{name}.html"));
        fs::write(&page, render(&report).unwrap()).unwrap();
        // A window cannot be as narrow as a phone, but a frame can.
        let phone = home.path().join("phone.html");
        let frame = "<style>body { margin: 0 } iframe { border: 0; width: 390px; height: 9000px }</style><iframe src=";
        fs::write(&phone, format!("<!doctype html>{frame}'file://{}'></iframe>", page.display())).unwrap();
        let pictures: [(&str, &Path, &[&str]); 3] = [
            ("light", &page, &["--window-size=1280,6800"]),
            ("dark", &page, &["--window-size=1280,6800", DARK]),
            ("phone", &phone, &["--window-size=500,9000"]),
        ];
        for (kind, page, arguments) in pictures {
            let picture = folder.join(format!("{name}-{kind}.png"));
            let _ = fs::remove_file(&picture);
            let shot = format!("--screenshot={}", picture.display());
            let (_, log) = run(page, home.path(), &[arguments, &[&shot]].concat());
            assert!(!log.contains("Refused to") && !log.contains("Content Security Policy"), "{log}");
            assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
        }
        let paper = folder.join(format!("{name}.pdf"));
        let _ = fs::remove_file(&paper);
        run(&page, home.path(), &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())]);
        assert!(fs::read(&paper).unwrap().starts_with(b"%PDF"));
    }
}
