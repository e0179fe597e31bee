//! `GET Calls`: the calls of the account that were made by this interface, with filters, page by page.

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{Call as OurCall, CallId};
use outdial_engine::{
    ports::CallFilter,
    verbs::{self, LONGEST_PAGE},
};
use outdial_exotel::{
    Answer as _, Fields, Format, Record as _, Request as _, RestException, Value,
    call::{CallList, Direction, ListCalls, Metadata},
};

use super::{
    Asker, FACE, Service, failed, invalid,
    kept::Kept,
    show::{seconds, shown, status},
};

/// How many calls a page has when the request does not say.
const USUAL_PAGE: u32 = 50;
/// How far back calls are listed.
const FURTHEST: SignedDuration = SignedDuration::from_hours(183 * 24);

/// Lists calls. What it costs grows with how many calls there are since the earliest that it is asked for.
pub(super) async fn calls(service: &Service, asker: &Asker<'_>, fields: &Fields) -> Result<String, RestException> {
    // One client writes it small.
    let named = fields
        .iter()
        .map(|(name, value)| (if name == "sid" { "Sid" } else { name }, value));
    let asked = ListCalls::from_fields(&Fields::from_pairs(named)).map_err(|error| invalid(&error))?;
    asked.check().map_err(|error| invalid(&error))?;
    let bounds = Wanted::read(&asked)?;
    let mut found = matching(service, asker, &asked, &bounds).await?;
    let ascending = asked.sort_by.as_deref() == Some("DateCreated:asc");
    if ascending {
        found.reverse();
    }
    let size = usize::try_from(asked.page_size.unwrap_or(USUAL_PAGE)).unwrap_or(usize::MAX);
    let place = |field: &str, mark: &Option<String>| {
        let Some(mark) = mark.as_deref() else { return Ok(None) };
        let place = found.iter().position(|id| id.uuid().simple().to_string() == mark);
        place.map(Some).ok_or_else(|| {
            RestException::new(
                400,
                format!("Invalid Parameters: {field} is not the mark of a page of this list"),
            )
            .code(34001)
        })
    };
    let first = match (place("After", &asked.after)?, place("Before", &asked.before)?) {
        (Some(last), _) => last + 1,
        (None, Some(next)) => next.saturating_sub(size),
        (None, None) => 0,
    };
    let page = &found[first.min(found.len())..found.len().min(first.saturating_add(size))];
    let mut calls = Vec::with_capacity(page.len());
    for id in page {
        let details = verbs::get_call(&service.engine, &asker.actor, *id).await;
        calls.push(
            shown(service, asker, &details.map_err(|error| failed(&error))?.call)
                .await?
                .call,
        );
    }
    let uri = |mark: Option<(&str, &CallId)>| page_uri(asker, fields, mark);
    let mut metadata = Metadata::new();
    metadata.total = u32::try_from(found.len()).ok();
    metadata.page_size = u32::try_from(size).ok();
    metadata.first_page_uri = Some(uri(None));
    metadata.prev_page_uri = page.first().filter(|_| first > 0).map(|id| uri(Some(("Before", id))));
    let more = first + page.len() < found.len();
    metadata.next_page_uri = page.last().filter(|_| more).map(|id| uri(Some(("After", id))));
    Ok(CallList { metadata, calls }.print(asker.format))
}

/// The path of another page: the same question with another mark.
fn page_uri(asker: &Asker<'_>, fields: &Fields, mark: Option<(&str, &CallId)>) -> String {
    let kept = fields.iter().filter(|(name, _)| !["After", "Before"].contains(name));
    let mut pairs: Vec<(String, String)> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    pairs.extend(mark.map(|(name, id)| (name.to_owned(), id.uuid().simple().to_string())));
    let suffix = match asker.format {
        Format::Json => ".json",
        Format::Xml => "",
    };
    let query = Fields::from_pairs(pairs).to_form();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("/v1/Accounts/{}/Calls{suffix}{mark}{query}", asker.account.sid)
}

