//! The status words: how the service says that it went well, or what was wrong.

use std::fmt;

/// Defines the status words from one table: variant, word, the field it tells of.
macro_rules! statuses {
    ($($variant:ident $word:literal $($field:literal)?,)+) => {
        /// A status word. Every answer has one.
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        pub enum Status {
            /// `error_<name>_param_missing`: this parameter is missing.
            ParamMissing(String),
            $(
                #[doc = concat!("`", $word, "`")]
                $variant,
            )+
            /// A word that this crate does not know.
            Other(String),
        }

        impl Status {
            /// Every word of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Reads a word.
            #[must_use]
            pub fn read(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    _ => match word.strip_prefix("error_").and_then(|rest| rest.strip_suffix("_param_missing")) {
                        Some(name) if !name.is_empty() => Self::ParamMissing(name.to_owned()),
                        _ => Self::Other(word.to_owned()),
                    },
                }
            }

            /// The field that the word tells of, if it is one.
            #[must_use]
            pub fn bad_field(&self) -> Option<&'static str> {
                match self {
                    $($(Self::$variant => Some($field),)?)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for Status {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::ParamMissing(name) => write!(out, "error_{name}_param_missing"),
                    $(Self::$variant => out.write_str($word),)+
                    Self::Other(word) => out.write_str(word),
                }
            }
        }
    };
}

statuses! {
    Ok "success_ok",
    // In general.
    InvalidHttpMethod "error_invalid_http_method",
    MalformedParams "error_malformed_params",
    InvalidAccessToken "error_invalid_access_token",
    InvalidAppId "error_invalid_app_id",
    ApplicationNotPublished "error_application_not_published",
    DeveloperSuspended "error_developer_suspended",
    UserNotFound "error_user_not_found",
    UserNotLive "error_user_not_live",
    PermissionDenied "error_permission_denied",
    NotAllowedForTrial "error_not_allowed_for_trial",
    TagInvalidLength "error_tag_invalid_length" "tag",
    InvalidNotifyUrl "error_invalid_notify_url" "notify_url",
    UnableToResolveNotifyUrl "error_unable_to_resolve_notify_url" "notify_url",
    InsufficientCredit "error_insufficient_credit",
    RateLimitExceeded "error_rate_limit_exceeded",
    ConcurrentCallLimitReached "error_concurrent_call_limit_reached",
    InternalServerError "error_internal_server_error",
    ServiceNotAvailable "error_service_not_available",
    // Destinations.
    DestInvalid "error_dest_invalid" "dest",
    DestNotSupported "error_dest_not_supported" "dest",
    DestTooMany "error_dest_too_many" "dest",
    Dest1Invalid "error_dest1_invalid" "dest1",
    Dest1NotSupported "error_dest1_not_supported" "dest1",
    Dest2Invalid "error_dest2_invalid" "dest2",
    Dest2NotSupported "error_dest2_not_supported" "dest2",
    SameDest1Dest2 "error_same_dest1_dest2" "dest2",
    DestInvalidNumberId "error_destN_invalid_number_id" "dest",
    InvalidDestination "error_invalid_destination" "dest",
    DestinationNotSupported "error_destination_not_supported" "dest",
    DestIncomingBothMissing "error_dest_incoming_both_missing" "dest",
    DestIncomingBothPresent "error_dest_incoming_both_present" "dest",
    CallServiceNotAvailable "error_call_service_not_available",
    // Details of a call.
    CallerIdInvalid "error_caller_id_invalid" "caller_id",
    MaxDurationInvalid "error_max_duration_invalid" "max_duration",
    InvalidMaxDuration "error_invalid_max_duration" "max_duration",
    InvalidRoom "error_invalid_room" "room",
    InvalidTxnRef "error_invalid_txn_ref",
    TxnRefInvalid "error_txn_ref_invalid",
    TxnRefAccessDenied "error_txn_ref_access_denied",
    // Lists.
    FromInvalid "error_from_invalid" "from",
    ToInvalid "error_to_invalid" "to",
    ToBeforeFrom "error_to_before_from" "to",
    PageInvalid "error_page_invalid" "page",
    PageSizeInvalid "error_page_size_invalid" "page_size",
    // Texts.
    MsgEmpty "error_msg_empty" "msg",
    MsgTooBig "error_msg_too_big" "msg",
    InvalidSenderName "error_invalid_sender_name" "sender_name",
    SmsRebrandNotEnabled "error_sms_rebrand_not_enabled",
    SmsServiceNotAvailable "error_sms_service_not_available",
    IncomingSmsNotSupported "error_incoming_sms_not_supported",
    // IVR.
    InvalidSession "error_invalid_session",
    SessionAccessDenied "error_session_access_denied",
    SessionEnded "error_session_ended",
    SessionNotReady "error_session_not_ready",
    InvalidMaxDigits "error_invalid_max_digits" "max_digits",
    InvalidTimeout "error_invalid_timeout" "timeout",
    InvalidAttempts "error_invalid_attempts" "attempts",
    OnFailureInvalid "error_on_failure_invalid" "on_failure",
    MonitorInProgress "error_monitor_in_progress",
    MsgInvalidXml "error_msg_invalid_xml" "msg",
    MsgInvalidUrl "error_msg_invalid_url" "msg",
    MsgInvalidLanguage "error_msg_invalid_language" "msg",
    MsgInvalidGender "error_msg_invalid_gender" "msg",
    MsgInvalidFileFormat "error_msg_invalid_file_format" "msg",
    MsgInvalidFileSize "error_msg_invalid_file_size" "msg",
    MsgDownloadFailed "error_msg_download_failed" "msg",
    MsgCannotConvertText "error_msg_cannot_convert_text" "msg",
    // Numbers and fax.
    NumberInvalid "error_number_invalid" "number",
    NumberNotAssigned "error_number_not_assigned" "number",
    NumberNotAvailable "error_number_not_available" "number",
    NoNumberAvailable "error_no_number_available",
    PickNumberNotAvailable "error_pick_number_not_available",
    SubscribeNumberNotAvailable "error_subscribe_number_not_available",
    ExceedMaxSubscriptions "error_exceed_max_subscriptions",
    InvalidDuration "error_invalid_duration" "duration",
    AutoExtendNotAvailable "error_auto_extend_not_available" "duration",
    ForwardToInvalid "error_forward_to_invalid" "forward_to",
    UnableToResolveForwardTo "error_unable_to_resolve_forward_to" "forward_to",
    ModeInvalid "error_mode_invalid" "mode",
    FileInvalid "error_file_invalid" "file",
    FileTooBig "error_file_too_big" "file",
    InvalidType "error_invalid_type" "type",
    AddNotificationFailed "error_add_notification_failed",
    ConnectNotEnabled "error_connect_not_enabled",
    InvalidCode "error_invalid_code" "code",
    CodeExpired "error_code_expired" "code",
}

