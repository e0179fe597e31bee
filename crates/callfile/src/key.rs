use std::fmt;

/// A key of a call file: the word before the colon.
///
/// | key | value, and what Asterisk takes when it is absent |
/// |---|---|
/// | `Channel` | whom to ring, as `Technology/destination`; without it the file is refused |
/// | `CallerID` | `"Name" <number>` that the called phone shows |
/// | `MaxRetries` | attempts after the first one; 0 |
/// | `RetryTime` | seconds between attempts, roughly; 300 |
/// | `WaitTime` | seconds that the phone rings; 45 |
/// | `Account` | account code for the call's record |
/// | `Codecs` | codecs that may be used, separated by commas |
/// | `Application`, `Data` | the dialplan application that runs after the answer, and its argument |
/// | `Context`, `Extension`, `Priority` | or where in the dialplan the call goes after the answer; priority 1 |
/// | `Early_media` | go to the dialplan at the first sound, before the answer; no |
/// | `Set` (also `Setvar`) | a variable of the channel, as `name=value`; may be given many times |
/// | `AlwaysDelete` | remove the file after the call even if its time lies in the future; yes |
/// | `Archive` | keep the finished file in `outgoing_done`; no |
///
/// The other five are Asterisk's own notes about attempts. It appends them to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `Channel`
    Channel,
    /// `CallerID`
    CallerId,
    /// `MaxRetries`
    MaxRetries,
    /// `RetryTime`
    RetryTime,
    /// `WaitTime`
    WaitTime,
    /// `Account`
    Account,
    /// `Codecs`
    Codecs,
    /// `Application`
    Application,
    /// `Data`
    Data,
    /// `Context`
    Context,
    /// `Extension`
    Extension,
    /// `Priority`
    Priority,
    /// `Early_media`
    EarlyMedia,
    /// `Set`, also spelt `Setvar`
    Set,
    /// `AlwaysDelete`
    AlwaysDelete,
    /// `Archive`
    Archive,
    /// `StartRetry`: an attempt began
    StartRetry,
    /// `EndRetry`: an attempt failed, and others are left
    EndRetry,
    /// `AbortRetry`: an attempt was cut off by a restart of Asterisk
    AbortRetry,
    /// `DelayedRetry`: an attempt was due while the one before was still running
    DelayedRetry,
    /// `Retry`: an old spelling that counts as a finished attempt
    Retry,
}

impl Key {
    /// Every key, in the order in which files are written.
    pub const ALL: [Self; 21] = [
        Self::Channel,
        Self::CallerId,
        Self::MaxRetries,
        Self::RetryTime,
        Self::WaitTime,
        Self::Account,
        Self::Codecs,
        Self::Application,
        Self::Data,
        Self::Context,
        Self::Extension,
        Self::Priority,
        Self::EarlyMedia,
        Self::Set,
        Self::AlwaysDelete,
        Self::Archive,
        Self::StartRetry,
        Self::EndRetry,
        Self::AbortRetry,
        Self::DelayedRetry,
        Self::Retry,
    ];

    /// The key as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Channel => "Channel",
            Self::CallerId => "CallerID",
            Self::MaxRetries => "MaxRetries",
            Self::RetryTime => "RetryTime",
            Self::WaitTime => "WaitTime",
            Self::Account => "Account",
            Self::Codecs => "Codecs",
            Self::Application => "Application",
            Self::Data => "Data",
            Self::Context => "Context",
            Self::Extension => "Extension",
            Self::Priority => "Priority",
            Self::EarlyMedia => "Early_media",
            Self::Set => "Set",
            Self::AlwaysDelete => "AlwaysDelete",
            Self::Archive => "Archive",
            Self::StartRetry => "StartRetry",
            Self::EndRetry => "EndRetry",
            Self::AbortRetry => "AbortRetry",
            Self::DelayedRetry => "DelayedRetry",
            Self::Retry => "Retry",
        }
    }

    /// The key that Asterisk sees in the bytes before a colon: in any case, but to the letter, so
    /// that a blank before the colon or the word makes it another word.
    #[must_use]
    pub fn read(word: &[u8]) -> Option<Self> {
        if word.eq_ignore_ascii_case(b"Setvar") {
            return Some(Self::Set);
        }
        Self::ALL
            .into_iter()
            .find(|key| word.eq_ignore_ascii_case(key.name().as_bytes()))
    }

    /// Whether it is one of Asterisk's notes about attempts.
    #[must_use]
    pub fn is_note(self) -> bool {
        matches!(
            self,
            Self::StartRetry | Self::EndRetry | Self::AbortRetry | Self::DelayedRetry | Self::Retry
        )
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_any_case_and_to_the_letter() {
        for key in Key::ALL {
            assert_eq!(Key::read(key.name().to_uppercase().as_bytes()), Some(key));
        }
        assert_eq!(Key::read(b"sEtVaR"), Some(Key::Set));
        for word in [&b"Channel "[..], b" Channel", b"\xef\xbb\xbfChannel", b"", b"Status"] {
            assert_eq!(Key::read(word), None);
        }
    }
}
