//! The shapes of the steps of a flow, for the description of the API. `outdial_flow::document` reads them.

use std::collections::BTreeMap;

use outdial_domain::{Address, RoomName};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type,
        schema::{AdditionalProperties, SchemaType},
    },
};

use crate::native::{moment::Length, wire::ChannelsWord};

/// One step of a flow: exactly one of these.
pub(in crate::native) struct Step;

impl PartialSchema for Step {
    fn schema() -> RefOr<Schema> {
        let of = |name: &str| Ref::from_schema_name(name.to_owned());
        let or_object = |simple: ObjectBuilder, step: &str| OneOfBuilder::new().item(simple).item(of(step));
        let says = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("text", text().max_length(Some(outdial_flow::Say::LONGEST)))
            .property("voice", text())
            .property("language", text())
            .required("text");
        let words = |words: &[&str]| text().enum_values(Some(words.iter().copied()));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("One step of a flow: exactly one of these."))
            .property("say", OneOfBuilder::new().item(text()).item(says))
            .property("play", text().description(Some("The id of an uploaded audio file.")))
            .property("gather", of("GatherStep"))
            .property("pause", of("Length"))
            .property("send_digits", text().max_length(Some(64)))
            .property(
                "record",
                or_object(ObjectBuilder::new().schema_type(Type::Boolean), "RecordStep"),
            )
            .property("recording", words(&["pause", "resume", "stop"]))
            .property("dial", OneOfBuilder::new().item(of("Numbers")).item(of("DialStep")))
            .property(
                "conference",
                or_object(text().max_length(Some(RoomName::LONGEST)), "ConferenceStep"),
            )
            .property("hand_over", anything("Leaves the call to the switch that carries it."))
            .property("hang_up", anything("Ends the call: `{}`."))
            .min_properties(Some(1))
            .max_properties(Some(1))
            .into()
    }
}

impl ToSchema for Step {}

/// A number, or several that are rung one after the other.
pub(in crate::native) struct Numbers;

impl PartialSchema for Numbers {
    fn schema() -> RefOr<Schema> {
        let number = || text().max_length(Some(Address::LONGEST));
        let numbers = ArrayBuilder::new()
            .items(number())
            .min_items(Some(1))
            .max_items(Some(outdial_flow::Dial::MOST));
        OneOfBuilder::new()
            .item(number())
            .item(numbers)
            .description(Some("A number, or several that are rung one after the other."))
            .into()
    }
}

impl ToSchema for Numbers {}

/// A word, or steps.
pub(in crate::native) struct WordOrSteps;

impl PartialSchema for WordOrSteps {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(text())
            .item(ArrayBuilder::new().items(Ref::from_schema_name("Step")))
            .description(Some("A word, or steps."))
            .into()
    }
}

impl ToSchema for WordOrSteps {}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn anything(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some(description))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
}

/// Keys that are waited for.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct GatherStep {
    /// The name the digits are kept under; `digits` when not given.
    #[schema(max_length = 64)]
    name: Option<String>,
    /// Whether its keys stand nowhere, as for a PIN or the number of a card.
    private: Option<bool>,
    /// `say` and `play` steps, heard first; any key interrupts them.
    prompts: Option<Vec<Step>>,
    /// The fewest keys that count as an answer; 1 when not given.
    #[schema(minimum = 1, maximum = 32)]
    fewest: Option<u8>,
    /// The most keys; 20 when not given.
    #[schema(minimum = 1, maximum = 32)]
    most: Option<u8>,
    /// Short for the same `fewest` and `most`.
    #[schema(minimum = 1, maximum = 32)]
    digits: Option<u8>,
    /// The key that ends it early, or `none`.
    finish: Option<String>,
    /// How long to wait for the first key after the prompts, and for each further one; 5 seconds when not given.
    timeout: Option<Length>,
    /// How often the prompts are heard; 1 when not given.
    #[schema(minimum = 1, maximum = 10)]
    tries: Option<u8>,
    /// What to do after exactly these digits.
    on: Option<BTreeMap<String, Vec<Step>>>,
    /// What to do after any other digits.
    otherwise: Option<Vec<Step>>,
    /// What to do when too few keys were pressed in every try.
    no_input: Option<Vec<Step>>,
}

