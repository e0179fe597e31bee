//! The tests that show that what works does work, and that what only a service can refuse is refused, by what a verb
//! comes to and by the column.

/// The kind, the column, the file under `crates/`, and the test.
const PROOFS: &[(&str, &str, &str, &str)] = &[
    ("nothing", "sip", "outdial/tests/sipp.rs", "sipp_01_answers"),
    (
        "heard",
        "sip",
        "outdial/tests/demo.rs",
        "the_phone_hears_the_sentence_and_its_key_arrives",
    ),
    (
        "pause",
        "sip",
        "outdial/tests/faults.rs",
        "the_program_may_die_at_every_step",
    ),
    (
        "keys",
        "sip",
        "outdial/tests/asterisk.rs",
        "asterisk_reads_our_keys_and_we_its",
    ),
    (
        "record",
        "sip",
        "outdial/tests/recordings.rs",
        "each_side_of_a_call_is_on_its_channel",
    ),
    (
        "two",
        "sip",
        "outdial/tests/services.rs",
        "calls_of_packages_for_python_ring_phones",
    ),
    (
        "next",
        "sip",
        "engine/tests/bridges.rs",
        "the_next_number_is_rung_when_one_is_not_reached",
    ),
    (
        "room",
        "sip",
        "outdial/tests/talking.rs",
        "each_hears_all_others_in_a_room",
    ),
    (
        "session",
        "sip",
        "faces/src/hoiio/session_tests.rs",
        "block_follows_block_until_the_call_is_hung_up",
    ),
    (
        "live",
        "sip",
        "engine/tests/bridges.rs",
        "a_party_is_held_and_taken_back",
    ),
    (
        "hang up",
        "sip",
        "engine/tests/calls.rs",
        "hanging_up_is_prevented_hung_up_or_too_late",
    ),
    (
        "nothing",
        "asterisk files",
        "outdial/tests/asterisk_many.rs",
        "none_of_many_calls_is_lost_or_doubled",
    ),
    (
        "heard",
        "asterisk files",
        "outdial/tests/asterisk_carrier.rs",
        "by_files_a_phone_is_rung_once_and_hears_the_prompt",
    ),
    (
        "pause",
        "asterisk files",
        "outdial/tests/asterisk_carrier.rs",
        "by_files_a_phone_is_rung_once_and_hears_the_prompt",
    ),
    (
        "two",
        "asterisk files",
        "outdial/tests/asterisk_endings.rs",
        "two_are_connected_and_the_call_ends_as_it_went_with_the_other",
    ),
    (
        "next",
        "asterisk files",
        "outdial/tests/asterisk_endings.rs",
        "two_are_connected_and_the_call_ends_as_it_went_with_the_other",
    ),
    (
        "room",
        "asterisk files",
        "outdial/tests/asterisk_endings.rs",
        "several_meet_in_a_room_of_asterisks",
    ),
    (
        "switch",
        "asterisk files",
        "outdial/tests/asterisk_hand_over.rs",
        "a_dialplan_sees_what_the_request_said",
    ),
    (
        "nothing",
        "asterisk ami",
        "outdial/tests/asterisk_endings.rs",
        "what_asterisk_does_not_have_rings_nobody_where_that_can_be_asked",
    ),
    (
        "heard",
        "asterisk ami",
        "outdial/tests/asterisk_carrier.rs",
        "by_the_manager_interface_it_is_known_what_happens",
    ),
    (
        "pause",
        "asterisk ami",
        "outdial/tests/asterisk_carrier.rs",
        "by_the_manager_interface_it_is_known_what_happens",
    ),
    (
        "two",
        "asterisk ami",
        "outdial/tests/asterisk_endings.rs",
        "two_are_connected_and_the_call_ends_as_it_went_with_the_other",
    ),
    (
        "next",
        "asterisk ami",
        "outdial/tests/asterisk_endings.rs",
        "two_are_connected_and_the_call_ends_as_it_went_with_the_other",
    ),
    (
        "room",
        "asterisk ami",
        "outdial/tests/asterisk_endings.rs",
        "several_meet_in_a_room_of_asterisks",
    ),
    (
        "switch",
        "asterisk ami",
        "outdial/tests/asterisk_hand_over.rs",
        "a_dialplan_sees_what_the_request_said",
    ),
    (
        "hang up",
        "asterisk ami",
        "outdial/tests/asterisk_carrier.rs",
        "by_the_manager_interface_calls_are_hung_up_and_limited",
    ),
    (
        "two",
        "exotel",
        "outdial/tests/hosted.rs",
        "calls_go_by_services_that_we_serve_ourselves",
    ),
    (
        "switch",
        "exotel",
        "outdial/tests/hosted.rs",
        "calls_go_by_services_that_we_serve_ourselves",
    ),
    (
        "text",
        "exotel",
        "outdial/tests/hosted.rs",
        "texts_go_by_services_that_we_serve_ourselves",
    ),
    (
        "two",
        "hoiio",
        "outdial/tests/hosted.rs",
        "calls_go_by_services_that_we_serve_ourselves",
    ),
    (
        "room",
        "hoiio",
        "outdial/tests/hosted.rs",
        "calls_go_by_services_that_we_serve_ourselves",
    ),
    (
        "hang up",
        "hoiio",
        "carrier-hosted/tests/services/hoiio.rs",
        "a_call_is_hung_up",
    ),
    (
        "hang up",
        "exotel",
        "carrier-hosted/tests/services/exotel.rs",
        "a_call_that_is_not_hung_up_is_followed_to_its_end",
    ),
    (
        "hang up",
        "voicent",
        "carrier-hosted/tests/services/voicent.rs",
        "a_record_that_goes_leaves_the_call_unknown_and_so_does_a_removal",
    ),
    (
        "hang up",
        "asterisk files",
        "outdial/tests/asterisk_endings.rs",
        "by_files_a_call_that_outlives_our_crash_is_followed_to_its_end",
    ),
    (
        "text",
        "hoiio",
        "outdial/tests/hosted.rs",
        "texts_go_by_services_that_we_serve_ourselves",
    ),
    (
        "heard",
        "voicent",
        "outdial/tests/hosted.rs",
        "calls_go_by_services_that_we_serve_ourselves",
    ),
    (
        "pause",
        "voicent",
        "carrier-hosted/tests/services/voicent.rs",
        "sounds_are_written_where_the_gateway_finds_them",
    ),
    (
        "switch",
        "voicent",
        "carrier-hosted/tests/services/voicent.rs",
        "what_cannot_be_done_is_refused_with_the_reason",
    ),
    (
        "text",
        "voicent",
        "carrier-hosted/tests/services/voicent.rs",
        "texts_are_sent_once_and_followed",
    ),
    (
        "text",
        "smpp",
        "outdial/tests/texts.rs",
        "a_text_is_told_of_as_a_call_is",
    ),
];

/// The test that shows a kind to work by a column: its file and its name.
pub(crate) fn of(kind: &str, column: &str) -> Option<(&'static str, &'static str)> {
    let proof = PROOFS.iter().find(|(of, by, ..)| *of == kind && *by == column);
    proof.map(|(_, _, file, test)| (*file, *test))
}
