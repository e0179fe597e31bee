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
    let sent = taken(service, asker, request).await?;
    answer(asker, &sent, &all.join(","))
}

/// Sends different texts at once.
pub(super) async fn bulk(service: &Service, asker: &Asker<'_>, body: &[u8]) -> Result<String, RestException> {
    let asked = SendBulk::read(body).map_err(|error| of_text(&error))?;
    let mut sent = Vec::with_capacity(asked.messages.len());
    for message in &asked.messages {
        let BulkMessage { to, body, from, .. } = message;
        if !is_number(to) || body.is_empty() || body.chars().count() > sms::LONGEST_BODY {
            continue;
        }
        let request = SendMessages {
            from: from
                .as_ref()
                .or(asked.options.from.as_ref())
                .map(|from| asker.account.complete(from)),
            tag: message.custom_field.clone().map(super::connect::shortened),
            webhook: asked.options.status_callback.clone().map(callback),
            ..SendMessages::new(vec![receiver(asker, to, body)])
        };
        sent.extend(taken(service, asker, request).await?);
    }
    let all: Vec<&str> = asked.messages.iter().map(|message| message.to.as_str()).collect();
    answer(asker, &sent, &all.join(","))
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

/// Those of a request that were taken.
async fn taken(service: &Service, asker: &Asker<'_>, request: SendMessages) -> Result<Vec<Message>, RestException> {
    let sent = verbs::send_messages(&service.engine, &asker.actor, request, None).await;
    let sent = sent.map_err(refusal)?;
    Ok(sent
        .into_iter()
        .filter_map(|one| match one {
            SentTo::Taken(message) => Some(*message),
            SentTo::Duplicate(_) | SentTo::Refused(_) => None,
        })
        .collect())
}

fn answer(asker: &Asker<'_>, sent: &[Message], all: &str) -> Result<String, RestException> {
    if sent.is_empty() {
        return Err(invalid_recipient(all));
    }
    let shown = sent.iter().map(|message| shown(asker, message));
    Ok(SmsAnswer(shown.collect()).print(asker.format))
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
        // The route is unavailable.
        MessageState::Refused => DetailedStatus(23030),
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
