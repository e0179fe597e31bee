//! Links to recordings, as whoever is told of a call elsewhere is given them.

use outdial_domain::EventKind;
use outdial_engine::{
    ports::Happened,
    recording::{Link, LinkSigner},
};

use crate::native::path_of_link;

/// Makes links that open recordings for a while, wherever they are followed.
#[derive(Debug, Clone)]
pub struct RecordingLinks {
    signer: LinkSigner,
    public_url: String,
}

impl RecordingLinks {
    /// Links that begin with this address, under which the API is reached from elsewhere.
    #[must_use]
    pub fn new(signer: LinkSigner, public_url: impl Into<String>) -> Self {
        Self {
            signer,
            public_url: public_url.into(),
        }
    }

    /// The link to the newest recording that was complete when something happened: to the one of this name, or to
    /// any.
    pub(crate) fn newest(&self, happened: &Happened<'_>, called: Option<&str>) -> Option<String> {
        let known = happened.history.iter().map(|stored| &stored.event);
        let before = known.take_while(|event| event.sequence <= happened.event().sequence);
        let complete = before.filter_map(|event| match &event.kind {
            EventKind::RecordingFinished { recording, name, .. } => Some((*recording, name)),
            _ => None,
        });
        let meant = complete.filter(|(_, name)| called.is_none_or(|called| called == *name));
        let (recording, _) = meant.last()?;
        let (link, signature) = self.signer.link(happened.event().account, recording, happened.now);
        Some(absolute(&self.public_url, &link, &signature))
    }
}

/// A link with the address that it begins with.
pub(crate) fn absolute(public_url: &str, link: &Link, signature: &str) -> String {
    format!("{}{}", public_url.trim_end_matches('/'), path_of_link(link, signature))
}