/// The calls that are asked for, newest first.
async fn matching(
    service: &Service,
    asker: &Asker<'_>,
    asked: &ListCalls,
    wanted: &Wanted,
) -> Result<Vec<CallId>, RestException> {
    let earliest = service.engine.ids.now().checked_sub(FURTHEST).unwrap_or(Timestamp::MIN);
    let earliest = wanted.created.least.map_or(earliest, |least| least.max(earliest));
    let mut filter = CallFilter {
        face: Some(FACE.to_owned()),
        most: LONGEST_PAGE,
        ..CallFilter::default()
    };
    let mut matching = Vec::new();
    loop {
        let page = verbs::list_calls(&service.engine, &asker.actor, filter.clone()).await;
        let page = page.map_err(|error| failed(&error))?;
        filter.before = page.items.last().map(|call| call.id);
        let over = page.items.last().is_none_or(|call| call.created_at < earliest);
        let fits = |call: &&OurCall| call.created_at >= earliest && wanted.fits(asker, asked, call);
        matching.extend(page.items.iter().filter(fits).map(|call| call.id));
        if over || !page.more {
            return Ok(matching);
        }
    }
}

/// The bounds of a question.
struct Wanted {
    created: Bounds<Timestamp>,
    duration: Bounds<u32>,
}

impl Wanted {
    fn read(asked: &ListCalls) -> Result<Self, RestException> {
        // Times have whole seconds on the wire.
        let moment = |text: &str| jiff::Zoned::read(text).map(|time| time.timestamp());
        Ok(Self {
            created: Bounds::read("DateCreated", asked.date_created.as_deref(), moment)?,
            duration: Bounds::read("Duration", asked.duration.as_deref(), u32::read)?,
        })
    }

    fn fits(&self, asker: &Asker<'_>, asked: &ListCalls, call: &OurCall) -> bool {
        let kept = Kept::of(call);
        let among = |list: &Option<Vec<String>>, text: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|one| one.eq_ignore_ascii_case(text)))
        };
        let complete = |number: &str| asker.account.complete(number);
        let is_one = |list: &Option<Vec<String>>, number: &str| {
            let number = complete(number);
            list.as_ref()
                .is_none_or(|list| list.iter().any(|one| complete(one) == number))
        };
        let sid = call
            .face
            .as_ref()
            .map(|face| face.reference.as_str())
            .unwrap_or_default();
        let second = Timestamp::from_second(call.created_at.as_second()).unwrap_or(call.created_at);
        among(&asked.sid, sid)
            && is_one(&asked.to, &kept.to)
            && is_one(&asked.from, &kept.from)
            && is_one(&asked.phone_number, &kept.caller_id)
            && among(&asked.status, status(call).as_str())
            && among(&asked.direction, Direction::OutboundApi.as_str())
            && self.created.hold(Some(second))
            && self.duration.hold(call.ended_at.map(|end| seconds(call.answered_at, end)))
            // No call has a price.
            && asked.price.is_none()
    }
}

/// `gte:…;lte:…`, or a value.
struct Bounds<T> {
    least: Option<T>,
    greatest: Option<T>,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    fn read(field: &str, text: Option<&str>, value: impl Fn(&str) -> Option<T>) -> Result<Self, RestException> {
        let mut bounds = Self {
            least: None,
            greatest: None,
        };
        for part in text
            .unwrap_or_default()
            .split(';')
            .filter(|part| !part.trim().is_empty())
        {
            let part = part.trim();
            let (least, greatest, text) = match (part.strip_prefix("gte:"), part.strip_prefix("lte:")) {
                (Some(text), _) => (true, false, text),
                (None, Some(text)) => (false, true, text),
                (None, None) => (true, true, part),
            };
            let read = value(text).ok_or_else(|| {
                RestException::new(400, format!("Invalid Parameters: {field} cannot be read")).code(34001)
            })?;
            bounds.least = if least { Some(read) } else { bounds.least };
            bounds.greatest = if greatest { Some(read) } else { bounds.greatest };
        }
        Ok(bounds)
    }

    fn hold(&self, value: Option<T>) -> bool {
        if self.least.is_none() && self.greatest.is_none() {
            return true;
        }
        value.is_some_and(|value| {
            self.least.is_none_or(|least| value >= least) && self.greatest.is_none_or(|greatest| value <= greatest)
        })
    }
}
