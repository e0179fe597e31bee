//! Which request is answered where, and which is not available.

use outdial_hoiio::{Command, Done, Status, print_answer};

use super::{Asker, Service, account, conference, history, ivr, record, sms, status, voice};

/// Whether a request counts as a query, of which there may be so many in a minute.
pub(super) fn is_counted(command: &Command) -> bool {
    matches!(
        command,
        Command::VoiceModerate(_)
            | Command::VoiceHangup(_)
            | Command::VoiceStatus(_)
            | Command::VoiceHistory(_)
            | Command::VoiceRate(_)
            | Command::SmsStatus(_)
            | Command::SmsHistory(_)
            | Command::SmsRate(_)
            | Command::UserBalance(_)
            | Command::UserInfo(_)
    )
}

/// The answer to a request.
pub(super) async fn to(
    service: &Service,
    asker: &Asker<'_>,
    resource: &str,
    command: Command,
) -> Result<String, Status> {
    let done = || print_answer(&Done::default());
    Ok(match command {
        Command::VoiceCall(call) => print_answer(&voice::call(service, asker, call).await?),
        Command::VoiceConference(wanted) => {
            let in_room = conference::call(service, asker, wanted).await?;
            // The newer generation has a list, and the older one a text with commas.
            match resource {
                "conference/call" => in_room.print_array(),
                _ => print_answer(&in_room),
            }
        }
        Command::VoiceModerate(wanted) => {
            conference::moderate(service, asker, &wanted).await?;
            done()
        }
        Command::VoiceHangup(wanted) => {
            voice::hang_up(service, asker, &wanted.txn_ref).await?;
            done()
        }
        Command::VoiceStatus(wanted) => print_answer(&status::of(service, asker, &wanted.txn_ref).await?),
        Command::VoiceHistory(wanted) => print_answer(&history::page(service, asker, &wanted).await?),
        Command::SmsSend(wanted) => print_answer(&sms::send(service, asker, wanted).await?),
        Command::SmsBulkSend(wanted) => print_answer(&sms::bulk(service, asker, wanted).await?),
        Command::SmsStatus(wanted) => print_answer(&sms::status(service, asker, &wanted.txn_ref).await?),
        Command::SmsHistory(wanted) => print_answer(&sms::history(service, asker, &wanted).await?),
        Command::IvrDial(wanted) => print_answer(&ivr::dial(service, asker, wanted).await?),
        Command::IvrPlay(wanted) => {
            ivr::play(service, asker, wanted).await?;
            done()
        }
        Command::IvrGather(wanted) => {
            ivr::gather(service, asker, wanted).await?;
            done()
        }
        Command::IvrRecord(wanted) => {
            record::message(service, asker, wanted).await?;
            done()
        }
        Command::IvrMonitor(wanted) => {
            record::monitor(service, asker, wanted).await?;
            done()
        }
        Command::IvrHold(wanted) => {
            ivr::hold(service, asker, &wanted.session, wanted.msg.as_deref(), true).await?;
            done()
        }
        Command::IvrUnhold(wanted) => {
            ivr::hold(service, asker, &wanted.session, wanted.msg.as_deref(), false).await?;
            done()
        }
        Command::IvrTransfer(wanted) => print_answer(&ivr::transfer(service, asker, wanted).await?),
        Command::IvrHangup(wanted) => {
            ivr::hang_up(service, asker, wanted).await?;
            done()
        }
        Command::UserInfo(_) => print_answer(&account::info(service, asker)),
        refused => return Err(not_available(&refused)),
    })
}

/// The word for what the service did, and this one does not.
fn not_available(command: &Command) -> Status {
    match command {
        Command::SmsRate(_) => Status::SmsServiceNotAvailable,
        Command::NumberChoices(_) => Status::NoNumberAvailable,
        Command::NumberSubscribe(_) => Status::SubscribeNumberNotAvailable,
        Command::NumberForwarding(_) => Status::NumberNotAssigned,
        _ => Status::ServiceNotAvailable,
    }
}
