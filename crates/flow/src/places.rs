//! Where the steps of a flow stand in its document.

use crate::{Dial, Flow, Instruction};

impl Flow {
    /// Every `dial` somewhere in this flow, branches included, with its place in the document, as `1.gather.on.3.0.dial`.
    #[must_use]
    pub fn placed_dials(&self) -> Vec<(String, &Dial)> {
        let mut found = Vec::new();
        collect(&self.steps, "", &mut found);
        found
    }
}

fn collect<'f>(steps: &'f [Instruction], place: &str, found: &mut Vec<(String, &'f Dial)>) {
    for (index, step) in steps.iter().enumerate() {
        if let Instruction::Dial(dial) = step {
            let place = format!("{place}{index}.dial");
            found.push((place.clone(), dial));
            for (keys, branch) in &dial.codes {
                collect(branch, &format!("{place}.codes.{keys}."), found);
            }
            collect(dial.on_failure.steps(), &format!("{place}.on_failure."), found);
        } else if let Instruction::Gather(gather) = step {
            let place = format!("{place}{index}.gather");
            for (keys, branch) in &gather.on {
                collect(branch, &format!("{place}.on.{keys}."), found);
            }
            collect(&gather.otherwise, &format!("{place}.otherwise."), found);
            collect(&gather.no_input, &format!("{place}.no_input."), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::document;

    #[test]
    fn dials_are_found_where_a_problem_with_them_would_be() {
        let document = json!([
            {"say": "x"},
            {"gather": {"digits": 1, "on": {"3": [{"dial": {"to": "100", "codes": {"*1": [{"dial": "101"}]}}}]}}},
            {"dial": {"to": "102", "on_failure": [{"pause": 1}, {"dial": "103"}]}},
        ]);
        let flow = document::read(&document, "flow").unwrap();
        let places: Vec<String> = flow.placed_dials().into_iter().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [
                "1.gather.on.3.0.dial",
                "1.gather.on.3.0.dial.codes.*1.0.dial",
                "2.dial",
                "2.dial.on_failure.1.dial"
            ]
        );
        assert_eq!(flow.dials().len(), places.len());
    }
}
