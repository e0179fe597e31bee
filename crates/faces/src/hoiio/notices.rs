//! What the `notify_url` of a call is told when it is over.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Event, EventKind};
use outdial_engine::ports::{Notice, NoticeWriter, Patience, Snapshot};
use outdial_hoiio::{Record as _, notify, time};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    HoiioConfig,
    kept::Kept,
    status::{minutes, sides},
};

/// Writes notifications as the service did, signed with the token of the application that made the call.
#[derive(Debug, Clone)]
pub struct HoiioNotices {
    tokens: BTreeMap<String, SecretString>,
    again: bool,
}

/// The service sent none again.
const NEVER: &[Duration] = &[];

impl HoiioNotices {
    /// For the applications of the configuration. What is not taken is sent `again` as other notifications
    /// are, or not at all, as by the service.
    #[must_use]
    pub fn new(config: &HoiioConfig, again: bool) -> Self {
        let token = |app: &super::HoiioApp| (app.app_id.clone(), app.access_token.clone());
        Self {
            tokens: config.apps.iter().map(token).collect(),
            again,
        }
    }
}

impl NoticeWriter for HoiioNotices {
    fn write(&self, snapshot: &Snapshot, event: &Event, _: i64, _: Timestamp) -> Option<Notice> {
        // What is asked for here makes calls only.
        let Snapshot::Call(details) = snapshot else {
            return None;
        };
        if !matches!(event.kind, EventKind::Ended { .. }) {
            return None;
        }
        let call = &details.call;
        let kept = Kept::of(call);
        let sides = sides(details);
        let mut told = notify::Call::new(call.face.as_ref()?.reference.clone())
            .tag(kept.tag)
            .dest1(call.plan.to.to_string())
            .call_status_dest1(sides.first)
            .date(time(call.created_at));
        if let Some(dest2) = kept.dest2 {
            told = told.dest2(dest2).call_status_dest2(sides.second);
        }
        if let Some(minutes) = minutes(details) {
            told = told.duration(minutes);
        }
        let body = told.to_form();
        // An application that is not configured any more has no token to sign with.
        let token = self.tokens.get(&kept.app_id);
        let signed = token.map(|token| notify::sign(body.as_bytes(), token.expose_secret()));
        Some(Notice {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            headers: signed
                .map(|signed| (notify::SIGNATURE_HEADER, signed))
                .into_iter()
                .collect(),
            body,
        })
    }

    fn patience(&self) -> Patience {
        if self.again {
            Patience::Usual
        } else {
            Patience::Pauses(NEVER)
        }
    }
}
