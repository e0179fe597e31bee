//! `POST Sms/send`, `POST Sms/bulksend` and `GET Sms/Messages/{sid}`: texts.

use outdial_domain::{
    Address, Direction, EventFilter, Message, MessageId, MessageState, Priority, message::RefusalCode,
};
use outdial_engine::verbs::{self, MessageError, Receiver, SendMessages, SendMessagesError, SentTo, WebhookOfCall};
use outdial_exotel::{
    Answer as _, Fields, Invalid, Record as _, Request as _, RestException,
    sms::{self, BulkMessage, DetailedStatus, SendBulk, SendSms, Sms, SmsAnswer},
    time,
};

use super::{Asker, Service, failed, invalid, no_results, not_available};
use crate::unsent::Unsent;

const ROUTE_UNAVAILABLE: DetailedStatus = DetailedStatus(23030);
const INVALID_MESSAGE: DetailedStatus = DetailedStatus(23070);
const INVALID_SENDER: DetailedStatus = DetailedStatus(23072);

/// Sends one text to one receiver or to many.
pub(super) async fn send(service: &Service, asker: &Asker<'_>, fields: &Fields) -> Result<String, RestException> {
    let mut asked = SendSms::from_fields(fields).map_err(|error| of_text(&error))?;
    if asked.shorten_url == Some(true) {
        return Err(not_available("ShortenUrl"));
    }
    let all = std::mem::take(&mut asked.to);
    // A broken number holds up no other.
    asked.to = all.iter().filter(|number| is_number(number)).cloned().collect();
    if asked.to.is_empty() {
        return Err(invalid_recipient(&all.join(",")));
    }
    asked.check().map_err(|error| of_text(&error))?;
    let receivers = asked.to.iter().map(|to| receiver(asker, to, &asked.body)).collect();
    let (from, body) = (asked.from.clone(), asked.body.clone());
    let request = SendMessages {
        from: Some(asker.account.complete(&asked.from)),
        priority: match asked.priority {
            Some(sms::Priority::High) => Priority::High,
            Some(sms::Priority::Normal) | None => Priority::Normal,
        },
        tag: asked.custom_field.map(super::connect::shortened),
        webhook: asked.status_callback.map(callback),
        ..SendMessages::new(receivers)
    };
    let mut fates = taken(service, asker, request).await?.into_iter();
    let sent = all.iter().map(|to| Sent {
        to,
        from: Some(&from),
        body: &body,
        fate: match is_number(to) {
            true => fates.next().unwrap_or(Err(NotTaken::Unsent(Unsent::Receiver))),
            false => Err(NotTaken::Unsent(Unsent::Receiver)),
        },
    });
    answer(asker, &sent.collect::<Vec<_>>(), all.len() > 1)
}

/// Sends different texts at once.
pub(super) async fn bulk(service: &Service, asker: &Asker<'_>, body: &[u8]) -> Result<String, RestException> {
    let asked = SendBulk::read(body).map_err(|error| of_text(&error))?;
    let mut sent: Vec<Sent<'_>> = Vec::with_capacity(asked.messages.len());
    for message in &asked.messages {
        let BulkMessage { to, body, from, .. } = message;
        let from = from.as_ref().or(asked.options.from.as_ref());
        let fate = if !is_number(to) {
            Err(NotTaken::Unsent(Unsent::Receiver))
        } else if body.is_empty() || body.chars().count() > sms::LONGEST_BODY {
            let why = format!("give 1 to {} characters", sms::LONGEST_BODY);
            Err(NotTaken::Unsent(Unsent::Body(why)))
        } else {
            let request = SendMessages {
                from: from.map(|from| asker.account.complete(from)),
                tag: message.custom_field.clone().map(super::connect::shortened),
                webhook: asked.options.status_callback.clone().map(callback),
                ..SendMessages::new(vec![receiver(asker, to, body)])
            };
            match taken(service, asker, request).await {
                Ok(fates) => fates
                    .into_iter()
                    .next()
                    .unwrap_or(Err(NotTaken::Unsent(Unsent::Receiver))),
                // Nobody may think that those before it were not sent either.
                Err(refused) if refused.status < 500 || sent.iter().any(|one| one.fate.is_ok()) => {
                    Err(NotTaken::Refused(refused))
                }
                Err(refused) => return Err(refused),
            }
        };
        sent.push(Sent {
            to,
            from: from.map(String::as_str),
            body,
            fate,
        });
    }
    answer(asker, &sent, true)
}

