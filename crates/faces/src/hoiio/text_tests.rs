use outdial_domain::MessageId;
use outdial_engine::{
    ports::{Happened, NoticeWriter, Snapshot},
    verbs,
};
use outdial_hoiio::{Record as _, notify};
use serde_json::json;

use super::{HoiioNotices, tests::Rig};

#[tokio::test(start_paused = true)]
async fn nobody_is_blamed_for_a_missing_trunk_or_a_broken_text() {
    let rig = Rig::start().await;
    for (form, word) in [
        ("dest=%2B6511111111&msg=a%01b", "error_malformed_params"),
        ("dest=%2B6511111111&msg=x", "success_ok"),
    ] {
        assert_eq!(rig.post("sms/send", form).await["status"], word, "{form}");
    }
    let rig = Rig::grounded(|settings| settings.sms_trunks.clear(), |_| {}).await;
    for resource in ["sms/send", "sms/bulk_send"] {
        let told = rig.post(resource, "dest=%2B6511111111&msg=x").await;
        assert_eq!(told, json!({"status": "error_sms_service_not_available"}), "{resource}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_is_sent_told_and_listed() {
    let rig = Rig::start().await;
    let form = "dest=%2B6511111111&msg=Gr%C3%BC%C3%9Fe&tag=mine&notify_url=http%3A%2F%2Fhooks.internal%2Fsms";
    let sent = rig.post("sms/send", form).await;
    let txn_ref = sent["txn_ref"].as_str().unwrap_or_else(|| panic!("{sent}"));
    let told = rig.post("sms/query_status", &format!("txn_ref={txn_ref}")).await;
    assert_eq!(
        told,
        json!({
            "status": "success_ok", "txn_ref": txn_ref, "tag": "mine", "date": "2030-01-02 11:04:05",
            "dest": "+6511111111", "msg": "Grüße", "sms_status": "queued", "split_count": "1",
        })
    );
    // Of one millisecond, either may be the newer.
    tokio::time::advance(std::time::Duration::from_millis(5)).await;
    let bulk = rig
        .post("sms/bulk_send", "dest=%2B6522222222,%2B6533333333&msg=x")
        .await;
    assert!(bulk["bulk_txn_ref"].as_str().unwrap().starts_with("AA-B-"), "{bulk}");
    // What was sent by another way stands elsewhere.
    let native = verbs::SendMessages::to("+6544444444", "x");
    verbs::send_messages(&rig.ground.engine, &rig.ground.actor, native, None)
        .await
        .unwrap();
    let history = rig.post("sms/get_history", "").await;
    assert_eq!(
        (&history["total_entries_count"], &history["entries"][2]["txn_ref"]),
        (&json!("3"), &json!(txn_ref))
    );
    for (resource, form, word) in [
        ("sms/send", "dest=x&msg=x", "error_dest_invalid"),
        ("sms/send", "dest=%2B6511111111", "error_msg_param_missing"),
        (
            "sms/send",
            "dest=%2B6511111111&msg=x&sender_name=me",
            "error_invalid_sender_name",
        ),
        (
            "sms/send",
            "dest=%2B6511111111&msg=x&sender_name=6590000009",
            "error_sms_rebrand_not_enabled",
        ),
        (
            "sms/send",
            "dest=%2B6511111111&msg=x&notify_url=http://127.0.0.1/",
            "error_invalid_notify_url",
        ),
        ("sms/query_status", "txn_ref=AA-S-1", "error_txn_ref_invalid"),
    ] {
        assert_eq!(
            rig.post(resource, form).await,
            json!({"status": word}),
            "{resource} {form}"
        );
    }

    // Nobody says what became of it, so it ends as unknown; that is told, signed.
    let id = format!("msg_{}", txn_ref.trim_start_matches("AA-S-"))
        .parse::<MessageId>()
        .unwrap();
    let mut events = std::pin::pin!(verbs::follow_events(&rig.ground.engine, &rig.ground.actor, Some(0)));
    while futures_util::StreamExt::next(&mut events)
        .await
        .unwrap()
        .unwrap()
        .event
        .kind
        .word()
        != "message_ended"
    {}
    let story = verbs::explain_message(&rig.ground.engine, &rig.ground.actor, id)
        .await
        .unwrap();
    let notices = HoiioNotices::new(&rig.config, rig.ground.links().await);
    let snapshot = Snapshot::Message(story.message.clone());
    let now = rig.ground.engine.ids.now();
    let told = story.events.iter();
    let told: Vec<_> = told
        .filter_map(|stored| {
            notices.write(&Happened {
                snapshot: &snapshot,
                stored,
                history: &story.events,
                now,
            })
        })
        .collect();
    let [notice] = &told[..] else { panic!("{told:?}") };
    let [("X-Hoiio-Signature", signature)] = &notice.headers[..] else {
        panic!("{:?}", notice.headers)
    };
    assert!(notify::is_signed(notice.body.as_bytes(), "MYTOKEN", signature));
    let read = notify::Sms::from_form(&notice.body).unwrap();
    assert_eq!(
        (read.txn_ref.as_str(), read.sms_status.as_str(), read.tag.as_str()),
        (txn_ref, "error", "mine")
    );
}
