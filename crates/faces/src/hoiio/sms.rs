//! Texts: sending one or many, and what became of them.

use outdial_domain::{Direction, EventFilter, Message, MessageId, MessageState};
use outdial_engine::{
    ports::MessageFilter,
    verbs::{self, MessageError, Receiver, SendMessages, SendMessagesError, SentTo, WebhookOfCall},
};
use outdial_hoiio::{
    Page, Placed, Status,
    sms::{self, BulkPlaced, History, SmsState, SmsStatus},
    time,
};

use super::{
    Asker, Service,
    voice::{address, failed, shortened},
};
use crate::unsent::Unsent;

/// How many entries a page of the history has, and how many messages are read at once.
const PAGE: u64 = 100;
const READ: usize = 1_000;
/// What the name of an application begins with where a message names it as its maker.
const MAKER: &str = "hoiio ";

/// Sends one text.
pub(super) async fn send(service: &Service, asker: &Asker<'_>, asked: sms::Send) -> Result<Placed, Status> {
    let request = request(
        asker,
        vec![asked.dest],
        &asked.msg,
        asked.sender_name,
        asked.tag,
        asked.notify_url,
    )?;
    let first = taken(service, asker, request).await?;
    Ok(Placed::new(name(first.id)))
}

/// Sends one text to many.
pub(super) async fn bulk(service: &Service, asker: &Asker<'_>, asked: sms::BulkSend) -> Result<BulkPlaced, Status> {
    // A text with a place for each receiver's own words is not available.
    let dest = asked.dest.ok_or(Status::SmsServiceNotAvailable)?;
    let request = request(asker, dest, &asked.msg, asked.sender_name, asked.tag, asked.notify_url)?;
    let first = taken(service, asker, request).await?;
    Ok(BulkPlaced::new(format!("AA-B-{}", first.id.uuid().simple())))
}

/// What became of a text.
pub(super) async fn status(service: &Service, asker: &Asker<'_>, txn_ref: &str) -> Result<SmsStatus, Status> {
    let id = txn_ref
        .strip_prefix("AA-S-")
        .and_then(|hex| format!("msg_{hex}").parse::<MessageId>().ok());
    let found = verbs::get_message(&service.engine, &asker.actor, id.ok_or(Status::TxnRefInvalid)?).await;
    found.map(|message| shown(&message)).map_err(|error| match error {
        MessageError::NotFound => Status::TxnRefInvalid,
        MessageError::Store(error) => failed(&error),
    })
}

/// One page of the texts of the account that came in or were sent by this face, newest first.
pub(super) async fn history(service: &Service, asker: &Asker<'_>, asked: &History) -> Result<Page<SmsStatus>, Status> {
    let skipped = u64::from(asked.page.unwrap_or(1).saturating_sub(1)) * PAGE;
    let mut filter = MessageFilter {
        most: READ,
        ..MessageFilter::default()
    };
    let (mut total, mut entries) = (0_u64, Vec::new());
    loop {
        let found = verbs::list_messages(&service.engine, &asker.actor, filter.clone()).await;
        let found = found.map_err(|error| failed(&error))?;
        filter.before = found.items.last().map(|message| message.id);
        let mut before = false;
        for message in &found.items {
            let second = message.created_at.as_second();
            before |= asked
                .from
                .as_ref()
                .is_some_and(|from| second < from.timestamp().as_second());
            let after = asked.to.as_ref().is_some_and(|to| second > to.timestamp().as_second());
            // What other faces sent is theirs to show; what came in is everybody's.
            let others = message.direction == Direction::Outgoing && maker(message).is_none();
            if before || after || others {
                continue;
            }
            if (skipped..skipped + PAGE).contains(&total) {
                entries.push(shown(message));
            }
            total += 1;
        }
        if !found.more || before {
            break;
        }
    }
    Ok(Page {
        total_entries_count: u32::try_from(total).unwrap_or(u32::MAX),
        entries,
    })
}

/// The name of a text, as the service gave them.
pub(super) fn name(id: MessageId) -> String {
    format!("AA-S-{}", id.uuid().simple())
}

