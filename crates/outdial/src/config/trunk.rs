//! `[[trunk]]`: a way out over SIP.

use std::path::{Path, PathBuf};

use outdial_carrier_sip::{SipTransport, SipTrunk, TlsSettings};
use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// `[[trunk]]`: a way out over SIP.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// The host of the far side: a name or an address.
    pub host: String,
    /// Its port. Without one, the services of its name are looked for, and then the usual port is taken.
    pub port: Option<u16>,
    /// What SIP travels over.
    #[serde(default)]
    pub transport: Transport,
    /// What TLS needs to know.
    #[serde(default)]
    pub tls: TrunkTls,
    /// Who we are to it, when it asks.
    pub username: Option<String>,
    /// The user name in the digest, where it is another one.
    pub auth_username: Option<String>,
    /// The password.
    password: Option<String>,
    /// The environment variable that holds the password.
    password_env: Option<String>,
    /// The user part of From when a call has no caller id.
    pub from_user: Option<String>,
    /// The host part of From.
    pub from_domain: Option<String>,
    /// Numbers that begin so go out by it; all when empty.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// What SIP travels over.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection that nobody else can read.
    Tls,
}

/// `[trunk.tls]`: whom we trust and what we show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrunkTls {
    /// The file with the roots that are trusted; those of the machine if not given.
    pub roots: Option<PathBuf>,
    /// The file with our certificate, where the far side wants one.
    pub certificate: Option<PathBuf>,
    /// The file with its key.
    pub key: Option<PathBuf>,
    /// The name in the far side's certificate; the host if not given.
    pub name: Option<String>,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            host,
            port,
            transport,
            username,
            prefixes,
            ..
        } = self;
        write!(
            f,
            "Trunk({name} at {host}, port {port:?} over {transport:?}, user {username:?}, prefixes {prefixes:?})"
        )
    }
}

impl Trunk {
    /// The trunk as the SIP carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the password or a file is not to be had.
    pub fn settings(&self) -> Result<SipTrunk, ConfigError> {
        let read = |key: &str, path: &Option<PathBuf>| {
            let key = format!("trunk.{}.tls.{key}", self.name);
            path.as_deref().map(|path| read_file(key, path)).transpose()
        };
        Ok(SipTrunk {
            transport: match self.transport {
                Transport::Udp => SipTransport::Udp,
                Transport::Tcp => SipTransport::Tcp,
                Transport::Tls => SipTransport::Tls,
            },
            tls: TlsSettings {
                roots: read("roots", &self.tls.roots)?,
                certificate: read("certificate", &self.tls.certificate)?,
                key: read("key", &self.tls.key)?.map(SecretString::from),
                name: self.tls.name.clone(),
            },
            username: self.username.clone(),
            auth_username: self.auth_username.clone(),
            password: self.password()?,
            from_user: self.from_user.clone(),
            from_domain: self.from_domain.clone(),
            ..SipTrunk::new(&self.name, &self.host, self.port)
        })
    }

    /// The password, from the file or from the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the named variable is not set, or both are given.
    pub fn password(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.password, &self.password_env) {
            (Some(_), Some(_)) => {
                let key = format!("trunk.{}.password", self.name);
                Err(ConfigError::value(key, "give either `password` or `password_env`"))
            }
            (Some(password), None) => Ok(Some(password.clone().into())),
            (None, Some(variable)) => match std::env::var(variable) {
                Ok(password) => Ok(Some(password.into())),
                Err(_) => {
                    let key = format!("trunk.{}.password_env", self.name);
                    Err(ConfigError::value(
                        key,
                        format!("the environment has no variable `{variable}`: set it"),
                    ))
                }
            },
            (None, None) => Ok(None),
        }
    }
}

/// The text of a file that a key names.
pub(crate) fn read_file(key: String, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::value(key, format!("{} cannot be read: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<SipTrunk, ConfigError> {
        let text = format!("name = \"x\"\nhost = \"far\"\n{text}");
        toml::from_str::<Trunk>(&text).expect("a trunk").settings()
    }

    #[test]
    fn a_trunk_is_udp_and_its_port_is_looked_for_unless_it_says_otherwise() {
        let plain = settings("").unwrap();
        assert_eq!((plain.transport, plain.port), (SipTransport::Udp, None));
        let other = settings("transport = \"tls\"\nport = 5071\ntls = { name = \"*.far\" }").unwrap();
        assert_eq!((other.transport, other.port), (SipTransport::Tls, Some(5071)));
        assert_eq!(other.tls.name.as_deref(), Some("*.far"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = settings("tls = { roots = \"/nowhere/roots.pem\" }")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("trunk.x.tls.roots") && error.contains("/nowhere/roots.pem"),
            "{error}"
        );
    }
}
