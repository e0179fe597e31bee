//! What is asked of messages in several places.

use rsipstack::sip::{CSeq, From, HeadersExt, To, param::Tag};

/// The tag of the `To` header, which a request within a dialog has and one outside has not.
pub(crate) fn to_tag(message: &impl HeadersExt) -> Option<String> {
    text(message.to_header().ok().map(To::tag))
}

/// The tag of the `From` header.
pub(crate) fn from_tag(message: &impl HeadersExt) -> Option<String> {
    text(message.from_header().ok().map(From::tag))
}

/// The number in the `CSeq` header.
pub(crate) fn sequence(message: &impl HeadersExt) -> Option<u32> {
    message.cseq_header().and_then(CSeq::seq).ok()
}

fn text(tag: Option<Result<Option<Tag>, rsipstack::sip::Error>>) -> Option<String> {
    Some(tag?.ok()??.value().to_owned())
}

/// The library could not make or send a message. Its own errors are larger than what they spoil.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(String);

impl std::convert::From<rsipstack::Error> for Fault {
    fn from(error: rsipstack::Error) -> Self {
        Self(error.to_string())
    }
}

impl std::convert::From<rsipstack::sip::Error> for Fault {
    fn from(error: rsipstack::sip::Error) -> Self {
        Self(error.to_string())
    }
}
