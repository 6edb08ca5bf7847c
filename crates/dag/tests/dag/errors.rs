//! Every kind of mistake, with the whole text that the user sees.

use std::fmt::Write;

use crate::{generate, import, plan, snapshot, with_steps};

/// Shows each file with what is said about it.
fn table(cases: &[String]) -> String {
    let mut shown = String::new();
    for yaml in cases {
        let error = plan(yaml, &[]).expect_err(yaml);
        write!(shown, "────────\n{}\n────\n{error}\n", yaml.trim_end()).unwrap();
    }
    shown
}

fn texts(cases: &[&str]) -> Vec<String> {
    cases.iter().map(|&text| text.to_owned()).collect()
}

/// Files with one step each, of which only the step is shown in the snapshot.
fn step_table(cases: &[&str]) -> String {
    let mut shown = String::new();
    for step in cases {
        let yaml = with_steps(step);
        let error = plan(&yaml, &[]).expect_err(step);
        write!(shown, "────────\n{step}\n────\n{error}\n").unwrap();
    }
    shown
}

#[test]
fn syntax() {
    let cases = [
        "",
        "# nothing but a comment\n",
        "version: 1\nname: [a, b\n",
        "version: 1\nname: x\n\tsteps: {}\n",
        "version: 1\nname: 'x\n",
        "version: 1\n---\nversion: 1\n",
        "- version: 1\n",
        "just text",
        "version: 1\nname: x\nsteps: *nowhere\n",
        "version: 1\nname: x\nname: y\nsteps:\n  a: {uses: report}\n  a: {uses: report}\n",
    ];
    snapshot("syntax", &table(&texts(&cases)));
}

#[test]
fn bytes_that_are_no_text() {
    let error = clinsynth_dag::Plan::from_bytes(
        b"version: 1\nname: caf\xe9\n",
        "ner.yaml".as_ref(),
        &clinsynth_dag::PlanSettings::default(),
    );
    snapshot("not_utf8", &error.unwrap_err().to_string());
}

