//! The statuses with which an SMSC answers (SMPP 3.4, section 5.1.3), and what each of them means for a text.

use std::fmt;

/// A status of an SMSC: 0 when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

/// What an answer means for a text that was submitted. Whatever is not [`Verdict::Accepted`] was certainly not
/// sent, so that sending it again sends nothing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The SMSC has it.
    Accepted,
    /// Too fast, or too many: the same again over the same trunk, and more slowly.
    SlowDown,
    /// It may be accepted at another time, or by another trunk.
    Later,
    /// This trunk will never accept it, another one may: what is wrong lies in the account or its settings.
    Elsewhere,
    /// Nobody will accept it: what is wrong lies in the text or its receiver.
    Never,
}

use Verdict::{Accepted, Elsewhere, Later, Never, SlowDown};

/// Every status of SMPP 3.4, and those of 5.0 that 3.4 reserves and SMSCs use all the same.
const TABLE: &[(u32, &str, Verdict, &str)] = &[
    (0x000, "ESME_ROK", Accepted, "no error"),
    (0x001, "ESME_RINVMSGLEN", Never, "the length of the text is wrong"),
    (
        0x002,
        "ESME_RINVCMDLEN",
        Elsewhere,
        "the length of the command is wrong",
    ),
    (0x003, "ESME_RINVCMDID", Elsewhere, "it does not know the command"),
    (0x004, "ESME_RINVBNDSTS", Later, "the bind does not permit the command"),
    (0x005, "ESME_RALYBND", Later, "it is bound already"),
    (0x006, "ESME_RINVPRTFLG", Elsewhere, "the priority is wrong"),
    (0x007, "ESME_RINVREGDLVFLG", Elsewhere, "it gives no such receipts"),
    (0x008, "ESME_RSYSERR", Later, "it has a fault"),
    (0x00A, "ESME_RINVSRCADR", Elsewhere, "it does not permit the sender"),
    (0x00B, "ESME_RINVDSTADR", Never, "the receiver is no number"),
    (0x00C, "ESME_RINVMSGID", Elsewhere, "it does not know the id"),
    (0x00D, "ESME_RBINDFAIL", Elsewhere, "the bind failed"),
    (0x00E, "ESME_RINVPASWD", Elsewhere, "the password is wrong"),
    (0x00F, "ESME_RINVSYSID", Elsewhere, "the system id is wrong"),
    (0x011, "ESME_RCANCELFAIL", Elsewhere, "it could not be canceled"),
    (0x013, "ESME_RREPLACEFAIL", Elsewhere, "it could not be replaced"),
    (0x014, "ESME_RMSGQFUL", SlowDown, "its queue is full"),
    (0x015, "ESME_RINVSERTYP", Elsewhere, "the service type is wrong"),
    (
        0x033,
        "ESME_RINVNUMDESTS",
        Elsewhere,
        "the number of receivers is wrong",
    ),
    (0x034, "ESME_RINVDLNAME", Elsewhere, "it has no such list"),
    (0x040, "ESME_RINVDESTFLAG", Elsewhere, "the kind of receiver is wrong"),
    (0x042, "ESME_RINVSUBREP", Elsewhere, "it cannot replace a text"),
    (0x043, "ESME_RINVESMCLASS", Elsewhere, "the class of the text is wrong"),
    (0x044, "ESME_RCNTSUBDL", Elsewhere, "it cannot send to a list"),
    (0x045, "ESME_RSUBMITFAIL", Later, "it could not take the text"),
    (
        0x048,
        "ESME_RINVSRCTON",
        Elsewhere,
        "the type of the sender's number is wrong",
    ),
    (
        0x049,
        "ESME_RINVSRCNPI",
        Elsewhere,
        "the plan of the sender's number is wrong",
    ),
    (
        0x050,
        "ESME_RINVDSTTON",
        Elsewhere,
        "the type of the receiver's number is wrong",
    ),
    (
        0x051,
        "ESME_RINVDSTNPI",
        Elsewhere,
        "the plan of the receiver's number is wrong",
    ),
    (0x053, "ESME_RINVSYSTYP", Elsewhere, "the system type is wrong"),
    (0x054, "ESME_RINVREPFLAG", Elsewhere, "it cannot replace a text"),
    (0x055, "ESME_RINVNUMMSGS", Elsewhere, "the number of texts is wrong"),
    (0x058, "ESME_RTHROTTLED", SlowDown, "too many texts in too short a time"),
    (0x061, "ESME_RINVSCHED", Elsewhere, "the time of sending is wrong"),
    (
        0x062,
        "ESME_RINVEXPIRY",
        Elsewhere,
        "the time that the text is good for is wrong",
    ),
    (0x063, "ESME_RINVDFTMSGID", Elsewhere, "it has no such text of its own"),
    (
        0x064,
        "ESME_RX_T_APPN",
        Later,
        "a passing fault of the receiver's system",
    ),
    (
        0x065,
        "ESME_RX_P_APPN",
        Never,
        "a lasting fault of the receiver's system",
    ),
    (0x066, "ESME_RX_R_APPN", Never, "the receiver's system refuses the text"),
    (0x067, "ESME_RQUERYFAIL", Later, "it could not be asked"),
    (
        0x0C0,
        "ESME_RINVOPTPARSTREAM",
        Elsewhere,
        "the optional fields cannot be read",
    ),
    (
        0x0C1,
        "ESME_ROPTPARNOTALLWD",
        Elsewhere,
        "an optional field is not permitted",
    ),
    (0x0C2, "ESME_RINVPARLEN", Elsewhere, "the length of a field is wrong"),
    (
        0x0C3,
        "ESME_RMISSINGOPTPARAM",
        Elsewhere,
        "an optional field is missing",
    ),
    (
        0x0C4,
        "ESME_RINVOPTPARAMVAL",
        Elsewhere,
        "the value of an optional field is wrong",
    ),
    (0x0FE, "ESME_RDELIVERYFAILURE", Later, "it could not be delivered"),
    (0x0FF, "ESME_RUNKNOWNERR", Later, "an error that it does not know"),
    (
        0x100,
        "ESME_RSERTYPUNAUTH",
        Elsewhere,
        "the service type is not permitted",
    ),
    (0x101, "ESME_RPROHIBITED", Elsewhere, "the command is not permitted"),
    (0x102, "ESME_RSERTYPUNAVAIL", Later, "the service is out of order"),
    (0x103, "ESME_RSERTYPDENIED", Elsewhere, "the service is denied"),
    (0x104, "ESME_RINVDCS", Elsewhere, "it does not know the encoding"),
    (
        0x105,
        "ESME_RINVSRCADDRSUBUNIT",
        Elsewhere,
        "the sender's unit is wrong",
    ),
    (
        0x106,
        "ESME_RINVDSTADDRSUBUNIT",
        Elsewhere,
        "the receiver's unit is wrong",
    ),
];

