//! The one table: a row for each thing measured.

use serde::Serialize;

/// What was wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtMost(bound) => figure <= bound,
            Self::Below(bound) => figure < bound,
            Self::AtLeast(bound) => figure >= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
            Self::Below(bound) => format!("< {}", number(bound)),
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
        }
    }
}

/// Somebody else who did the same, in the same run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Peer {
    name: &'static str,
    figure: Option<f64>,
}

/// One figure of ours, and what it is held against.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    what: String,
    ours: f64,
    peer: Option<Peer>,
    goal: Option<Goal>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, ours: f64) -> Self {
        Self {
            what: what.into(),
            ours,
            peer: None,
            goal: None,
        }
    }

    /// The same by a peer; none where it is not on this machine.
    pub(crate) fn peer(mut self, name: &'static str, figure: Option<f64>) -> Self {
        self.peer = Some(Peer { name, figure });
        self
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    fn ratio(&self) -> Option<f64> {
        let peer = self.peer.as_ref()?.figure?;
        (peer > 0.0).then_some(self.ours / peer)
    }

    fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| goal.is_met(self.ours))
    }

    fn cells(&self) -> [String; 6] {
        let none = || "-".to_owned();
        let peer = self.peer.as_ref().map_or_else(none, |peer| match peer.figure {
            Some(figure) => format!("{} {}", peer.name, number(figure)),
            None => format!("{} is not here", peer.name),
        });
        [
            self.what.clone(),
            number(self.ours),
            peer,
            self.ratio().map_or_else(none, |ratio| format!("{ratio:.2}")),
            self.goal.map_or_else(none, Goal::text),
            match self.is_met() {
                None => none(),
                Some(true) => "met".to_owned(),
                Some(false) => "NOT MET".to_owned(),
            },
        ]
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "what": self.what,
            "ours": self.ours,
            "peer": self.peer,
            "ratio": self.ratio(),
            "goal": self.goal,
            "met": self.is_met(),
        })
    }
}

/// All rows, and what one must know to read them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
        serde_json::json!({ "rows": rows, "notes": self.notes })
    }

    /// The table as Markdown that also reads well as it is.
    pub(crate) fn text(&self) -> String {
        let head = ["what", "ours", "peer, same run", "ours / peer", "goal", ""].map(str::to_owned);
        let mut lines = vec![head];
        lines.extend(self.rows.iter().map(Row::cells));
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                text += &format!("| {cell:<width$} ");
            }
            text += "|\n";
            if index == 0 {
                for width in widths {
                    text += &format!("|{}", "-".repeat(width + 2));
                }
                text += "|\n";
            }
        }
        for note in &self.notes {
            text += &format!("\n- {note}");
        }
        text + "\n"
    }
}

/// Three digits that count, and no more.
pub(crate) fn number(figure: f64) -> String {
    let size = figure.abs();
    if size >= 100.0 || figure == 0.0 {
        format!("{figure:.0}")
    } else if size >= 10.0 {
        format!("{figure:.1}")
    } else if size >= 1.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_it_stands_against_peer_and_goal() {
        let row = Row::new("processor seconds", 0.2)
            .peer("Asterisk", Some(1.6))
            .goal(Goal::AtMost(0.25));
        assert_eq!(
            row.cells(),
            ["processor seconds", "0.200", "Asterisk 1.60", "0.12", "≤ 0.250", "met"]
        );
        let alone = Row::new("held", 1_999.0)
            .peer("Asterisk", None)
            .goal(Goal::AtLeast(2_000.0));
        assert_eq!(
            alone.cells(),
            ["held", "1999", "Asterisk is not here", "-", "≥ 2000", "NOT MET"]
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::default();
        table.add(Row::new("x", 12.34));
        table.note("a note");
        let text = table.text();
        let widths: Vec<usize> = text.lines().take(3).map(|line| line.chars().count()).collect();
        assert_eq!(widths, [widths[0]; 3], "{text}");
        assert!(text.ends_with("- a note\n"), "{text}");
    }
}
