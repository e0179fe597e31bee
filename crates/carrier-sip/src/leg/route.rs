//! The servers that a leg may be sent to, and when the next of them is asked.

use std::collections::VecDeque;

use outdial_engine::ports::RingError;

use crate::{
    flow::{Door, Flow},
    names::Hop,
    start::Shared,
    target::Target,
};

/// The servers that a leg may be sent to, in the order in which they are tried.
pub(super) struct Route {
    hops: VecDeque<Hop>,
    door: Door,
}

impl Route {
    /// Finds out where the target's name leads.
    pub(super) async fn of(shared: &Shared, target: &Target) -> Result<Self, RingError> {
        let door = target.door(shared).map_err(RingError::Refused)?;
        let hops = shared.names.hops(&target.place).await;
        let hops = hops.map_err(|reason| RingError::Unresolved {
            host: target.place.host.clone(),
            reason,
        })?;
        Ok(Self {
            hops: hops.into(),
            door,
        })
    }

    /// A way to the next server that can be reached. The error says why there is none.
    pub(super) async fn next(&mut self, shared: &Shared) -> Result<Flow, String> {
        let mut reasons = Vec::new();
        while let Some(hop) = self.hops.pop_front() {
            match Flow::open(shared, hop, &self.door).await {
                Ok(flow) => return Ok(flow),
                Err(reason) => {
                    tracing::info!(%hop, reason, "a server cannot be reached");
                    reasons.push(format!("{hop}: {reason}"));
                }
            }
        }
        Err(reasons.join("; "))
    }

    /// Whether nobody is left to be asked.
    pub(super) fn is_over(&self) -> bool {
        self.hops.is_empty()
    }
}

/// Whether a refusal means that nothing can have rung, so that another server may be asked.
///
/// That is 503 (RFC 3263, section 4.3), unless something rang before it, or the network says more
/// exactly what happened: only causes for which there was no way or no room (Q.850, class 010) leave
/// no phone that may have rung.
pub(super) fn cannot_have_rung(code: u16, q850: Option<u8>, has_rung: bool) -> bool {
    code == 503 && !has_rung && q850.is_none_or(|cause| (32..=47).contains(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_have_rung_is_tried_elsewhere() {
        for (code, cause, has_rung, expected) in [
            (503, None, false, true),
            (503, Some(34), false, true),
            (503, Some(42), false, true),
            (503, None, true, false),
            // No answer, user busy, unallocated number: said by whoever was reached.
            (503, Some(19), false, false),
            (503, Some(17), false, false),
            (503, Some(1), false, false),
            (500, None, false, false),
            (502, None, false, false),
            (504, None, false, false),
            (408, None, false, false),
            (480, None, false, false),
            (486, None, false, false),
        ] {
            assert_eq!(
                cannot_have_rung(code, cause, has_rung),
                expected,
                "{code} {cause:?} {has_rung}"
            );
        }
    }
}
