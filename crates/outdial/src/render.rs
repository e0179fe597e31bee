//! What people read: events, calls, stories and tables, made from the API's JSON.

use comfy_table::{Table, presets};
use serde_json::Value;

/// One event on one line: time, what, and what is worth knowing about it.
pub fn event_line(event: &Value) -> String {
    event_of_leg(event, "")
}

/// The same, with what the event's leg is called.
fn event_of_leg(event: &Value, leg: &str) -> String {
    let kind = text(event, "type");
    let data = &event["data"];
    let detail = match kind.as_str() {
        "created" => format!("to {}{}", text(data, "to"), optional(data, "from", ", from ")),
        "queued" => text(data, "because"),
        "routed" => format!(
            "to {} by trunk {}{}",
            text(data, "target"),
            text(data, "trunk"),
            passed_over(data)
        ),
        "journalled" => format!("attempt {}, on disk before anything is sent", text(data, "number")),
        "ringing" => {
            let sound = if data["early_media"] == true {
                ", sound may come"
            } else {
                ""
            };
            format!("{}{sound}", text(data, "sip_code"))
        }
        "answered" => text(data, "codec"),
        "session" => session(data),
        "far_hold" => if data["held"] == true {
            "it put us on hold"
        } else {
            "it took us back"
        }
        .to_owned(),
        "instruction_started" => format!("{}: {}", text(data, "step"), text(data, "what")),
        "instruction_done" => format!("{}: {}", text(data, "step"), text(data, "result")),
        "digit" => format!("{} ({})", unless_private(data, "digit"), text(data, "way")),
        "gathered" => format!("{} = {}", text(data, "name"), unless_private(data, "digits")),
        "code" => format!("{} of {}", text(data, "code"), text(data, "step")),
        "hang_up_requested" => format!("by {}{}", text(data, "by"), optional(data, "why", ", because ")),
        "postponed" => format!("to {}, because {}", text(data, "until"), text(data, "because")),
        "changed" => format!(
            "{} by {}; due {}",
            text(data, "fields"),
            text(data, "by"),
            text(data, "due")
        ),
        "retry_scheduled" => format!(
            "attempt {} at {}, because of {}; to {}{}",
            text(data, "attempt"),
            text(data, "at"),
            text(data, "because"),
            text(data, "to"),
            optional(data, "via", ", by trunk "),
        ),
        "message_created" => format!("to {}{}", text(data, "to"), optional(data, "from", ", from ")),
        "message_queued" => text(data, "because"),
        "message_sending" => format!(
            "by trunk {}, try {}, on disk before anything is sent{}",
            text(data, "trunk"),
            text(data, "attempt"),
            passed_over(data)
        ),
        "message_submitted" => {
            let ids = data["ids"].as_array().map_or(&[][..], Vec::as_slice);
            let names: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            let named = match names[..] {
                [] => String::new(),
                [..] => format!(" as {}", names.join(" ")),
            };
            match ids.len() {
                1 => format!("the network has it{named}"),
                parts => format!("the network has its {parts} parts{named}"),
            }
        }
        "message_retry_scheduled" => format!("at {}, because {}", text(data, "at"), text(data, "because")),
        "message_reported" => format!(
            "part {}: {}{}",
            text(data, "part"),
            text(data, "state"),
            optional(data, "error", ", code ")
        ),
        "message_received" => format!(
            "from {} for {} by trunk {}{}",
            text(data, "from"),
            text(data, "to"),
            text(data, "trunk"),
            optional(data, "keyword", ", which asks to ")
        ),
        "message_ended" => format!("{}{}", text(data, "state"), optional(data, "reason", ": ")),
        "not_rung" => format!("{}: {}", text(data, "to"), text(data, "because")),
        "room_joined" => format!("{}, {} in it", text(data, "room"), text(data, "members")),
        "room_left" => format!("{}: {}", text(data, "room"), text(data, "because")),
        "controlled" => format!(
            "{} by {}{}: {}",
            text(data, "what"),
            text(data, "by"),
            optional(data, "why", ", because "),
            text(data, "result"),
        ),
        "recording_started" => format!(
            "{} ({}), {}, by {}",
            text(data, "recording"),
            text(data, "name"),
            text(data, "channels"),
            text(data, "by")
        ),
        "recording_paused" | "recording_resumed" => format!("{} by {}", text(data, "recording"), text(data, "by")),
        "recording_finished" => format!(
            "{} ({}), {} s, {} bytes, because of {}",
            text(data, "recording"),
            text(data, "name"),
            text(data, "seconds"),
            text(data, "bytes"),
            text(data, "end").replace('_', " ")
        ),
        "recording_unreachable" => format!(
            "{} ({}): the node {} was writing it, and has it still; it is complete when that node is back",
            text(data, "recording"),
            text(data, "name"),
            text(data, "node")
        ),
        // Whoever knew is gone.
        "leg_ended" if data["quality"].is_null() && data["ending"]["outcome"] == "unknown" => {
            format!("what was heard is not known: {}", text(&data["ending"], "reason"))
        }
        "leg_ended" => quality(&data["quality"]),
        "ended" => ending(&data["ending"]),
        _ => String::new(),
    };
    let time = text(event, "at");
    let clock = time
        .split_once('T')
        .map_or(time.as_str(), |(_, clock)| clock.trim_end_matches('Z'));
    let kind = match leg {
        "" => kind.replace('_', " "),
        leg => format!("{leg} {}", kind.replace('_', " ")),
    };
    format!("{clock:<15.12} {kind:<20} {detail}").trim_end().to_owned()
}

