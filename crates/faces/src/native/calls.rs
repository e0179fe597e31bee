//! `/api/v1/calls`

pub(super) mod change;
pub(super) mod control;
pub(super) mod explain;
pub(super) mod get;
pub(super) mod hang_up;
pub(super) mod list;
pub(super) mod list_events;
pub(super) mod names;
pub(super) mod pcap;
pub(super) mod place;
pub(super) mod steps;