impl Status {
    /// All is well.
    pub const OK: Self = Self(0);
    /// The length of a command cannot be.
    pub const INVALID_LENGTH: Self = Self(0x002);
    /// The command is not known.
    pub const INVALID_COMMAND: Self = Self(0x003);
    /// The bind does not permit the command.
    pub const INVALID_BIND: Self = Self(0x004);
    /// The receiver of a text cannot take it now, and wants it again.
    pub const RECEIVER_LATER: Self = Self(0x064);
    /// The receiver of a text cannot read it, and does not want it again.
    pub const RECEIVER_REJECTS: Self = Self(0x066);

    /// What it means for a text that was submitted. A status that nobody knows, as operators make them up from
    /// 0x400 on, may pass.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        self.known().map_or(Later, |(_, _, verdict, _)| *verdict)
    }

    fn known(self) -> Option<&'static (u32, &'static str, Verdict, &'static str)> {
        TABLE.iter().find(|(code, ..)| *code == self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((code, name, _, meaning)) => write!(f, "{name} ({code:#010x}): {meaning}"),
            None => write!(f, "status {:#010x}, which SMPP 3.4 does not know", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_status_once_and_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut names: Vec<&str> = TABLE.iter().map(|(_, name, ..)| *name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn only_success_accepts_a_text() {
        let accepting = TABLE.iter().filter(|(.., verdict, _)| *verdict == Accepted);
        assert_eq!(accepting.map(|(code, ..)| *code).collect::<Vec<_>>(), [0]);
        assert_eq!(Status(0x058).verdict(), SlowDown);
        assert_eq!(Status(0x014).verdict(), SlowDown);
        assert_eq!(Status(0x00B).verdict(), Never);
        assert_eq!(Status(0x4FF).verdict(), Later);
    }

    #[test]
    fn a_status_says_what_it_means() {
        assert_eq!(
            Status(0x0B).to_string(),
            "ESME_RINVDSTADR (0x0000000b): the receiver is no number"
        );
        assert_eq!(
            Status(0x500).to_string(),
            "status 0x00000500, which SMPP 3.4 does not know"
        );
    }
}
