//! Call lists and results: rows of named columns, as CSV.
//!
//! The list format of the original programs is not documented. Here a list is CSV in UTF-8, with a header of at
//! least `Name`, `Phone`, `Confirmation`, `Status`; what the original can export.

use crate::Invalid;
use crate::form::{LONGEST_BODY, text};

/// How many rows a list may have.
const MOST_ROWS: usize = 1_000_000;

/// The columns of a list that is made from numbers alone.
pub const COLUMNS: [&str; 4] = ["Name", "Phone", "Confirmation", "Status"];

/// Rows of named columns.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A list of these numbers.
    #[must_use]
    pub fn of_numbers<'a>(numbers: impl IntoIterator<Item = &'a str>) -> Self {
        let row = |number: &str| vec![String::new(), number.to_owned(), String::new(), String::new()];
        Self {
            header: COLUMNS.map(str::to_owned).to_vec(),
            rows: numbers.into_iter().map(row).collect(),
        }
    }

    /// Reads CSV. Short rows are filled, long ones refused.
    ///
    /// # Errors
    ///
    /// When it is binary (then it has to be exported as CSV first), too long, or has no header.
    pub fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        let bad = |why: String| Invalid::bad("list", why);
        if bytes.len() > LONGEST_BODY {
            return Err(bad("is too long".to_owned()));
        }
        if bytes.contains(&0) {
            return Err(bad("is binary: export it as CSV".to_owned()));
        }
        let text = text(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        let mut next = || {
            records
                .next()
                .transpose()
                .map_err(|error| bad(format!("is no CSV: {error}")))
        };
        let header: Vec<String> = match next()? {
            Some(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            None => return Err(bad("has no header".to_owned())),
        };
        let mut rows = Vec::new();
        while let Some(record) = next()? {
            let mut row: Vec<String> = record.iter().map(str::to_owned).collect();
            if row.len() > header.len() {
                return Err(bad(format!("has more values than columns in row {}", rows.len() + 1)));
            }
            if rows.len() == MOST_ROWS {
                return Err(bad("has too many rows".to_owned()));
            }
            row.resize(header.len(), String::new());
            rows.push(row);
        }
        Ok(Self { header, rows })
    }

    /// Prints CSV.
    #[must_use]
    pub fn print(&self) -> String {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(row).expect("memory can be written to");
        }
        let bytes = writer.into_inner().expect("memory can be written to");
        String::from_utf8(bytes).expect("texts are UTF-8")
    }

    /// The place of a column, without regard to case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|there| there.eq_ignore_ascii_case(name))
    }

    /// A value by row and column.
    #[must_use]
    pub fn get(&self, row: usize, column: &str) -> Option<&str> {
        self.rows.get(row)?.get(self.column(column)?).map(String::as_str)
    }
}
