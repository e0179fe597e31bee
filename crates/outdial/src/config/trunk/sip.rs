//! A trunk as the SIP carrier wants it.

use std::{path::PathBuf, time::Duration};

use outdial_carrier_sip::{Digests, Identity as SipIdentity, Network, SipTransport, SipTrunk, Srtp, TlsSettings};
use outdial_media::codec::Codec;
use secrecy::SecretString;

use super::{Identity, IncomingDigest, Protection, Transport, Trunk, read_file};
use crate::config::ConfigError;

/// How often address translators forget, at the earliest.
const TRANSLATORS: u32 = 25;

impl Trunk {
    /// The trunk as the SIP carrier wants it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a secret or a file is not to be had, or a value means nothing.
    pub fn settings(&self) -> Result<SipTrunk, ConfigError> {
        let read = |key: &str, path: &Option<PathBuf>| {
            let key = format!("trunk.{}.tls.{key}", self.name);
            path.as_deref().map(|path| read_file(key, path)).transpose()
        };
        let translators = if self.register { TRANSLATORS } else { 0 };
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
            codecs: self.codecs()?,
            packet_time: self.packet_time,
            srtp: match self.srtp {
                Protection::Off => Srtp::Off,
                Protection::Prefer => Srtp::Prefer,
                Protection::Require => Srtp::Require,
            },
            silent_after: seconds(self.silent_after),
            proxy: self.proxy.as_deref().map(|proxy| self.place(proxy)).transpose()?,
            register: self.register.then(|| Duration::from_secs(self.register_seconds.into())),
            keep_alive: seconds(self.keep_alive),
            down_after: self.down_after,
            nat_keep_alive: seconds(self.nat_keep_alive.unwrap_or(translators)),
            session_expires: seconds(self.session_expires),
            redirects: self.redirects,
            redirect_hosts: self.redirect_hosts.clone(),
            redirect_other_numbers: self.redirect_other_numbers,
            incoming: self.incoming,
            accept_from: self.accept_from()?,
            incoming_login: self.incoming_login()?,
            incoming_digest: match self.incoming_digest {
                IncomingDigest::Both => Digests::Both,
                IncomingDigest::Md5 => Digests::Md5,
                IncomingDigest::Sha256 => Digests::Sha256,
            },
            identity: match self.identity {
                Identity::From => SipIdentity::From,
                Identity::Asserted => SipIdentity::Asserted,
                Identity::Preferred => SipIdentity::Preferred,
            },
            private: self.private,
            diversion: self.diversion.clone(),
            headers: self.headers.clone().into_iter().collect(),
            ..SipTrunk::new(&self.name, &self.host, self.port)
        })
    }

    fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::value(format!("trunk.{}.{key}", self.name), message)
    }

    fn codecs(&self) -> Result<Vec<Codec>, ConfigError> {
        let known = |name: &String| {
            Codec::from_name(name)
                .ok_or_else(|| self.wrong("codecs", format!("`{name}` is not known here: give PCMU, PCMA or G722")))
        };
        self.codecs.iter().map(known).collect()
    }

    fn accept_from(&self) -> Result<Vec<Network>, ConfigError> {
        let read = |text: &String| {
            text.parse()
                .map_err(|error| self.wrong("accept_from", format!("{error}")))
        };
        self.accept_from.iter().map(read).collect()
    }

    fn place(&self, text: &str) -> Result<(String, Option<u16>), ConfigError> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = port.map(str::parse).transpose();
        let port =
            port.map_err(|_| self.wrong("proxy", "give a host, or a host and a port as `proxy.example.com:5060`"))?;
        Ok((host.to_owned(), port))
    }

    fn incoming_login(&self) -> Result<Option<(String, SecretString)>, ConfigError> {
        let secret = self.secret(
            "incoming_password",
            self.incoming_password.as_ref(),
            self.incoming_password_env.as_ref(),
        )?;
        match (&self.incoming_username, secret) {
            (None, None) => Ok(None),
            (Some(user), Some(secret)) => Ok(Some((user.clone(), secret))),
            _ => Err(self.wrong(
                "incoming_username",
                "give `incoming_username` and `incoming_password`, or neither",
            )),
        }
    }
}

/// So many seconds; 0 stands for never.
fn seconds(number: u32) -> Option<Duration> {
    (number > 0).then(|| Duration::from_secs(number.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Trunk;

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

    #[test]
    fn what_a_trunk_wants_reaches_the_carrier() {
        let trunk = settings(
            "register = true\nusername = \"u\"\nkeep_alive = 30\nproxy = \"[2001:db8::1]:5070\"\nsrtp = \"require\"\n\
             codecs = [\"g722\", \"PCMA\"]\naccept_from = [\"198.51.100.0/24\"]\nsession_expires = 0\n\
             incoming_username = \"them\"\nincoming_password = \"secret\"\nidentity = \"asserted\"\n\
             diversion = \"+6561234567\"\nheaders = { X-Account = \"42\" }",
        )
        .unwrap();
        assert_eq!(trunk.register, Some(Duration::from_secs(3600)));
        assert_eq!(trunk.nat_keep_alive, Some(Duration::from_secs(25)));
        assert_eq!(trunk.keep_alive, Some(Duration::from_secs(30)));
        assert_eq!(trunk.proxy, Some(("2001:db8::1".to_owned(), Some(5070))));
        assert_eq!(trunk.codecs, [Codec::G722, Codec::Pcma]);
        assert_eq!(trunk.session_expires, None);
        assert_eq!(trunk.headers, [("X-Account".to_owned(), "42".to_owned())]);
        assert_eq!(trunk.diversion.as_deref(), Some("+6561234567"));
        assert!(trunk.incoming_login.is_some());
        let plain = settings("").unwrap();
        assert_eq!(
            (plain.register, plain.nat_keep_alive, plain.keep_alive),
            (None, None, None)
        );
        assert_eq!(plain.silent_after, Some(Duration::from_secs(60)));
        for (text, named) in [
            ("codecs = [\"G729\"]", "G729"),
            ("accept_from = [\"far\"]", "far"),
            ("proxy = \"far:x\"", "proxy"),
            ("incoming_username = \"them\"", "incoming_password"),
        ] {
            let error = settings(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
