//! What holds for any file.

use std::fmt::Write;

use clinsynth_dag::{PipelineError, Plan, PlanSettings};
use proptest::prelude::*;

use crate::plan;

/// Plans anything; an error must point into the text.
fn plan_anything(bytes: &[u8]) -> Result<(), TestCaseError> {
    let result = Plan::from_bytes(bytes, "tests/fixtures/x.yaml".as_ref(), &PlanSettings::default());
    if let Err(PipelineError::Invalid(problems)) = &result {
        // A carriage return alone ends a line too, as YAML has it.
        let lines = String::from_utf8_lossy(bytes).split(['\n', '\r']).count();
        for problem in problems.list() {
            prop_assert!((1..=lines).contains(&problem.place.line), "line {} of {lines}", problem.place.line);
            prop_assert!(problem.place.column >= 1 && problem.place.width >= 1);
        }
        prop_assert!(!problems.list().is_empty() && !problems.to_string().is_empty());
    }
    Ok(())
}

const SHIPPED: &str = include_str!("../../../../pipelines/ner.yaml");

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        plan_anything(&bytes)?;
    }

    #[test]
    fn any_text_of_yaml_marks_is_answered(text in "[-:{}\\[\\],'\"&*<!|>%@ \n\ta-c0-1~#$.é]{0,120}") {
        plan_anything(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_pipeline_is_answered(cut in 0..SHIPPED.len(), gone in 0_usize..40, put in "[-:{}\\[\\],'\"&*$ \na-c0-9]{0,6}") {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        let end = (cut + gone).min(bytes.len());
        bytes.splice(cut..end, put.bytes());
        plan_anything(&bytes)?;
    }

    #[test]
    fn steps_come_after_what_they_need(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
        let mut yaml = "version: 1\nname: p\nsteps:\n".to_owned();
        // Ranks are a fixed shuffle, so that the order of the file is not already right.
        let rank = |step: usize| (step * 5 + 3) % 12;
        for step in 0..12 {
            let needed = edges.iter().filter_map(|&(left, right)| match (left == step, right == step) {
                (true, false) if rank(right) < rank(step) => Some(right),
                (false, true) if rank(left) < rank(step) => Some(left),
                _ => None,
            });
            let needed: std::collections::BTreeSet<_> = needed.map(|other| format!("s{other}")).collect();
            let needs = needed.into_iter().collect::<Vec<_>>().join(", ");
            writeln!(yaml, "  s{step}: {{uses: command, needs: [{needs}], with: {{run: [x], outs: {{o: o}}}}}}").unwrap();
        }
        let plan = plan(&yaml, &[]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(plan.steps.len(), 12);
        let place = |id: &str| plan.steps.iter().position(|step| step.id == id);
        for step in &plan.steps {
            prop_assert!(step.needs.iter().all(|need| place(need) < place(&step.id)));
            prop_assert_eq!(&step.inputs.iter().map(|input| input.from.clone()).collect::<Vec<_>>(), &step.needs);
        }
    }
}
