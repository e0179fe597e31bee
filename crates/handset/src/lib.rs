//! Scripted phones that speak real SIP and RTP: the phone network in the box.
//!
//! [`HandsetSet::start`] puts many phones on one UDP address. A call rings the one whose number is in the user part of the request URI, and the phone does what its [`Script`] says: rings, answers, refuses, redirects, challenges, presses keys, speaks, listens, hangs up. What each heard goes to a WAV file, how often each rang to a log that survives both sides, and tests wait on what happened instead of sleeping:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use outdial_handset::{EventKind, HandsetSet, Phone};
//!
//! let phone = Phone::answering("+6598765432").wait_for_prompt().press("1");
//! let handsets = HandsetSet::start("127.0.0.1:0".parse()?, phone.into(), None).await?;
//! println!("call {}", handsets.uri("+6598765432"));
//! handsets.wait_for("+6598765432", EventKind::Answered).await;
//! let call = handsets.finished("+6598765432").await;
//! assert_eq!(handsets.rings("+6598765432").count, 1);
//! println!("{:?} heard {:?} and the keys {}", call.ended_by, call.wav, call.digits);
//! handsets.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The script file
//!
//! A TOML file of `[[phone]]` tables. `examples/handsets.toml` in this crate's directory shows every key at work.
//!
//! | key of a phone | meaning |
//! |---|---|
//! | `number` | the user part that rings it; `"+65*"` for a prefix, `"*"` for all others |
//! | `ring` | how long it rings (180) first: `"2s"`; without it no 180 is sent |
//! | `early` | steps played as early media (183 with SDP) before what comes then |
//! | `then` | `"answer"` (the default), `"busy"` (486), `"reject"` (`code`, 603), `"redirect"` (`contact`, `code` 302), `"no_answer"` (rings for ever), `"early_media"` (ringback for ever), `"silent"` (no reply at all) |
//! | `do` | the steps after the answer, below; after the last the phone stays on the line |
//! | `voicemail` | instead of `do`: `{ greeting = "hello.wav", limit = "60s", silence = "3s" }`, all optional: greets, beeps, records, hangs up |
//! | `hang_up_after` | hangs up so long after the answer, whatever it is doing |
//! | `mute`, `deaf` | sends no RTP; hears none |
//! | `echo` | sends back what it hears and nothing else, louder by so many decibels: `0`, `-30` |
//! | `network` | `{ loss = 0.03, delay = "80ms", jitter = "20ms", seed = 1 }`, for the RTP of both directions |
//! | `on_call` | a list of tables with the keys above: the first call meets the first, the second the second; further ones what the phone itself says |
//! | `challenge` | `{ user = "u", password = "p", status = 407, realm = "handset" }`; status 401 or 407. Wrong credentials are challenged once more, then refused (403) |
//! | `record` | `false`: writes no WAV files |
//! | `rtp` | `false`: no RTP at all, for loads of many calls |
//!
//! | step | meaning |
//! |---|---|
//! | `{ wait = "1s" }` | does nothing |
//! | `{ wait_for = "prompt", limit = "30s", silence = "800ms" }` | until the far side spoke and fell silent; beyond the limit the phone hangs up and reports a problem |
//! | `{ press = "1#", way = "rtp" }` | presses keys; `way` is `"rtp"` (telephone-event), `"info"` or `"in_band"` |
//! | `{ speak = "file.wav" }` | plays a WAV file, relative to the script |
//! | `{ murmur = "4s" }` | plays something with the rhythm of speech |
//! | `{ tone = 440, for = "1s" }` | plays a sine |
//! | `{ listen = "60s", silence = "3s" }` | until the far side fell silent, or the limit; never fails |
//! | `{ hang_up = true }` | hangs up |
//!
//! # Texts
//!
//! The same file says what the simulated SMSC ([`Smsc`]) does with texts, in `[[text]]` tables. Without one for a number, a text is taken and delivered at once.
//!
//! | key of a text | meaning |
//! |---|---|
//! | `number` | the receiver; `"+65*"` for a prefix, `"*"` for all others |
//! | `then` | `"take"` (the default), `"refuse"` (with `status`, as 0x58 for too fast), `"take_silently"` (the answer is lost), `"take_and_answer_twice"`, `"take_and_hang_up"`, `"hang_up"` (not taken) |
//! | `after` | how long its answer takes |
//! | `receipt` | what becomes of it: `"delivered"` (the default), `"undeliverable"`, `"expired"`, `"rejected"`, `"deleted"`, `"accepted"`, `"enroute"`, `"unknown"`, `"none"` |
//! | `receipt_after` | how long after the text its receipt comes, be that before its answer |
//! | `receipt_lost` | whether it is lost on its way, so that only `query_sm` tells what became of the text |
//! | `on_text` | a list of tables with the keys above, for the first text, the second, and so on |
//!
//! The table `[smsc]` says how it behaves as a whole: `system_id` and `password` of who may bind (anybody without), `ids` (`"decimal"`, `"hex_then_decimal"`, `"decimal_then_hex"`), `receipts` (`"text"`, `"fields"`), `rate` (more texts a second are throttled).
//!
//! `ring_log = "rings.jsonl"` at the top of the file names the ring log; without it, it is `rings.jsonl` in the recordings directory.
//!
//! # What is left behind
//!
//! *Recordings* are named `NUMBER-RING-CALLID.wav`. They are written every half second with a header that is right at that moment, so that a kill loses half a second at most. What was not sent or got lost is silence; the time is that of the RTP timestamps, from the first packet on.
//!
//! *The ring log* has one JSON object a line with `time`, `number`, `call_id`, `ring` and `event`; the line of an INVITE is in the file before any reply to it leaves. It is only ever appended to.

mod call;
mod clock;
mod event;
mod heard;
mod journal;
mod line;
mod script;
mod set;
mod sip;
mod smsc;
mod sound;

pub use event::{EndedBy, EventKind, HeardWay, PhoneEvent};
pub use heard::{HeardCall, PacketCounts};
pub use journal::Rings;
pub use script::{Behaviour, Challenge, Network, Phone, PressWay, Script, ScriptError, Sound, Step, Then, Voicemail};
pub use set::{HandsetSet, StartError};
pub use smsc::{Fate, Receipt, ReceiptForm, Reply, Smsc, SmscError, SmscIds, SmscScript, TakenText};
pub use sound::SoundError;