/// Shows a text.
pub(super) async fn details(service: &Service, asker: &Asker<'_>, sid: &str) -> Result<String, RestException> {
    let id = format!("msg_{}", sid.to_ascii_lowercase()).parse::<MessageId>();
    let id = id.map_err(|_| no_results())?;
    let found = verbs::get_message(&service.engine, &asker.actor, id).await;
    let message = found.map_err(|error| match error {
        MessageError::NotFound => no_results(),
        MessageError::Store(error) => failed(&error),
    })?;
    if message.direction != Direction::Outgoing {
        return Err(no_results());
    }
    let code = detailed(&message);
    let shown = shown(asker, &message)
        .detailed_status_code(code)
        .detailed_status(code.name().unwrap_or_default())
        .sms_units(u32::try_from(message.parts).unwrap_or(u32::MAX));
    Ok(SmsAnswer(vec![shown]).print(asker.format))
}

fn receiver(asker: &Asker<'_>, to: &str, body: &str) -> Receiver {
    Receiver {
        to: asker.account.complete(to),
        body: body.to_owned(),
        reference: None,
        flaws: Vec::new(),
    }
}

/// Who is told when nothing follows any more.
fn callback(url: String) -> WebhookOfCall {
    WebhookOfCall {
        url: Some(url),
        events: EventFilter::of(&["message_ended"]),
        secret: None,
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim().trim_start_matches('+');
    (2..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && Address::parse(text).is_ok()
}

/// One text of a request, and what became of it.
struct Sent<'r> {
    to: &'r str,
    from: Option<&'r str>,
    body: &'r str,
    fate: Result<Message, NotTaken>,
}

/// Why a text was not taken.
enum NotTaken {
    /// Its receiver or its body is not acceptable, or nothing carries it.
    Unsent(Unsent),
    /// The request for it was refused.
    Refused(RestException),
}

impl NotTaken {
    /// The refusal of a request of which nothing was taken.
    fn exception(&self, to: &str) -> RestException {
        match self {
            Self::Unsent(Unsent::NoWay) => {
                RestException::new(503, "No service that carries texts to this number is available").code(40405)
            }
            Self::Unsent(Unsent::Body(why) | Unsent::TooLong(why)) => {
                RestException::new(400, format!("Invalid Parameters: Body: {why}")).code(40200)
            }
            Self::Unsent(Unsent::Sender(why)) => {
                RestException::new(400, format!("Invalid Parameters: From: {why}")).code(40205)
            }
            Self::Unsent(Unsent::Receiver) => invalid_recipient(to),
            Self::Refused(exception) => exception.clone(),
        }
    }

    /// The code that it has in a list.
    fn detailed(&self) -> DetailedStatus {
        match self {
            Self::Unsent(Unsent::NoWay) => ROUTE_UNAVAILABLE,
            Self::Unsent(Unsent::Body(_) | Unsent::TooLong(_)) => INVALID_MESSAGE,
            Self::Unsent(Unsent::Sender(_)) => INVALID_SENDER,
            Self::Unsent(Unsent::Receiver) => DetailedStatus::FAILED_INVALID_DESTINATION_NUMBER,
            Self::Refused(exception) if exception.status < 500 => INVALID_SENDER,
            Self::Refused(_) => DetailedStatus::FAILED_SYSTEM_ERROR,
        }
    }
}

/// What became of each receiver of a request.
async fn taken(
    service: &Service,
    asker: &Asker<'_>,
    request: SendMessages,
) -> Result<Vec<Result<Message, NotTaken>>, RestException> {
    let sent = verbs::send_messages(&service.engine, &asker.actor, request, None).await;
    let account = &asker.actor.account_name;
    let fates = sent.map_err(refusal)?.into_iter().map(|one| match one {
        SentTo::Taken(message) => Ok(*message),
        SentTo::Refused(problems) => Err(NotTaken::Unsent(Unsent::of(&problems, account))),
        // No request here asks for that.
        SentTo::Duplicate(_) => Err(NotTaken::Unsent(Unsent::Receiver)),
    });
    Ok(fates.collect())
}

/// The text, or all of them in their order. What was not taken among others has failed, and no name.
fn answer(asker: &Asker<'_>, sent: &[Sent<'_>], several: bool) -> Result<String, RestException> {
    if sent.iter().all(|one| one.fate.is_err()) {
        let not_receiver = |fate: &NotTaken| !matches!(fate, NotTaken::Unsent(Unsent::Receiver));
        let told = sent.iter().filter_map(|one| one.fate.as_ref().err());
        let all: Vec<&str> = sent.iter().map(|one| one.to).collect();
        let all = all.join(",");
        // What lies with nobody's number says most.
        let first = told
            .clone()
            .find(|fate| not_receiver(fate))
            .or_else(|| told.clone().next());
        return Err(first.map_or_else(|| invalid_recipient(&all), |fate| fate.exception(&all)));
    }
    let shown = SmsAnswer(
        sent.iter()
            .map(|one| match &one.fate {
                Ok(message) => shown(asker, message),
                Err(fate) => failed_one(asker, one, fate.detailed()),
            })
            .collect(),
    );
    Ok(match several {
        true => shown.print_list(asker.format),
        false => shown.print(asker.format),
    })
}

