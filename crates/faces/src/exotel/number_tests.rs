use axum::http::StatusCode;
use outdial_engine::verbs;
use serde_json::{Value, json};

use super::{
    Country,
    tests::{Rig, refusal},
};

#[tokio::test(start_paused = true)]
async fn any_number_may_be_called_but_for_those_that_want_to_be_left_alone() {
    let rig = Rig::start().await;
    let alone = ["09988776655".to_owned()];
    verbs::leave_alone(&rig.ground.engine, &rig.ground.actor, &alone, None)
        .await
        .unwrap();
    let free = rig.about("GET", "CustomerWhitelist/%2B919900000000.json", "").await;
    assert_eq!(
        free,
        json!({"Result": {"Status": "Whitelist", "Type": "API", "Expiry": -1}})
    );
    let alone = rig.about("GET", "CustomerWhitelist/09988776655.json", "").await;
    assert_eq!(alone["Result"]["Status"], "Blacklist");
    let form = "VirtualNumber=8088919888&Number=09988776655,0987654321,0987654321";
    let answer = rig.about("POST", "CustomerWhitelist/.json", form).await;
    assert_eq!(
        answer,
        json!({"Result": {"Total": "3", "Duplicate": "1", "Processed": "2", "Succeeded": "0", "Redundant": "1", "Failed": "1"}})
    );
    let known = rig.about("GET", "Numbers/09988776655.json", "").await;
    assert_eq!(known["Numbers"]["DND"], "Yes");
    assert_eq!(known["Numbers"]["Circle"], Value::Null);
    let answer = rig
        .ask("GET", "/v1/Accounts/rajnikanth/Numbers/x.json", "", String::new())
        .await;
    assert_eq!(refusal(&answer).0, 400);
}

#[tokio::test(start_paused = true)]
async fn numbers_without_a_country_are_of_that_of_the_account() {
    let rig = Rig::decided(|config| config.accounts[0].country = Country::new("91", Country::USUAL_DIGITS)).await;
    let alone = ["+919988776655".to_owned()];
    verbs::leave_alone(&rig.ground.engine, &rig.ground.actor, &alone, None)
        .await
        .unwrap();
    let known = rig.about("GET", "Numbers/09988776655.json", "").await;
    assert_eq!(
        (&known["Numbers"]["DND"], &known["Numbers"]["PhoneNumber"]),
        (&json!("Yes"), &json!("09988776655"))
    );
    let form = "VirtualNumber=08088919888&Number=09988776655,919988776655,9876543210";
    let answer = rig.about("POST", "CustomerWhitelist/.json", form).await;
    assert_eq!(
        (&answer["Result"]["Duplicate"], &answer["Result"]["Failed"]),
        (&json!("1"), &json!("1"))
    );

    let text = "From=08088919888&To=09988776655&Body=Hello&Priority=normal";
    let sent = rig.about("POST", "Sms/send.json", text).await;
    rig.happened("message_ended").await;
    let sid = sent["SMSMessage"]["Sid"].as_str().unwrap();
    let path = format!("SMS/Messages/{sid}.json");
    assert_eq!(rig.about("GET", &path, "").await["SMSMessage"]["Status"], "failed-dnd");

    let call = rig.connect("From=09876543210&To=9876543211&CallerId=08088919888").await;
    assert_eq!(
        (&call["From"], &call["To"]),
        (&json!("09876543210"), &json!("9876543211"))
    );
    let rung = rig.ground.reached("answered", 1).await;
    assert_eq!(rung.call.plan.to.to_string(), "+919876543210");
    rig.ground.reached("ended", 1).await;
    let rung = rig.ground.world.carrier.rung();
    assert_eq!(rung.last().unwrap().to.to_string(), "+919876543211");
    for from in ["%2B919876543210", "9876543210", "09876543210"] {
        let listed = rig.about("GET", &format!("Calls.json?From={from}"), "").await;
        assert_eq!(listed["Metadata"]["Total"], "1", "{from}");
    }
}

impl Rig {
    /// The answer to a request that is fine.
    async fn about(&self, method: &str, resource: &str, form: &str) -> Value {
        let path = format!("/v1/Accounts/rajnikanth/{resource}");
        let form = form.to_owned();
        let answer = self.ask(method, &path, "application/x-www-form-urlencoded", form).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        serde_json::from_str(&answer.text).unwrap()
    }
}
