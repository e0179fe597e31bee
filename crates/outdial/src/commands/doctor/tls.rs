//! TLS to a trunk: what was agreed on, and how long its certificate holds.

use outdial_carrier_sip::TlsReport;

/// A certificate that ends sooner, in days, is about to be forgotten.
const SOON: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// What to say of an agreement; `now` in seconds.
pub(super) fn judged(report: &TlsReport, now: i64) -> Result<String, String> {
    let days = (report.until - now).div_euclid(DAY);
    let roots = match report.own_roots {
        true => "the roots of `tls.roots`",
        false => "the roots of this machine",
    };
    let ours = match report.wanted_ours {
        true => "; it looked at our certificate and went on",
        false => "",
    };
    let what = format!(
        "{}; its certificate for {}, of {}, was verified against {roots} by a chain of {}; it holds for {days} more days{ours}",
        report.protocol,
        report.names.join(", "),
        report.issuer,
        report.chain,
    );
    match days < SOON {
        true => Err(format!(
            "{what}: tell them to renew it, calls fail when it ends. If it is renewed by itself, look why it was not"
        )),
        false => Ok(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_end_soon_are_told() {
        let report = TlsReport {
            protocol: "TLS 1.3 with X".into(),
            own_roots: true,
            wanted_ours: false,
            chain: 2,
            names: vec!["trunk.test".into()],
            issuer: "CN=root".into(),
            until: 20 * DAY,
        };
        let well = judged(&report, 6 * DAY).unwrap();
        assert!(
            well.contains("for 14 more days") && well.contains("tls.roots"),
            "{well}"
        );
        let soon = judged(&report, 6 * DAY + 1).unwrap_err();
        assert!(soon.contains("for 13 more days") && soon.contains("renew"), "{soon}");
    }
}
