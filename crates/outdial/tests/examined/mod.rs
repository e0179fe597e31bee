//! `outdial doctor TRUNK --json`, and what it found.
#![expect(
    unreachable_pub,
    reason = "each test file includes this module and uses a part of it"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file includes this module and uses a part of it"
)]

use serde_json::Value;

use crate::program::Home;

/// A call to a number.
pub const CALL: [&str; 2] = ["--call", "+6561234567"];

/// What the doctor says of a trunk named `far` with these lines, and whether all is well.
pub async fn examined(trunk: &str, arguments: &[&str]) -> (i32, Value) {
    let home = Home::new();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\", \"local:\"]\n\
         [[trunk]]\nname = \"far\"\nhost = \"127.0.0.1\"\n{trunk}"
    ));
    let ran = home.run(&[&["doctor", "far", "--json"], arguments].concat()).await;
    (ran.code, ran.json())
}

/// The verdict of a check.
pub fn verdict<'a>(report: &'a Value, check: &str) -> &'a str {
    let mut found = report.as_array().unwrap().iter();
    let found = found.find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {report:#}"))["verdict"]
        .as_str()
        .unwrap()
}

#[track_caller]
pub fn is_not_known(report: &Value, check: &str, says: &str) {
    let (ok, detail) = finding(report, check);
    assert!(
        verdict(report, check) == "not_known" && !ok && detail.contains(says),
        "{check}: {detail}"
    );
}

/// Whether a check is well, and what it says.
pub fn finding<'a>(report: &'a Value, check: &str) -> (bool, &'a str) {
    let found = report.as_array().unwrap().iter().find(|found| found["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check}: {report:#}"));
    (found["ok"].as_bool().unwrap(), found["detail"].as_str().unwrap())
}

#[track_caller]
pub fn is_wrong(report: &Value, check: &str, says: &str) {
    let (_, detail) = finding(report, check);
    assert!(
        verdict(report, check) == "wrong" && detail.contains(says),
        "{check}: {detail}"
    );
}

/// The number that stands before these words in a finding.
#[track_caller]
pub fn number_before(report: &Value, check: &str, words: &str) -> f32 {
    let detail = finding(report, check).1;
    let before = detail
        .split_once(words)
        .unwrap_or_else(|| panic!("{check}: {detail}"))
        .0;
    before.rsplit(' ').next().unwrap().parse().unwrap()
}