/// The application that made a message, where one did.
pub(super) fn maker(message: &Message) -> Option<&str> {
    message.plan.reference.as_deref()?.strip_prefix(MAKER)
}

/// How far a text is.
pub(super) fn state(message: &Message) -> SmsState {
    match message.state {
        MessageState::Scheduled | MessageState::Queued | MessageState::Sending | MessageState::Submitted => {
            SmsState::Queued
        }
        // It was sent, and nobody will ever say more.
        MessageState::Sent | MessageState::Delivered => SmsState::Delivered,
        MessageState::Undelivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Rejected
        | MessageState::Refused
        | MessageState::Canceled => SmsState::Failed,
        MessageState::Unknown => SmsState::Error,
        MessageState::Received => SmsState::Received,
    }
}

fn shown(message: &Message) -> SmsStatus {
    let plan = &message.plan;
    let mut shown = SmsStatus::new(name(message.id))
        .tag(plan.tag.clone().unwrap_or_default())
        .date(time(message.created_at))
        .dest(plan.to.to_string())
        .msg(&plan.body)
        .sms_status(state(message))
        .split_count(u32::try_from(message.parts).unwrap_or(u32::MAX));
    shown.src.clone_from(&plan.from);
    shown
}

fn request(
    asker: &Asker<'_>,
    dest: Vec<String>,
    msg: &str,
    sender_name: Option<String>,
    tag: Option<String>,
    notify_url: Option<String>,
) -> Result<SendMessages, Status> {
    if msg.is_empty() {
        return Err(Status::MsgEmpty);
    }
    let receiver = |to: String| {
        address("dest", &to)?;
        Ok(Receiver {
            to,
            body: msg.to_owned(),
            reference: Some(format!("{MAKER}{}", asker.app.app_id)),
            flaws: Vec::new(),
        })
    };
    Ok(SendMessages {
        from: sender_name,
        tag: shortened(tag),
        webhook: notify_url.map(|url| WebhookOfCall {
            url: Some(url),
            events: EventFilter::of(&["message_ended"]),
            secret: None,
        }),
        ..SendMessages::new(dest.into_iter().map(receiver).collect::<Result<_, Status>>()?)
    })
}

/// The first of a request that was taken, or why none was.
async fn taken(service: &Service, asker: &Asker<'_>, request: SendMessages) -> Result<Message, Status> {
    let sent = verbs::send_messages(&service.engine, &asker.actor, request, None).await;
    let sent = sent.map_err(|error| match error {
        SendMessagesError::Invalid(problems) => {
            let field = problems
                .first()
                .map(|problem| problem.field.as_str())
                .unwrap_or_default();
            Status::of_bad_field(match field {
                "webhook.url" => "notify_url",
                "from" => "sender_name",
                "body" => "msg",
                "to" => "dest",
                other => other,
            })
        }
        SendMessagesError::ForeignSender(_) => Status::SmsRebrandNotEnabled,
        SendMessagesError::Stopping => Status::ServiceNotAvailable,
        SendMessagesError::Store(error) => failed(&error),
    })?;
    let (mut first, mut refused) = (None, None);
    for one in sent {
        match one {
            SentTo::Taken(message) if first.is_none() => first = Some(*message),
            SentTo::Refused(problems) => {
                let unsent = Unsent::of(&problems, &asker.actor.account_name);
                // What lies with nobody's number says most.
                if refused.is_none() || unsent != Unsent::Receiver {
                    refused = Some(unsent);
                }
            }
            SentTo::Taken(_) | SentTo::Duplicate(_) => {}
        }
    }
    first.ok_or(match refused {
        Some(Unsent::NoWay) => Status::SmsServiceNotAvailable,
        Some(Unsent::Body(_)) => Status::MalformedParams,
        Some(Unsent::TooLong(_)) => Status::MsgTooBig,
        Some(Unsent::Sender(_)) => Status::SmsRebrandNotEnabled,
        Some(Unsent::Receiver) | None => Status::DestInvalid,
    })
}