#[test]
fn a_file_that_is_not_there() {
    let error = clinsynth_dag::read_plan("no/such/pipeline.yaml".as_ref(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the pipeline file `no/such/pipeline.yaml`");
}

#[test]
fn the_head_of_the_file() {
    let cases = [
        "name: x\nsteps: {a: {uses: report}}\n",
        "version: 2\nname: x\nsteps: {}\n",
        "version: '1'\nname: x\nsteps: {}\n",
        "version: 1\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: a b\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nstpes: {a: {uses: report}}\nparms: {}\n",
        "version: 1\nname: x\nsteps: {}\n",
        "version: 1\nname: x\nsteps: [a]\n",
        "version: 1\nname: x\nlabels: [Disease, Disease]\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nlabels: [Disease, a label]\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nlabels: []\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nlabels: Disease\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nlabels: [1]\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nsteps: {learn: {uses: train}}\n",
        "version: 1\nname: x\nlimits: {llm: 0}\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nendpoints: {a: {base_url: 'http://x/v1', model: m}}\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nendpoints: {a: {base-url: 'user@host', model: m}}\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nendpoints: {a b: {base-url: 'http://x/v1', model: m}}\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nendpoints: {replay: {base-url: 'http://x/v1', model: m}}\nsteps: {a: {uses: report}}\n",
        "version: 1\nname: x\nenv: HOME\nsteps: {a: {uses: report}}\n",
    ];
    snapshot("head", &table(&texts(&cases)));
}

#[test]
fn keys_of_a_step() {
    snapshot(
        "keys_of_a_step",
        &step_table(&[
            "  a: {uses: trian}",
            "  a: {use: train}",
            "  a: {uses: [train]}",
            "  a: train",
            "  a: {uses: report, whit: {}, need: []}",
            "  a: {uses: report, needs: a}",
            "  a: {uses: report, needs: [b], resources: {cpus: 2}}\n  train: {uses: train, needs: [curate]}",
            "  a: {uses: report, needs: [a]}",
            "  a: {uses: report, needs: [b, b]}\n  b: {uses: report}",
            "  c: {uses: report, needs: [a]}\n  a: {uses: report, needs: [b]}\n  b: {uses: report, needs: [c]}\n  d: {uses: report, \
         needs: [a]}",
            "  9a: {uses: report}",
            "  a: {uses: report, resources: {cpus: 0, memory: 2GB}}",
            "  a: {uses: report, resources: {memory: 2048}}",
            "  a: {uses: report, resources: {time: 90}}",
            "  a: {uses: report, retry: {limit: -1}}",
            "  a: {uses: report, retry: {backoff: 5m..10s}}",
            "  a: {uses: report, timeout-minutes: 0}",
            "  a: {uses: report, fail-fast: no}",
            "  a: {uses: report, max-parallel: 0}",
            "  a: {uses: report, slots: {lm: 1}}",
            "  a: {uses: report, slots: {llm: 3}}",
            "  a: {uses: report, env: [HOME]}",
            "  a: {uses: report, matrix: {seed: 1}}",
        ]),
    );
}

#[test]
fn options_of_each_kind() {
    snapshot(
        "options_of_each_kind",
        &step_table(&[
            "  a:\n    uses: train\n    with:\n      epoch: 4\n      sead: 1\n      learning-rate: fast",
            "  a: {uses: train, with: {epochs: 4.5}}",
            "  a: {uses: train, with: {epochs: -1}}",
            "  a: {uses: train, with: {epochs: 0}}",
            "  a: {uses: train, with: {epochs: 99999999999}}",
            "  a: {uses: train, with: {epochs: null}}",
            "  a: {uses: train, with: {epochs: [4]}}",
            "  a: {uses: train, with: {dropout: 0.1}}",
            "  a: {uses: train, with: {encoder: 5}}",
            "  a: {uses: train, with: {encoder: ./no-such-encoder}}",
            "  a: {uses: train, with: {warmup-fraction: 1.5}}",
            "  a: {uses: train, with: [epochs]}",
            "  a: {uses: curate, with: {dev-fraction: 1}}",
            "  a: {uses: curate, with: {near-duplicate: 0}}",
            "  a: {uses: curate, with: {min-words: 9, max-words: 3}}",
            "  a: {uses: curate, with: {forgotten-mentions: kepe}}",
            "  a: {uses: import}",
            "  a: {uses: import, with: {path: corpus.txt, sensitivity: secret}}",
            "  a: {uses: import, with: {path: corpus.txt, format: 3}}",
            "  a: {uses: import, with: {path: korpus.txt}}",
            "  a: {uses: evaluate, with: {labels: Disease}}",
            "  a: {uses: evaluate, with: {labels: [Chemical, Diseases]}}",
            "  a: {uses: command, with: {run: echo}}",
            "  a: {uses: command, with: {run: []}}",
            "  a: {uses: command, with: {run: [sh], outs: {examples: ../x.parquet, 'a b': /elsewhere/x}}}",
            "  a: {uses: command, with: {run: [sh], deps: [no.sh]}}",
            "  a: {uses: generate, with: {task: qa, template: no.j2}}",
            "  a: {uses: generate, with: {task: ner, template: tempalte.j2, seeds: no.tsv}}",
            "  a: {uses: generate, with: {task: ner, template: template.j2, seeds: seeds.tsv}}",
            "  a: {uses: generate, with: {task: ner, template: template.j2, seeds: seeds.tsv, provider: fra}}",
            "  a: {uses: generate, with: {task: ner, template: template.j2, seeds: seeds.tsv, recordings: no.jsonl}}",
            "  a: {uses: generate, with: {task: re, template: template.j2, seeds: seeds.tsv, provider: far}}",
            "  a: {uses: generate, with: {task: ner, template: template.j2, seeds: seeds.tsv, provider: far, temperature: -1}}",
        ]),
    );
}

#[test]
fn expressions() {
    snapshot(
        "expressions",
        &step_table(&[
            "  a: {uses: train, with: {seed: '${{ params.sed }}'}}",
            "  a: {uses: train, with: {seed: '${{ parameters.seed }}'}}",
            "  a: {uses: train, with: {seed: '${{ github.sha }}'}}",
            "  a: {uses: train, with: {seed: '${{ }}'}}",
            "  a: {uses: train, with: {seed: '${{ params }}'}}",
            "  a: {uses: train, with: {encoder: 'x ${{ params.seed'}}",
            "  a: {uses: train, with: {encoder: '${{ params.none }}/x'}}",
            "  a: {uses: train, with: {encoder: '${{ params.seeds }}-x'}}",
            "  a: {uses: train, with: {epochs: '${{ params.where }}'}}",
            "  a: {uses: train, with: {seed: '${{ matrix.seed }}'}}",
            "  a: {uses: train, matrix: {seed: [0, 1]}, with: {seed: '${{ matrix.sead }}'}}",
            "  a: {uses: train, needs: ['${{ matrix.seed }}']}",
            "  a: {uses: command, with: {run: [echo, '${{ env.HOME }}']}}",
            "  a:\n    uses: command\n    with:\n      run:\n        - echo\n        - |\n          first line\n          second ${{ params.nothing }} line",
        ]),
    );
    let yaml = "version: 1\nname: x\nenv: [NOT_SET]\nsteps:\n  a: {uses: command, with: {run: ['${{ env.NOT_SET }}']}}";
    snapshot("unset_variable", &plan(yaml, &[]).unwrap_err().to_string());
}

#[test]
fn inputs() {
    let cases = [
        vec!["  learn: {uses: train}".to_owned(), generate("write")],
        vec![generate("write"), generate("more"), "  learn: {uses: train, needs: [write, more]}".to_owned()],
        vec![generate("write"), "  mark: {uses: predict, needs: [write]}".to_owned()],
        vec![
            generate("write"),
            "  learn: {uses: train, needs: [write], matrix: {seed: [0, 1]}}".to_owned(),
            "  mark: {uses: predict, needs: [learn, write]}".to_owned(),
        ],
        vec![
            generate("write"),
            "  learn: {uses: train, needs: [write], matrix: {seed: [0, 1]}}".to_owned(),
            "  mark: {uses: predict, needs: [learn, write], matrix: {seed: [1, 2]}}".to_owned(),
        ],
        vec![
            generate("write"),
            generate("other"),
            "  learn: {uses: train, needs: [write]}".to_owned(),
            "  mark: {uses: predict, needs: [learn, other]}".to_owned(),
            "  score: {uses: evaluate, needs: [write, mark]}".to_owned(),
        ],
        vec![generate("write"), "  clean: {uses: curate, needs: [write], with: {against: [wriet]}}".to_owned()],
        vec![
            import("corpus", "public"),
            "  clean: {uses: curate, needs: [corpus], with: {against: [corpus]}}".to_owned(),
        ],
    ];
    let mut shown = String::new();
    for steps in cases {
        let error = plan(&crate::lines(&steps), &[]).unwrap_err();
        write!(shown, "────────\n{}\n────\n{error}\n", steps.join("\n")).unwrap();
    }
    snapshot("inputs", &shown);
}

#[test]
fn overrides() {
    let yaml = with_steps("  a: {uses: train, with: {seed: '${{ params.seed }}'}}");
    let check = |override_: &str, expected: &str| {
        assert_eq!(plan(&yaml, &[override_]).unwrap_err().to_string(), expected, "{override_}");
    };
    check("seed", "cannot set `seed`: an override is `key=value`");
    check("sead=1", "cannot set `sead=1`: the file has no `sead` there; did you mean `seed`?");
    check("=1", "cannot set `=1`: the file has no `` there, only seed, none, seeds, where, provider");
    check("steps.b.with.seed=1", "cannot set `steps.b.with.seed=1`: the file has no `b` there, only a");
    check("name.x=1", "cannot set `name.x=1`: `name` is not a mapping");
    check("steps.a.uses.x.y=1", "cannot set `steps.a.uses.x.y=1`: the file has no `x` there");
    snapshot("override_of_wrong_type", &plan(&yaml, &["seed=lots"]).unwrap_err().to_string());
    snapshot("override_of_unknown_option", &plan(&yaml, &["steps.a.with.epoch=2"]).unwrap_err().to_string());
}
