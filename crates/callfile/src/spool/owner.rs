//! Whom a call file belongs to.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{MetadataExt, fchown},
};

use nix::unistd::{Gid, Group, Uid, User};

use super::SpoolError;

/// Whom a call file shall belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The owner and the group of the spool directory.
    OfSpool,
    /// A user, with its own group unless another is named; or a group alone.
    Named {
        user: Option<String>,
        group: Option<String>,
    },
    /// Who writes it.
    Writer,
}

/// Numbers of a user and a group, where they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Owner {
    pub(super) fn ids(&self, spool: &Metadata) -> Result<Ids, SpoolError> {
        match self {
            Self::OfSpool => Ok(Ids {
                uid: Some(spool.uid()),
                gid: Some(spool.gid()),
            }),
            Self::Writer => Ok(Ids { uid: None, gid: None }),
            Self::Named { user, group } => {
                let user = user.as_deref().map(find_user).transpose()?;
                let group = group.as_deref().map(find_group).transpose()?;
                // A number without a name has no group of its own; the spool's is the nearest.
                let own = user.map(|(_, own)| own.unwrap_or(spool.gid()));
                Ok(Ids {
                    uid: user.map(|(uid, _)| uid),
                    gid: group.or(own),
                })
            }
        }
    }

    /// Gives the file away and sets its mode.
    pub(super) fn give(
        &self,
        file: &File,
        is: &Metadata,
        ids: Ids,
        mode: u32,
        spool: &Metadata,
    ) -> Result<(), GiveError> {
        if is.mode() & 0o7777 != mode {
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        }
        let uid = ids.uid.filter(|uid| *uid != is.uid());
        let gid = ids.gid.filter(|gid| *gid != is.gid());
        if uid.is_none() && gid.is_none() {
            return Ok(());
        }
        match fchown(file, uid, gid) {
            Ok(()) => Ok(()),
            Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => {
                if *self == Self::OfSpool && suffices(file, gid, mode, spool)? {
                    Ok(())
                } else {
                    Err(GiveError::Refused)
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whom it names, for an error.
    pub(super) fn described(&self, spool: &Metadata) -> String {
        match self {
            Self::Named { user, group } => {
                let parts = [("user", user), ("group", group)];
                let parts = parts
                    .into_iter()
                    .filter_map(|(word, name)| Some(format!("{word} {}", name.as_ref()?)));
                parts.collect::<Vec<_>>().join(", ")
            }
            Self::OfSpool | Self::Writer => {
                let user = User::from_uid(Uid::from_raw(spool.uid())).ok().flatten();
                let group = Group::from_gid(Gid::from_raw(spool.gid())).ok().flatten();
                format!(
                    "the owner of the spool directory (user {}, group {})",
                    user.map_or_else(|| spool.uid().to_string(), |user| user.name),
                    group.map_or_else(|| spool.gid().to_string(), |group| group.name)
                )
            }
        }
    }
}

/// Whether the file serves the owner of the spool directory, whom we take for Asterisk, although it
/// stays ours: Asterisk reads it, and appends its notes.
fn suffices(file: &File, gid: Option<u32>, mode: u32, spool: &Metadata) -> io::Result<bool> {
    if spool.uid() == 0 || mode & 0o006 == 0o006 {
        return Ok(true);
    }
    if mode & 0o060 != 0o060 {
        return Ok(false);
    }
    if let Some(gid) = gid
        && let Err(refused) = fchown(file, None, Some(gid))
    {
        return match refused.kind() {
            io::ErrorKind::PermissionDenied => Ok(false),
            _ => Err(refused),
        };
    }
    Ok(file.metadata()?.gid() == spool.gid())
}

/// Why the file could not be given away.
#[derive(Debug)]
pub(super) enum GiveError {
    Refused,
    Io(io::Error),
}

impl From<io::Error> for GiveError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn find_user(name: &str) -> Result<(u32, Option<u32>), SpoolError> {
    let found = if name.contains('\0') {
        None
    } else {
        User::from_name(name).ok().flatten()
    };
    match (found, name.parse()) {
        (Some(user), _) => Ok((user.uid.as_raw(), Some(user.gid.as_raw()))),
        // Asterisk in a container may run as a number that has no name out here.
        (None, Ok(uid)) => Ok((uid, None)),
        (None, Err(_)) => Err(SpoolError::NoUser { user: name.to_owned() }),
    }
}

fn find_group(name: &str) -> Result<u32, SpoolError> {
    let found = if name.contains('\0') {
        None
    } else {
        Group::from_name(name).ok().flatten()
    };
    match (found, name.parse()) {
        (Some(group), _) => Ok(group.gid.as_raw()),
        (None, Ok(gid)) => Ok(gid),
        (None, Err(_)) => Err(SpoolError::NoGroup { group: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        assert_eq!(find_user("root").unwrap(), (0, Some(0)));
        assert_eq!(find_user("61234").unwrap(), (61234, None));
        assert!(matches!(
            find_user("nobody-of-this-name"),
            Err(SpoolError::NoUser { .. })
        ));
        assert!(matches!(find_user("ro\0ot"), Err(SpoolError::NoUser { .. })));
        assert_eq!(find_group("root").unwrap(), 0);
        assert!(matches!(find_group(""), Err(SpoolError::NoGroup { .. })));
    }
}
