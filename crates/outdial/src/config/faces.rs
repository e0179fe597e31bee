//! `[faces]`: the interfaces that programs of others call us by. Each is off until it has a section.

mod exotel;
mod hoiio;
mod spool;
mod tls;
mod voicent;

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
