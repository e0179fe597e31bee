//! Everything that can be done with a gateway: say a text, play a file, ask, remove, call until somebody confirms.
//!
//! `VOICENT_URL=http://localhost:8155 gateway`
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env::var;
use std::error::Error;

use outdial_voicent::{CallRequest, Client, Error as VoicentError, ReqId, Vcast, blocking};

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder().base_url(var("VOICENT_URL")?).build()?;
    let client = blocking::Client::new(client)?;

    text(&client)?;
    audio(&client)?;
    status(&client)?;
    till_confirm(&client)?;
    Ok(())
}

/// Says a text. The first record goes by itself, the second stays until it is removed.
fn text(client: &blocking::Client) -> Result<(), VoicentError> {
    let request = CallRequest::text("123-4567", "Hello, how are you doing");
    println!("request {}", client.call(&request.clone().self_delete(true))?.id());

    let mut call = client.call(&request)?;
    let ended = call.wait()?;
    println!("request {}: {}", call.id(), ended.outcome);
    call.remove()?;
    Ok(())
}

/// Plays a file that lies on the gateway's host.
fn audio(client: &blocking::Client) -> Result<(), VoicentError> {
    match client.call(&CallRequest::audio("123-4567", r"C:\my audios\hello.wav")) {
        Ok(call) => println!("request {}", call.id()),
        Err(VoicentError::Refused(why)) => println!("not called: {why}"),
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Asks for a call of another day.
fn status(client: &blocking::Client) -> Result<(), VoicentError> {
    let mut call = client.placed_call(ReqId::new("11234035434")?);
    match call.refresh() {
        Ok(state) => println!("{}, {} attempts", state.outcome, state.attempts.len()),
        Err(VoicentError::NotFound(why)) => println!("{why}"),
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Calls the numbers of a list, again and again, until somebody enters the code.
fn till_confirm(client: &blocking::Client) -> Result<(), VoicentError> {
    let list = Vcast::till_confirm(
        r"C:\My calllist\escalation.voc",
        r"C:\My calllist\escalation.wav",
        "911911",
    );
    let program = r"C:\Program Files\Voicent\BroadcastByPhone\bin\vcast.exe";
    let escalation = client.call(&CallRequest::till_confirm(program, &list)?)?;
    println!("request {}", escalation.id());
    Ok(())
}