/// One that was not taken while others were.
fn failed_one(asker: &Asker<'_>, one: &Sent<'_>, code: DetailedStatus) -> Sms {
    let mut shown = Sms::new("")
        .account_sid(&asker.account.sid)
        .to(one.to)
        .body(one.body)
        .direction("outbound-api")
        .detailed_status_code(code)
        .detailed_status(code.name().unwrap_or_default());
    shown.from = one.from.map(str::to_owned);
    shown.status = code.status();
    shown
}

fn shown(asker: &Asker<'_>, message: &Message) -> Sms {
    let (sid, account) = (message.id.uuid().simple().to_string(), &asker.account.sid);
    let mut shown = Sms::new(&sid)
        .account_sid(account)
        .to(message.plan.to.given())
        .date_created(time(message.created_at))
        .date_updated(time(message.updated_at))
        .body(&message.plan.body)
        .direction("outbound-api")
        .uri(format!("/v1/Accounts/{account}/SMS/Messages/{sid}"));
    shown.from.clone_from(&message.plan.from);
    shown.date_sent = message.sent_at.map(time);
    shown.status = detailed(message).status();
    shown
}

/// How far a text is, in the code that says most.
pub(super) fn detailed(message: &Message) -> DetailedStatus {
    match message.state {
        MessageState::Scheduled | MessageState::Queued => DetailedStatus::PENDING_TO_OPERATOR,
        MessageState::Sending => DetailedStatus::SENDING_TO_OPERATOR,
        MessageState::Submitted => DetailedStatus::PENDING_ON_OPERATOR,
        MessageState::Sent => DetailedStatus::DELIVERED_TO_OPERATOR,
        MessageState::Delivered => DetailedStatus::DELIVERED_TO_HANDSET,
        MessageState::Undelivered => DetailedStatus::FAILED_SUBSCRIBER_UNAVAILABLE,
        MessageState::Expired => DetailedStatus::FAILED_EXPIRED,
        MessageState::Rejected => DetailedStatus::FAILED_REJECTED,
        MessageState::Refused if message.refusal == Some(RefusalCode::DoNotDisturb) => {
            DetailedStatus::FAILED_REJECTED_DND
        }
        MessageState::Refused => ROUTE_UNAVAILABLE,
        MessageState::Failed | MessageState::Canceled | MessageState::Unknown | MessageState::Received => {
            DetailedStatus::FAILED_UNKNOWN
        }
    }
}

/// What is wrong with the fields of a text, with the code that the service has for it.
fn of_text(error: &Invalid) -> RestException {
    let code = match error.faults().first().map(|fault| fault.field.as_str()) {
        Some("Body") => 40200,
        Some("From") => 40205,
        Some("To") => 40203,
        _ => return invalid(error),
    };
    invalid(error).code(code)
}

fn invalid_recipient(numbers: &str) -> RestException {
    let numbers: String = numbers.chars().filter(|c| !c.is_control()).take(200).collect();
    RestException::new(400, format!("Invalid Recipient [{numbers}]")).code(40203)
}

fn refusal(error: SendMessagesError) -> RestException {
    match error {
        SendMessagesError::Invalid(problems) => {
            let told = problems.iter().map(|problem| match problem.field.as_str() {
                "webhook.url" => format!("StatusCallback: {}", problem.message),
                "from" => format!("From: {}", problem.message),
                field => format!("{field}: {}", problem.message),
            });
            let told = told.collect::<Vec<_>>().join("; ");
            RestException::new(400, format!("Invalid Parameters: {told}")).code(34001)
        }
        SendMessagesError::ForeignSender(_) => {
            RestException::new(400, "Invalid Parameters: From is not a number of this account").code(40205)
        }
        SendMessagesError::Stopping => RestException::new(503, "The server is stopping").code(40405),
        SendMessagesError::Store(error) => failed(&error),
    }
}
