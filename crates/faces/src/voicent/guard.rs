//! Who may ask: the addresses that may, and never a web page, which a browser on this machine would let ask.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, StatusCode, header, uri::Authority},
};

use super::{Refusal, VoicentConfig};

/// Refuses what comes from elsewhere than it may, or from a page that a browser shows.
pub(super) fn check(config: &VoicentConfig, request: &Request) -> Result<(), Refusal> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip().to_canonical());
    let known = peer.is_some_and(|peer| peer.is_loopback() || config.allow.iter().any(|net| net.contains(&peer)));
    if !known {
        tracing::warn!(?peer, "an address that `faces.voicent.allow` does not name was refused");
        return Err(forbidden("this address may not ask here"));
    }
    if let Some(why) = foreign(config, request.headers()) {
        tracing::warn!(?peer, why, "a request that a web page may have made was refused");
        return Err(forbidden(why));
    }
    Ok(())
}

fn forbidden(why: &str) -> Refusal {
    Refusal::with(StatusCode::FORBIDDEN, why)
}

/// Why a request may be a web page's. No program of the gateway sends any of these headers but `Host`, and
/// browsers cannot leave them out.
fn foreign(config: &VoicentConfig, headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::ORIGIN) || headers.contains_key(header::REFERER) {
        return Some("web pages may not ask here");
    }
    // `none` is an address that somebody has typed.
    let typed = headers.get("sec-fetch-site").map(|site| site == "none");
    // To a name without TLS a browser does not say it, and a page can keep the others from being sent.
    let browser = headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    if typed == Some(false) || (browser && typed.is_none()) {
        return Some("web pages may not ask here");
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/1.0 needs none, and no browser speaks that.
        (None, _) => None,
        (Some(host), None) => {
            let ours = host.to_str().is_ok_and(|host| is_ours(config, host));
            (!ours).then_some("the header Host names another machine: add the name to `faces.voicent.hosts`")
        }
        (Some(_), Some(_)) => Some("the header Host comes twice"),
    }
}

/// Whether a host is this machine. A name that is not known may be one whose owner lets it lead here, so that
/// pages of his may read our answers.
fn is_ours(config: &VoicentConfig, host: &str) -> bool {
    let Some(authority) = host.parse::<Authority>().ok().filter(|_| !host.contains('@')) else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || config.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}
