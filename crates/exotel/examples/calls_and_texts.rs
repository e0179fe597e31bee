//! Calls and texts: connect two numbers, a number with a flow, send a text, ask what became of them.
//!
//! `EXOTEL_URL=https://api.exotel.com EXOTEL_SID=… EXOTEL_TOKEN=… calls_and_texts`
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env::var;
use std::error::Error;

use outdial_exotel::call::Connect;
use outdial_exotel::sms::{Priority, SendSms};
use outdial_exotel::{Client, Error as ExotelError, blocking};

fn main() -> Result<(), Box<dyn Error>> {
    // Without a token there is no client, so nothing can be forgotten later.
    let client = Client::builder(var("EXOTEL_SID")?, var("EXOTEL_TOKEN")?)
        .base_url(var("EXOTEL_URL")?)
        .build()?;
    let client = blocking::Client::new(client)?;

    two_numbers(&client)?;
    from_json(&client)?;
    flow(&client)?;
    text(&client)?;
    mistakes();
    Ok(())
}

/// Rings the first number, and when it has answered, the second. Both see the third.
fn two_numbers(client: &blocking::Client) -> Result<(), ExotelError> {
    let request = Connect::numbers("0987654321", "09988776655", "8088919888")
        .time_out(10) // seconds of ringing, at most 60
        .time_limit(300) // seconds of talking, at most 14400
        .status_callback("http://example.com/callback");
    let mut call = client.connect(&request)?;
    println!(
        "call {}: {:?}",
        call.sid(),
        call.state().and_then(|call| call.status.clone())
    );

    let ended = call.wait()?;
    println!("{:?} after {:?} s for {:?}", ended.status, ended.duration, ended.price);
    println!("began {:?}", ended.start_time.map(|time| time.to_string()));
    println!("recorded at {:?}", ended.recording_url);
    Ok(())
}

/// The same out of JSON, or of any map.
fn from_json(client: &blocking::Client) -> Result<(), ExotelError> {
    let request = Connect::from_json(
        r#"{"first": "0987654321", "second": "09988776655", "caller_id": "8088919888",
            "time_out": 10, "time_limit": 300, "status_callback": "http://example.com/callback"}"#,
    )?;
    println!("call {}", client.connect(&request)?.sid());
    Ok(())
}

/// Rings a number, and when it has answered, connects it with a flow.
fn flow(client: &blocking::Client) -> Result<(), ExotelError> {
    let request = Connect::flow("0987654321", "http://my.exotel.in/exoml/start/12345", "8088919888");
    match client.connect(&request) {
        Ok(call) => println!("call {}", call.sid()),
        Err(ExotelError::RefusedByDnd(why)) => println!("not called: {why}"),
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Sends a text, and asks what became of it.
fn text(client: &blocking::Client) -> Result<(), ExotelError> {
    let request = SendSms::new("8088919888", ["0987654321"], "Hello from Exotel!")
        .priority(Priority::Normal)
        .status_callback("http://example.com/callback");
    for mut sms in client.send_sms(&request)? {
        let sent = sms.refresh()?;
        println!("text {} to {:?}: {:?}", sms.sid(), sent.to, sent.status);
    }
    Ok(())
}

/// What is forgotten or misspelt is named, and nothing is sent.
fn mistakes() {
    for wrong in [
        r#"{"first": "0987654321", "second": "09988776655"}"#,
        r#"{"first": "0987654321", "second": "09988776655", "caller_id": "8088919888", "colour": "red"}"#,
    ] {
        if let Err(invalid) = Connect::from_json(wrong) {
            println!("{invalid}");
        }
    }
    if let Err(invalid) = SendSms::from_map([("from_num", "8088919888"), ("body", "Hello")]) {
        println!("{invalid}");
    }
}