/// One call on one line.
pub fn call_line(call: &Value) -> String {
    let mut line = format!("{} {} to {}", text(call, "id"), text(call, "state"), text(call, "to"));
    if call["ending"].is_object() {
        line += &format!(": {}", ending(&call["ending"]));
    }
    for gathered in call["digits"].as_array().into_iter().flatten() {
        line += &format!("; {} = {}", text(gathered, "name"), text(gathered, "digits"));
    }
    line
}

/// One call, a field a line.
pub fn call_page(call: &Value) -> String {
    let mut page = call_line(call) + "\n";
    for name in [
        "from",
        "via",
        "tag",
        "created_at",
        "due",
        "expires",
        "answered_at",
        "ended_at",
        "duration",
    ] {
        if !call[name].is_null() {
            page += &format!("  {name:<12} {}\n", text(call, name));
        }
    }
    if call["hours"].is_object() {
        let hours = &call["hours"];
        let windows: Vec<&str> = hours["windows"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        page += &format!("  hours        {} in {}\n", windows.join("; "), text(hours, "zone"));
    }
    if call["next_attempt"].is_object() {
        let next = &call["next_attempt"];
        page += &format!(
            "  next         attempt {} at {}\n",
            text(next, "number"),
            text(next, "at")
        );
    }
    if call["queue"].is_object() {
        page += &format!("  {:<12} {}\n", "queue", queue(&call["queue"]));
    }
    for attempt in call["attempts"].as_array().into_iter().flatten() {
        page += &format!("  attempt {}: {}\n", text(attempt, "number"), text(attempt, "state"));
        let legs = attempt["legs"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, leg) in legs.iter().enumerate() {
            let (id, trunk, target) = (text(leg, "id"), text(leg, "trunk"), text(leg, "target"));
            let mut line = format!("    {id} {} by {trunk} to {target}", text(leg, "state"));
            if legs.len() > 1 {
                line = format!(
                    "    {} {}{}",
                    letter(index),
                    line.trim_start(),
                    optional(leg, "shows", ", shows ")
                );
                if leg["ending"].is_object() {
                    line += &format!(": {}", ending(&leg["ending"]));
                }
            }
            page += &(line + "\n");
        }
    }
    page
}

/// What is so of a call that is under way, as its events tell: whether it is muted, or on hold. Nothing where neither is.
pub fn standing(events: &Value) -> String {
    let (mut muted, mut held, mut far) = (false, false, false);
    for event in events["events"].as_array().into_iter().flatten() {
        let (kind, data) = (text(event, "type"), &event["data"]);
        let agreed = data["result"] == "the far side agreed";
        match (kind.as_str(), data["what"].as_str()) {
            ("controlled", Some(what @ ("mute" | "unmute"))) => muted = what == "mute",
            ("controlled", Some(what @ ("hold" | "resume"))) if agreed => held = what == "hold",
            ("far_hold", _) => far = data["held"] == true,
            _ => {}
        }
    }
    let all = [
        (muted, "muted"),
        (held, "on hold"),
        (far, "the far side has us on hold"),
    ];
    let now: Vec<&str> = all.iter().filter(|(so, _)| *so).map(|(_, said)| *said).collect();
    if now.is_empty() {
        return String::new();
    }
    format!("  {:<12} {}\n", "now", now.join(", "))
}

/// One schedule, a field a line.
pub fn schedule_page(schedule: &Value) -> String {
    let mut page = format!("{} to {}\n", text(schedule, "id"), text(schedule, "to"));
    for name in [
        "name", "cron", "zone", "skip", "start", "until", "paused", "next", "last", "missed",
    ] {
        let value = text(schedule, name);
        if !value.is_empty() {
            page += &format!("  {name:<12} {value}\n");
        }
    }
    page
}

/// The rooms that somebody is in.
pub fn rooms_table(page: &Value) -> String {
    let headings = ["ROOM", "MEMBERS", "LOCKED", "BEGUN", "SINCE"];
    let mut rows = page["rooms"].clone();
    for room in rows.as_array_mut().into_iter().flatten() {
        room["members"] = Value::from(room["members"].as_array().map_or(0, Vec::len));
    }
    table(&headings, &rows, &["room", "members", "locked", "begun", "since"])
}

/// One room with who is in it.
pub fn room_page(room: &Value) -> String {
    let mut page = format!("{} since {}", text(room, "room"), text(room, "since"));
    for (name, shown) in [("locked", true), ("begun", false)] {
        if room[name] == shown {
            page += if shown {
                ", locked"
            } else {
                ", waiting for its moderator"
            };
        }
    }
    page.push('\n');
    for member in room["members"].as_array().into_iter().flatten() {
        let flags = [
            ("moderator", "moderator"),
            ("muted", "muted"),
            ("held", "on hold"),
            ("speaking", "speaking"),
        ];
        let flags = flags.iter().filter(|(name, _)| member[*name] == true);
        let flags: String = flags.map(|(_, flag)| format!(", {flag}")).collect();
        let (call, who) = (text(member, "call"), text(member, "who"));
        page += &format!("  {call} {who} since {}{flags}\n", text(member, "since"));
    }
    page
}

/// One masked pair, a field a line.
pub fn mask_page(mask: &Value) -> String {
    let mut page = format!("{} by {}\n", text(mask, "id"), text(mask, "number"));
    for name in ["parties", "pin", "expires", "tag", "created_at"] {
        if !mask[name].is_null() {
            page += &format!("  {name}: {}\n", text(mask, name));
        }
    }
    page
}

/// One recording, a field a line.
pub fn recording_page(recording: &Value) -> String {
    let mut page = format!("{} of {}\n", text(recording, "id"), text(recording, "call"));
    for name in [
        "name",
        "channels",
        "state",
        "end",
        "rate",
        "seconds",
        "bytes",
        "begun_at",
        "ended_at",
        "delete_at",
        "recording_url",
    ] {
        let value = text(recording, name);
        if !value.is_empty() {
            page += &format!("  {name:<14} {value}\n");
        }
    }
    page
}

/// A page of calls.
pub fn calls_table(page: &Value) -> String {
    let headings = ["CALL", "STATE", "OUTCOME", "TO", "TAG", "CREATED"];
    let mut rows = page["calls"].clone();
    for call in rows.as_array_mut().into_iter().flatten() {
        call["outcome"] = call["ending"]["outcome"].clone();
    }
    table(&headings, &rows, &["id", "state", "outcome", "to", "tag", "created_at"])
}

/// A table of some fields of a list of objects.
pub fn table(headings: &[&str], rows: &Value, fields: &[&str]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.iter().copied());
    for row in rows.as_array().into_iter().flatten() {
        table.add_row(fields.iter().map(|field| text(row, field)));
    }
    table.trim_fmt()
}

