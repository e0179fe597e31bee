//! Finds out whether a trunk would work, without ringing anybody.

use std::{fs, path::Path, time::Duration};

use crate::{AsteriskCarrier, Way, files::blocking};

/// How long the login may take.
const CONNECTED: Duration = Duration::from_secs(10);

impl AsteriskCarrier {
    /// What is well with a trunk.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub async fn probe(&self, trunk: &str) -> Result<String, String> {
        let trunk = self
            .trunk(trunk)
            .ok_or_else(|| format!("there is no trunk `{trunk}` to an Asterisk"))?;
        let mut well = match &trunk.settings.way {
            Way::Files(spool) => {
                let dir = spool.dir().display().to_string();
                let spool = spool.clone();
                blocking(move || spool.check())
                    .await
                    .map_err(|error| format!("{error}. {}", error.remedy()))?;
                format!("call files can be put into {dir}")
            }
            Way::Manager(login) => {
                let manager = trunk.manager().ok_or("it has no manager interface")?;
                manager.ready(CONNECTED).await?;
                manager.may_originate().await?;
                format!("logged in to the manager interface at {}", login.address)
            }
        };
        if let Some(sounds) = trunk.settings.sounds.clone() {
            let shown = sounds.display().to_string();
            blocking(move || writable(&sounds)).await?;
            well += &format!(", prompts into {shown}");
        }
        Ok(well)
    }
}

/// Whether prompts can be put there, and others may read them.
fn writable(sounds: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = sounds.display();
    tempfile::tempfile_in(sounds).map_err(|error| {
        format!("no prompt can be written to `sounds`, {shown}: {error}. Make it, and let this user write there")
    })?;
    for dir in sounds.ancestors() {
        let mode = fs::metadata(dir)
            .map_err(|error| format!("{}: {error}", dir.display()))?
            .permissions()
            .mode();
        if mode & 0o011 == 0 {
            return Err(format!(
                "Asterisk cannot read prompts in {shown}, because only the owner may enter {}: give it mode 0755",
                dir.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use outdial_callfile::Spool;

    use super::*;
    use crate::AsteriskTrunk;

    #[tokio::test]
    async fn a_trunk_says_what_is_wrong_with_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (queue, sounds) = (dir.path().join("outgoing"), dir.path().join("sounds"));
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::new(&queue)));
        trunk.contexts = vec!["a".to_owned()];
        trunk.sounds = Some(sounds.clone());
        let carrier = AsteriskCarrier::new(vec![trunk]).unwrap();
        assert!(carrier.probe("pbx").await.unwrap_err().contains("outgoing"));
        fs::create_dir(queue).unwrap();
        assert!(carrier.probe("pbx").await.unwrap_err().contains("`sounds`"));
        fs::create_dir(&sounds).unwrap();
        assert!(carrier.probe("pbx").await.unwrap().contains("prompts into"));
        fs::set_permissions(&sounds, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(carrier.probe("pbx").await.unwrap_err().contains("0755"));
    }
}
