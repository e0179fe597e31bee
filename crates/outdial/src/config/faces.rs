//! `[faces]`: the interfaces that programs of others call us by. Each is off until it has a section.

mod exotel;
mod hoiio;
mod spool;
mod tls;
mod voicent;

use std::net::SocketAddr;

use outdial_domain::Account;
use outdial_faces::Tenant;
use serde::Deserialize;

use super::ConfigError;

pub use exotel::Exotel;
pub use hoiio::Hoiio;
pub use spool::Spool;
pub use tls::Tls;
pub use voicent::Voicent;

/// `[faces]`: the interfaces that programs of others call us by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faces {
    /// Where `exotel` and `hoiio` are served over TLS, beside the address of the API.
    pub tls: Option<Tls>,
    /// Exotel's REST.
    pub exotel: Option<Exotel>,
    /// Hoiio's open API.
    pub hoiio: Option<Hoiio>,
    /// The forms of Voicent's gateway.
    pub voicent: Option<Voicent>,
    /// Directories whose call files are taken.
    pub spool: Vec<Spool>,
}

impl Faces {
    /// What is to be said where others are let in, and told of recordings by an address that leads nowhere for them.
    #[must_use]
    pub fn links_for_nobody(&self, api: &SocketAddr) -> Option<String> {
        let exotel = self.exotel.as_ref().filter(|exotel| exotel.enabled);
        let hoiio = self.hoiio.as_ref().filter(|hoiio| hoiio.enabled);
        let without = [
            exotel
                .is_some_and(|exotel| exotel.public_url.is_none())
                .then_some("faces.exotel"),
            hoiio
                .is_some_and(|hoiio| hoiio.public_url.is_none())
                .then_some("faces.hoiio"),
        ];
        let without: Vec<&str> = without.into_iter().flatten().collect();
        let inward = api.ip().is_loopback() || api.ip().is_unspecified();
        let by_tls = self.tls.as_ref().is_some_and(|tls| !tls.bind.ip().is_loopback());
        let for_others = by_tls || !api.ip().is_loopback();
        (!without.is_empty() && inward && for_others).then(|| {
            format!(
                "links to recordings begin with http://{api}, which leads nowhere for others: set `public_url` of `{}` to where \
                 the API is reached",
                without.join("` and `")
            )
        })
    }
}

/// The account of this name, for whom a face acts.
fn tenant(key: &str, name: &str, any_caller_id: bool, accounts: &[Account]) -> Result<Tenant, ConfigError> {
    let account = accounts.iter().find(|account| account.name == name).ok_or_else(|| {
        let message = format!("there is no account `{name}`: make it with `outdial accounts add {name}`");
        ConfigError::value(key, message)
    })?;
    Ok(Tenant {
        account: account.id,
        name: account.name.clone(),
        any_caller_id,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn links_to_recordings_are_warned_of_where_they_lead_nowhere() {
        let account = "[[faces.exotel.account]]\nsid = \"a\"\ntoken = \"t\"\n";
        let tls = "[faces.tls]\nbind = \"0.0.0.0:443\"\ncertificate = \"c\"\nkey = \"k\"\n";
        let public = "[faces.exotel]\npublic_url = \"https://calls.example.com\"\n";
        for (bind, more, warns) in [
            ("127.0.0.1:7575", account.to_owned(), false),
            ("127.0.0.1:7575", format!("{account}{tls}"), true),
            ("0.0.0.0:7575", account.to_owned(), true),
            ("192.0.2.1:7575", account.to_owned(), false),
            ("0.0.0.0:7575", format!("{public}{account}{tls}"), false),
            ("0.0.0.0:7575", String::new(), false),
        ] {
            let config: Config = toml::from_str(&format!("[server]\nbind = \"{bind}\"\n{more}")).unwrap();
            let warning = config.faces.links_for_nobody(&config.server.bind);
            assert_eq!(warning.is_some(), warns, "{bind} {more}: {warning:?}");
        }
    }
}
