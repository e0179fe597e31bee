//! Lists of calls.

use super::Call;
use crate::Fields;
use crate::document::Node;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Answer, Carries, Request, part};
use crate::value::List;

record! {
    /// Asks for calls. Bounds are written `gte:…;lte:…`; a query covers a month at most, and six back.
    ListCalls {
        optional {
            /// These calls, at most a hundred.
            sid: List ["Sid"],
            /// Rung second; at most five numbers.
            to: List ["To"],
            /// Rung first; at most five numbers.
            from: List ["From"],
            /// Over these numbers of the account, at most five.
            phone_number: List ["PhoneNumber"],
            /// With these states.
            status: List ["Status"],
            /// From these directions.
            direction: List ["Direction"],
            /// Asked for between these times.
            date_created: String ["DateCreated"],
            /// As long as this.
            duration: String ["Duration"],
            /// As dear as this.
            price: String ["Price"],
            /// How many on a page, at most a hundred; fifty when absent.
            page_size: u32 ["PageSize"],
            /// `DateCreated:asc` or `DateCreated:desc`.
            sort_by: String ["SortBy"],
            /// The page before this mark.
            before: String ["Before"],
            /// The page after this mark.
            after: String ["After"],
            /// Whether to show both sides.
            details: bool ["details"],
        }
    }
}

impl Request for ListCalls {
    type Answer = CallList;
    fn path(&self) -> String {
        "Calls".to_owned()
    }
    fn carries(&self) -> Carries {
        // Several values go as one text with commas here.
        let joined = self.to_parts().into_iter().map(|(name, node)| match node {
            Node::List(_, items) => {
                let texts: Vec<String> = items.iter().filter_map(Node::text).collect();
                (name, Node::Text(texts.join(",")))
            }
            other => (name, other),
        });
        Carries::Query(Fields::from_node(&Node::Fields(joined.collect())))
    }
    fn look_over(&self, check: &mut Check) {
        let fine = self.sid.as_ref().is_none_or(|sids| sids.len() <= 100);
        check.that("Sid", fine, "must hold at most 100");
        for (field, numbers) in [
            ("To", &self.to),
            ("From", &self.from),
            ("PhoneNumber", &self.phone_number),
        ] {
            if let Some(numbers) = numbers {
                check.numbers(field, numbers, 5);
            }
        }
        let fine = self.page_size.is_none_or(|size| (1..=100).contains(&size));
        check.that("PageSize", fine, "must be 1 to 100");
        check.one_of(
            "SortBy",
            self.sort_by.as_deref(),
            &["DateCreated:asc", "DateCreated:desc"],
        );
    }
}

record! {
    /// Where a page of a list stands.
    Metadata {
        nullable {
            /// How many there are together.
            total: u32 ["Total"],
            /// How many on a page.
            page_size: u32 ["PageSize"],
            /// The path of the first page.
            first_page_uri: String ["FirstPageUri"],
            /// The path of the page before.
            prev_page_uri: String ["PrevPageUri"],
            /// The path of the next page.
            next_page_uri: String ["NextPageUri"],
        }
    }
}

impl Metadata {
    /// The mark from which the next page goes on, if there is one.
    #[must_use]
    pub fn after(&self) -> Option<String> {
        let (_, query) = self.next_page_uri.as_deref()?.split_once('?')?;
        let fields = Fields::from_form(query).ok()?;
        fields.get("After").map(str::to_owned)
    }
}

/// The answer to [`ListCalls`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallList {
    /// Where it stands.
    pub metadata: Metadata,
    /// The calls.
    pub calls: Vec<Call>,
}

impl Answer for CallList {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        let metadata = node.get("Metadata").map(Fields::from_node).unwrap_or_default();
        let calls: Result<Vec<Call>, Invalid> = part(node, "Calls")?
            .items()
            .into_iter()
            .map(|call| Call::from_fields(&Fields::from_node(call.get("Call").unwrap_or(call))))
            .collect();
        Ok(Self {
            metadata: Metadata::from_fields(&metadata)?,
            calls: calls?,
        })
    }

    fn to_node(&self) -> Node {
        let calls = self.calls.iter().map(|call| Node::Fields(call.to_parts()));
        Node::Fields(vec![
            ("Metadata".to_owned(), Node::Fields(self.metadata.to_parts())),
            ("Calls".to_owned(), Node::List("Call", calls.collect())),
        ])
    }
}
