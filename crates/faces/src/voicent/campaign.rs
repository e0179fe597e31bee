//! `campapi`: lists and campaigns, which are not available here. Its clients read answers as a literal of
//! Python.

use outdial_voicent::CampaignAnswer;

/// What every request for a list or a campaign is told.
pub(super) fn answer() -> String {
    let refused = CampaignAnswer {
        status: "ERROR: campaigns are not available here".to_owned(),
        ..CampaignAnswer::default()
    };
    refused.print()
}
