//! What every store must do, whatever it is made of.
//!
//! A store's own tests call [`store_suite!`](crate::store_suite!) with an async function that makes an
//! empty store; each case then is a test of its own. [`lives`] makes calls and the changes of their
//! lives, for these cases and for benchmarks.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as every test does")]

mod accounts;
mod answers;
mod blobs;
mod claims;
mod commits;
mod events;
mod everything;
mod limits;
mod lists;
pub mod lives;
mod masks;
mod messages;
mod nodes;
mod recordings;
mod schedules;
mod telling;

pub use accounts::*;
pub use answers::*;
pub use blobs::*;
pub use claims::*;
pub use commits::*;
pub use events::*;
pub use everything::one_of_everything;
pub use limits::*;
pub use lists::*;
pub use masks::*;
pub use messages::*;
pub use nodes::*;
pub use recordings::*;
pub use schedules::*;
pub use telling::*;

/// Makes one test of each case. The function gives an empty store, and whatever must live as long as it;
/// or nothing, where what the store needs is not there and tests of it are skipped.
///
/// ```text
/// outdial_testkit::store_suite!(empty_store);
/// async fn empty_store() -> Option<(SqliteStore, TempDir)> { … }
/// ```
#[macro_export]
macro_rules! store_suite {
    ($empty:path) => {
        $crate::store_suite!(@cases $empty:
            a_call_reads_back_as_it_was_saved
            a_life_is_saved_step_by_step
            a_stale_change_is_refused_and_saves_nothing
            a_stale_change_does_not_spoil_those_saved_with_it
            a_call_is_made_once
            a_change_of_a_call_that_is_not_there_is_stale
            changes_are_saved_in_the_order_they_were_asked_for
            a_change_with_a_gap_is_refused
            what_the_rules_forbid_saves_nothing_of_its_change
            a_plan_may_change_while_the_call_waits
            a_dropped_future_is_saved_all_the_same
            traces_belong_to_their_leg
            a_call_may_have_several_legs
            due_calls_are_claimed_oldest_first
            nothing_is_claimed_before_its_time
            no_lane_hides_another
            a_call_changes_its_lane
            what_waits_is_counted_up_to_a_bound
            no_call_is_claimed_twice
            an_abandoned_claim_takes_nothing
            a_journalled_call_has_no_job
            a_moved_call_is_due_at_its_new_time
            a_retry_is_due_with_the_end_of_the_attempt_before
            a_restart_gives_back_what_was_not_journalled
            an_attempt_past_its_deadline_is_found
            a_run_without_a_lease_journals_nothing
            one_run_has_a_name
            the_eldest_looks_after_the_dead
            commands_reach_the_run_they_are_for
            a_room_is_one_runs
            events_are_gapless_and_resumable
            followers_are_woken_by_what_is_on_disk
            lists_are_newest_first_and_turn_pages
            lists_are_filtered
            a_face_finds_its_calls_by_its_own_names
            no_account_sees_another
            accounts_have_unique_names
            what_accounts_are_allowed_is_kept_and_heard_of
            keys_are_found_by_their_hash_until_removed
            uploads_are_found_by_their_account
            an_answer_is_kept_with_its_call
            of_requests_with_one_key_one_is_saved
            a_refused_change_keeps_no_answer
            a_key_is_free_again_after_its_time
            accounts_keys_and_uploads_have_answers
            schedules_are_kept
            a_schedule_moves_on_once
            due_schedules_are_found
            masks_are_kept
            of_masks_that_are_mistaken_one_is_added
            a_message_lives_step_by_step
            a_stale_change_of_a_message_is_refused
            a_batch_is_saved_once
            a_marked_message_is_made_once
            urgent_messages_are_claimed_beside_many
            a_restart_finds_messages_in_the_journal
            a_run_without_a_lease_sends_no_message
            nothing_for_who_wants_none_is_journalled
            a_message_is_tried_again
            early_receipts_wait_for_their_name
            overdue_messages_are_found
            parts_are_joined
            messages_are_filtered
            who_wants_no_texts_is_listed
            recordings_are_kept
            recordings_wait_for_their_node_and_their_end
            a_secret_is_made_once
            a_calls_receiver_waits_for_what_it_wants
            what_comes_meanwhile_is_told_next
            a_receiver_is_told_by_one_node_at_a_time
            a_failing_receiver_rests
            receivers_of_the_dead_are_given_back
            webhooks_belong_to_their_account
            a_webhook_follows_the_log_once
            deliveries_are_logged
            a_working_store_says_so
            limits_are_kept_by_all_nodes_together
            places_are_counted_over_all_nodes
            places_end_with_their_run
            nodes_that_ask_at_once_get_no_more
        );
    };
    (@cases $empty:path: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some((store, _keep)) = $empty().await else {
                    return;
                };
                $crate::store_suite::$case(&store).await;
            }
        )+
    };
}

/// Makes one test of each case of a place for blobs. The function gives an empty one, and whatever must
/// live as long as it, as for [`store_suite!`](crate::store_suite!).
#[macro_export]
macro_rules! blobs_suite {
    ($empty:path) => {
        $crate::store_suite!(@cases $empty:
            what_was_put_is_got
            what_is_missing_is_said_to_be
            no_name_leads_outside
        );
    };
}

/// Makes one test of each case of a place for the sound of recordings. The function gives an empty one, and
/// whatever must live as long as it, as for [`store_suite!`](crate::store_suite!).
#[macro_export]
macro_rules! recordings_suite {
    ($empty:path) => {
        $crate::store_suite!(@cases $empty:
            what_was_recorded_is_read
            what_was_left_is_mended
        );
    };
}
