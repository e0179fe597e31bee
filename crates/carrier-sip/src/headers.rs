//! What is asked of messages in several places, and done to them.

use rsipstack::{
    sip::{
        CSeq, From, Header, HeadersExt, Param, Request, Response, SipMessage, To, param::Tag,
        prelude::ToTypedHeader as _,
    },
    transaction::make_via_branch,
    transport::connection::MAX_UDP_BUF_SIZE,
};

/// Marks what the library says on its own, which never was on a wire.
const OWN: &str = "Outdial-Own";

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

/// The request as it is sent a second time on its own merits: with the next number, in a transaction
/// of its own.
pub(crate) fn again(request: &Request) -> Result<Request, Fault> {
    let mut again = request.clone();
    let next = sequence(request).map_or(2, |number| number.wrapping_add(1));
    again.cseq_header_mut()?.mut_seq(next)?;
    let mut via = request.top_via_header()?.typed()?;
    via.params.retain(|parameter| !matches!(parameter, Param::Branch(_)));
    via.params.push(make_via_branch());
    again.headers.unique_push(via.into());
    Ok(again)
}

/// The words of the far side in the first line of its response: what the code alone does not tell.
pub(crate) fn phrase(response: &Response) -> String {
    let phrase = response.wire_reason.as_deref();
    let phrase = phrase.unwrap_or_else(|| response.status_code.text());
    phrase.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// A message as it came, with the words of its first line, for which the library writes those that are usual.
pub(crate) fn as_it_came(message: &SipMessage) -> Vec<u8> {
    let octets = message.to_bytes();
    match message {
        SipMessage::Response(response) if response.wire_reason.is_some() => {
            let end = octets.iter().position(|&octet| octet == b'\r').unwrap_or(octets.len());
            let (code, phrase) = (response.status_code.code(), phrase(response));
            [format!("SIP/2.0 {code} {phrase}").as_bytes(), &octets[end..]].concat()
        }
        _ => octets,
    }
}

/// Marks a response as one that never was on a wire, and says why it was made.
pub(crate) fn mark_own(response: &mut Response, why: &str) {
    response.headers.push(Header::Other(OWN.to_owned(), why.to_owned()));
}

/// Takes the mark from a response that came from elsewhere.
pub(crate) fn unmark(response: &mut Response) {
    response.headers.retain(|header| !is_mark(header));
}

/// Whether a response never was on a wire: 408 for silence, 503 for a request that did not arrive.
pub(crate) fn is_own(response: &Response) -> bool {
    response.headers.iter().any(is_mark)
}

/// Why a request did not arrive, where that is known.
pub(crate) fn not_arrived(response: &Response) -> Option<&str> {
    let mut marks = response.headers.iter().filter(|header| is_mark(header));
    match marks.next() {
        Some(Header::Other(_, why)) if response.status_code.code() == 503 => Some(why),
        _ => None,
    }
}

fn is_mark(header: &Header) -> bool {
    matches!(header, Header::Other(name, _) if name.eq_ignore_ascii_case(OWN))
}

/// Names the length of a message whose body was left out, because it is longer than we read.
pub(crate) const LEFT_OUT: &str = "Outdial-Left-Out";

/// What is to be said of a response whose body was left out.
pub(crate) fn left_out(response: &Response) -> Option<String> {
    let length = response.headers.iter().find_map(|header| match header {
        Header::Other(name, length) if name.eq_ignore_ascii_case(LEFT_OUT) => length.parse::<u32>().ok(),
        _ => None,
    })?;
    Some(format!(
        "its answer of {length} octets is longer than what is read over UDP ({MAX_UDP_BUF_SIZE}): have it send a shorter \
         one, or use TCP"
    ))
}

/// The library could not make or send a message. Its own errors are larger than what they spoil.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub(crate) String);

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
