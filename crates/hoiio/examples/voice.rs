//! Everything that can be done with calls: connect two numbers, a conference, hang up, status, history, rate.
//!
//! `HOIIO_URL=http://127.0.0.1:7575/open/ HOIIO_APP_ID=… HOIIO_ACCESS_TOKEN=… voice`
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env::var;
use std::error::Error;

use outdial_hoiio::{Client, Error as HoiioError, blocking, voice};

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder(var("HOIIO_APP_ID")?, var("HOIIO_ACCESS_TOKEN")?)
        .base_url(var("HOIIO_URL")?)
        .build()?;
    let client = blocking::Client::new(client)?;

    call_back(&client)?;
    let last = conference(&client)?;
    hang_up(&client, &last)?;
    status(&client)?;
    history(&client)?;
    rate(&client)?;
    Ok(())
}

/// Rings two numbers and connects them, first without and then with options.
fn call_back(client: &blocking::Client) -> Result<(), HoiioError> {
    let call = client.call(&voice::Call::new("+6522222222").dest1("+6511111111"))?;
    println!("called: {}", call.txn_ref());

    let request = voice::Call::new("+6522222222")
        .dest1("+6511111111")
        .caller_id("private") // only the second number is shown it
        .max_duration(600) // ten minutes
        .tag("myapp")
        .notify_url("http://my.server.com/myscript");
    match client.call(&request) {
        Ok(call) => println!("called: {}", call.txn_ref()),
        Err(HoiioError::InsufficientCredit) => println!("not called: pay first"),
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Brings three numbers into a room, then a fourth into the same one, whose transaction is the result.
fn conference(client: &blocking::Client) -> Result<String, HoiioError> {
    let numbers = ["+6511111111", "+6522222222", "+6533333333"];
    let made = client.send(&voice::Conference::new(numbers))?;
    println!("room {}: {:?}", made.room, made.txn_refs);

    let joined = client.send(&voice::Conference::new(["+6544444444"]).room(made.room))?;
    println!("joined: {:?}", joined.txn_refs);
    Ok(joined.txn_refs.concat())
}

/// Sends one participant out of the room.
fn hang_up(client: &blocking::Client, txn_ref: &str) -> Result<(), HoiioError> {
    client.placed_call(txn_ref).hang_up()?;
    println!("hung up: {txn_ref}");
    Ok(())
}

/// Follows a call until it is over.
fn status(client: &blocking::Client) -> Result<(), HoiioError> {
    let mut call = client.placed_call("TX-1234");
    for state in call.watch() {
        let state = state?;
        println!(
            "first number: {:?}",
            state.call_status_dest1.as_ref().map(voice::CallState::as_str)
        );
    }
    if let Some(state) = call.state() {
        println!("tag {}, from {} to {}", state.tag, state.dest1, state.dest2);
        println!("began {:?}", state.date.as_ref().map(ToString::to_string));
        println!("minutes: {:?}, currency: {:?}", state.duration, state.currency);
        println!("rate: {:?}, debit: {:?}", state.rate, state.debit);
    }
    Ok(())
}

/// All calls of the account; the pages are turned as needed.
fn history(client: &blocking::Client) -> Result<(), HoiioError> {
    for call in client.entries(voice::History::new()) {
        let call = call?;
        println!("{} to {}", call.txn_ref, call.dest2);
    }
    // Or one page alone.
    let second = client.send(&voice::History::new().page(2))?;
    println!("{} of {}", second.entries.len(), second.total_entries_count);
    Ok(())
}

/// What a call would cost, and how long the balance lasts.
fn rate(client: &blocking::Client) -> Result<(), HoiioError> {
    let rate = client.send(&voice::GetRate::new("+6522222222").dest1("+6511111111"))?;
    println!(
        "{} {} a minute, enough for {:?} minutes",
        rate.currency, rate.rate, rate.talktime
    );
    Ok(())
}