/// One message, with what became of its parts.
pub fn message_page(message: &Value) -> String {
    let mut page = format!(
        "{} {} {}{}\n",
        text(message, "id"),
        text(message, "direction"),
        text(message, "state"),
        optional(message, "reason", ": "),
    );
    for (heading, name) in [
        ("to", "to"),
        ("from", "from"),
        ("says", "body"),
        ("encoding", "encoding"),
        ("parts", "part_count"),
        ("trunk", "trunk"),
        ("created", "created_at"),
        ("sent", "sent_at"),
        ("delivered", "delivered_at"),
    ] {
        if !message[name].is_null() {
            page += &format!("  {heading:<10} {}\n", text(message, name).escape_debug());
        }
    }
    for (number, part) in (1..).zip(message["submissions"].as_array().into_iter().flatten()) {
        page += &format!(
            "  part {number:<5} {}{}{}\n",
            text(part, "state"),
            optional(part, "id", ", known there as "),
            optional(part, "error", ", code ")
        );
    }
    page
}

/// Messages, one a line.
pub fn messages_table(page: &Value) -> String {
    table(
        &["MESSAGE", "STATE", "TO", "PARTS", "CREATED"],
        &page["messages"],
        &["id", "state", "to", "part_count", "created_at"],
    )
}

/// All that is known of a message.
pub fn message_story(story: &Value) -> String {
    let mut page = message_page(&story["message"]) + "\n";
    for event in story["events"].as_array().into_iter().flatten() {
        page += &(event_line(event) + "\n");
    }
    page
}