impl Status {
    /// Whether it is `success_ok`.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Ok
    }

    /// The word for a field whose value cannot be.
    ///
    /// Where two spellings exist it is the one of voice calls. `error_malformed_params` when there is
    /// none for this field.
    #[must_use]
    pub fn of_bad_field(field: &str) -> Self {
        match field {
            "txn_ref" => Self::TxnRefInvalid,
            "session" => Self::InvalidSession,
            "page_size" => Self::PageSizeInvalid,
            "msg" => Self::MsgTooBig,
            _ => Self::ALL
                .iter()
                .find(|status| status.bad_field() == Some(field))
                .cloned()
                .unwrap_or(Self::MalformedParams),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_word_is_read_as_it_was_printed() {
        let words: HashSet<String> = Status::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), Status::ALL.len(), "a word stands for two things");
        for status in Status::ALL {
            assert_eq!(Status::read(&status.to_string()), *status);
        }
        let missing = Status::ParamMissing("dest2".into());
        assert_eq!(missing.to_string(), "error_dest2_param_missing");
        assert_eq!(Status::read("error_dest2_param_missing"), missing);
    }

    #[test]
    fn unknown_words_are_kept() {
        for word in ["", "error_", "error__param_missing", "error_moon_phase", "success_ok "] {
            assert_eq!(Status::read(word), Status::Other(word.into()));
            assert_eq!(Status::read(word).to_string(), word);
        }
    }
}
