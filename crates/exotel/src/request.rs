//! What a request is: where it goes, what it carries, its bounds, its answer.

use crate::document::Node;
use crate::invalid::Check;
use crate::{Fields, Format, Invalid};

/// What a request carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Carries {
    /// A question: GET, with these fields in the query.
    Query(Fields),
    /// A form: POST.
    Form(Fields),
    /// A JSON body: POST.
    Json(Node),
}

/// A request to the service.
pub trait Request {
    /// What it is answered with.
    type Answer: Answer;

    /// The resource below `/v1/Accounts/{sid}/`, without a suffix.
    fn path(&self) -> String;

    /// What it carries.
    fn carries(&self) -> Carries;

    /// Notes what the service would refuse. Looks at nothing but the request itself.
    fn look_over(&self, check: &mut Check);

    /// Whether the service would refuse it for what it says.
    ///
    /// # Errors
    ///
    /// With every field that is out of bounds.
    fn check(&self) -> Result<(), Invalid> {
        let mut check = Check::default();
        self.look_over(&mut check);
        check.finish()
    }
}

/// An answer of the service.
pub trait Answer: Sized {
    /// Reads it from its tree, which is the same in both forms.
    ///
    /// # Errors
    ///
    /// When something that must be there is missing or cannot be read.
    fn from_node(node: &Node) -> Result<Self, Invalid>;

    /// Its tree.
    fn to_node(&self) -> Node;

    /// Reads it from JSON or XML, whichever it is.
    ///
    /// # Errors
    ///
    /// When it is neither, or not this answer.
    fn read(text: &[u8]) -> Result<Self, Invalid> {
        Self::from_node(&Node::read(text)?)
    }

    /// Prints it.
    fn print(&self, format: Format) -> String {
        self.to_node().print(format)
    }
}

/// A name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The part of an answer that a name leads to.
pub(crate) fn part<'a>(node: &'a Node, name: &str) -> Result<&'a Node, Invalid> {
    node.get(name).ok_or_else(|| Invalid::bad(name, "is not in the answer"))
}