/// The whole story of a call: what it is, what happened, and what went over the wire.
pub fn story(story: &Value) -> String {
    let mut page = call_page(&story["call"]) + "\n";
    let names = leg_names(&story["call"]);
    for event in story["events"].as_array().into_iter().flatten() {
        let leg = event["data"]["leg"].as_str().unwrap_or_default();
        let name = names.iter().find(|(id, _)| id == leg);
        page += &(event_of_leg(event, name.map_or("", |(_, name)| name)) + "\n");
    }
    for trace in story["traces"].as_array().into_iter().flatten() {
        page += &format!("\nSIP of {}\n", text(trace, "leg"));
        for message in trace["messages"].as_array().into_iter().flatten() {
            let arrow = if message["sent"] == true {
                "──►"
            } else {
                "◄──"
            };
            let body = text(message, "text");
            let at = text(message, "at");
            let clock = at
                .split_once('T')
                .map_or(at.as_str(), |(_, clock)| clock.trim_end_matches('Z'));
            page += &format!(
                "{clock:<15.12} {arrow} {} {} {}\n",
                text(message, "transport"),
                text(message, "peer"),
                body.lines().next().unwrap_or("")
            );
        }
    }
    if story["unmasked"] == false {
        page += "\nNumbers and names are masked; --unmasked shows them.\n";
    }
    page
}

/// What the legs of attempts with more than one are called: `A` is the first party.
fn leg_names(call: &Value) -> Vec<(String, String)> {
    let attempts = call["attempts"].as_array().into_iter().flatten();
    let legs = attempts.filter_map(|attempt| attempt["legs"].as_array().filter(|legs| legs.len() > 1));
    legs.flat_map(|legs| {
        let named = legs.iter().enumerate();
        named.map(|(index, leg)| (text(leg, "id"), letter(index)))
    })
    .collect()
}

/// `A` for the first, and so on; numbers after `Z`.
fn letter(index: usize) -> String {
    match u8::try_from(index).ok().filter(|index| *index < 26) {
        Some(index) => char::from(b'A' + index).to_string(),
        None => (index + 1).to_string(),
    }
}

fn queue(queue: &Value) -> String {
    let or_more = queue["or_more"] == true;
    let mut line = format!(
        "place {}{}",
        text(queue, "place"),
        if or_more { " or later" } else { "" }
    );
    if !queue["because"].is_null() {
        line += &format!(", because {}", text(queue, "because"));
    }
    if !queue["eta"].is_null() {
        let about = if or_more { "until after" } else { "until about" };
        line += &format!(", {about} {}", text(queue, "eta"));
    }
    line
}