/// Somebody else who is rung, so that the two talk.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct DialStep {
    /// Whom to ring.
    to: Numbers,
    /// What the other party sees: a number, `private` or `other_party`; what the first party sees when not given.
    #[schema(max_length = 255)]
    from: Option<String>,
    /// How long each phone rings, 1 second to 10 minutes.
    ring: Option<Length>,
    /// How long the two may talk, from the other party's answer. What they wait before is bounded by `ring`: each number
    /// rings that long, and the first party waits for all of them, even beyond the `max` of the call.
    max: Option<Length>,
    /// So long before that time is over, both hear a tone; less than that time.
    warn_before: Option<Length>,
    /// `say` and `play` steps that the other party hears before it is connected.
    whisper: Option<Vec<Step>>,
    /// The key that the other party must press to be connected.
    #[schema(max_length = 1)]
    screen: Option<String>,
    /// What the first party hears meanwhile: `tone`, `silence`, or `say` and `play` steps, again and again.
    while_ringing: Option<WordOrSteps>,
    /// Whether the sound that comes of the other side before its answer is heard instead; true where `while_ringing` is
    /// `tone`.
    early_media: Option<bool>,
    /// `say` and `play` steps that the first party hears before it is hung up because nobody was reached.
    announce: Option<Vec<Step>>,
    /// What to do when nobody was reached: `hang_up`, `next`, or steps.
    on_failure: Option<WordOrSteps>,
    /// What to do when these keys are pressed while the two talk: `*` or `#` and one to seven more.
    codes: Option<BTreeMap<String, Vec<Step>>>,
    /// Whose keys are listened to for that: `both`, `first` or `other`.
    codes_by: Option<String>,
}

/// A room to enter.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct ConferenceStep {
    /// Its name: letters, digits, `_`, `-` and `.`.
    #[schema(max_length = 64)]
    room: String,
    /// Whether it is entered muted.
    muted: Option<bool>,
    /// Whether this is a moderator of the room.
    moderator: Option<bool>,
    /// Whether the room begins only when a moderator is in it.
    wait: Option<bool>,
    /// How long it waits for that; 15 minutes when not given.
    patience: Option<Length>,
    /// Whether the room ends when its last moderator leaves.
    end: Option<bool>,
    /// Whether all hear a tone when somebody enters or leaves; they do when not given.
    tones: Option<bool>,
    /// Whether the room is recorded.
    record: Option<bool>,
    /// How many the room takes; the first one in decides.
    #[schema(minimum = 1, maximum = 500)]
    most: Option<u16>,
    /// `say` and `play` steps, heard again and again until the room begins.
    waiting: Option<Vec<Step>>,
}

/// How sound is kept.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct RecordStep {
    /// What the recording is called; `recording` when not given.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Whose voice goes where; `mono` when not given, and `party` for a message.
    #[schema(inline)]
    channels: Option<ChannelsWord>,
    /// The longest that it may become; 4 hours when not given, and 2 minutes for a message.
    most: Option<Length>,
    /// What ends a message, for which the flow waits: an object, or `true` for its defaults. Not for a whole call.
    #[schema(value_type = Option<RecordUntil>)]
    until: Option<()>,
    /// Who is asked before: without a yes nothing is recorded, and the flow goes on.
    consent: Option<RecordConsent>,
}

/// What ends a message, besides its greatest length and the end of the call.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct RecordUntil {
    /// This key, or `none`; `#` when not given.
    key: Option<String>,
    /// Nobody speaks for so long.
    silence: Option<Length>,
    /// Whether a tone is heard first; it is when not given.
    beep: Option<bool>,
}

/// How somebody agrees to be recorded.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes what `outdial_flow::document` reads field by field"
)]
pub(in crate::native) struct RecordConsent {
    /// `say` and `play` steps that ask.
    prompts: Option<Vec<Step>>,
    /// The key that says yes; `1` when not given.
    #[schema(max_length = 1)]
    key: Option<String>,
    /// How long to wait for it after the prompts; 5 seconds when not given.
    timeout: Option<Length>,
    /// How often the prompts are heard; 1 when not given.
    #[schema(minimum = 1, maximum = 10)]
    tries: Option<u8>,
}