fn ending(ending: &Value) -> String {
    let mut line = format!("{}, by {}", text(ending, "outcome"), text(ending, "by"));
    for (name, label) in [("sip_code", "SIP"), ("q850", "Q.850")] {
        if !ending[name].is_null() {
            line += &format!(", {label} {}", text(ending, name));
        }
    }
    let reason = text(ending, "reason");
    if reason.is_empty() {
        line
    } else {
        format!("{line} ({reason})")
    }
}

fn session(data: &Value) -> String {
    let sound = match data["srtp"].as_str() {
        Some(suite) => format!("sound protected by SRTP ({suite})"),
        None => "sound not protected".to_owned(),
    };
    match data["refresh_seconds"].as_u64() {
        Some(seconds) => {
            let who = if data["refreshed_by"] == "us" {
                "us"
            } else {
                "the far side"
            };
            format!("{sound}; ends after {seconds} s unless refreshed by {who}")
        }
        None => format!("{sound}; no session timer"),
    }
}

fn quality(quality: &Value) -> String {
    if quality.is_null() {
        return "no sound passed through us".to_owned();
    }
    let judged = match (quality["mos"].as_f64(), quality["received"].as_u64()) {
        (Some(mos), _) => format!("MOS {mos:.1}"),
        (None, Some(0)) => "nothing heard".to_owned(),
        (None, _) => "too little heard to judge".to_owned(),
    };
    let heard = format!(
        "sound: {} packets sent, {} received, {} lost, jitter {:.1} ms, {judged}",
        text(quality, "sent"),
        text(quality, "received"),
        text(quality, "lost"),
        quality["jitter_ms"].as_f64().unwrap_or_default(),
    );
    let reported = |name: &str| quality[name].as_f64();
    let far = [
        reported("round_trip_ms").map(|time| format!("round trip {time:.1} ms")),
        reported("far_loss").map(|share| format!("{:.1} % of ours lost", 100.0 * share)),
        reported("far_jitter_ms").map(|jitter| format!("jitter of ours {jitter:.1} ms")),
    ];
    let far: Vec<String> = far.into_iter().flatten().collect();
    if far.is_empty() {
        heard
    } else {
        format!("{heard}; the far side reports: {}", far.join(", "))
    }
}

fn passed_over(data: &Value) -> String {
    let reasons: Vec<&str> = data["passed_over"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!("; passed over: {}", reasons.join("; "))
    }
}

/// What was pressed, where it may be seen.
fn unless_private(data: &Value, name: &str) -> String {
    if data[name].is_null() {
        "not shown".to_owned()
    } else {
        text(data, name)
    }
}

fn optional(value: &Value, name: &str, label: &str) -> String {
    if value[name].is_null() {
        String::new()
    } else {
        format!("{label}{}", text(value, name))
    }
}

/// A field as people read it. What comes from outside must not steer a terminal.
fn text(value: &Value, name: &str) -> String {
    let text = match &value[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_tells_when_what_and_why() {
        let event = json!({"type": "ended", "at": "2026-11-20T12:00:01.234567Z", "data": {"ending": {
            "outcome": "busy", "by": "callee", "sip_code": 486, "reason": "the far side answered 486 Busy Here"}}});
        let line = event_line(&event);
        assert!(line.starts_with("12:00:01.234"), "{line}");
        assert!(
            line.ends_with("busy, by callee, SIP 486 (the far side answered 486 Busy Here)"),
            "{line}"
        );
    }

    #[test]
    fn a_story_names_the_legs_of_a_call_with_several() {
        let leg = |id: &str| json!({"id": id, "state": "ended", "trunk": "direct", "target": "sip:x@127.0.0.1"});
        let ringing = |id: &str| json!({"type": "ringing", "at": "", "data": {"leg": id, "sip_code": 180}});
        let told = json!({
            "call": {"attempts": [{"number": 1, "state": "ended", "legs": [leg("leg_1"), leg("leg_2")]}]},
            "events": [ringing("leg_1"), ringing("leg_2")],
        });
        let page = story(&told);
        assert!(page.contains("A leg_1 ended by direct"), "{page}");
        assert!(page.contains("A ringing") && page.contains("B ringing"), "{page}");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let event = json!({"type": "created", "at": "", "data": {"to": "\u{1b}[2J"}});
        assert!(!event_line(&event).contains('\u{1b}'));
    }
}
