//! `a=crypto` lines of an SDP (RFC 4568): how the keys come and go.

use std::fmt;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};

use super::{MasterKey, Mki, SrtpKey, Suite};

/// Some far sides pad their keys, some do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One line that can be used.
///
/// ```
/// use outdial_media::srtp::sdes::Crypto;
///
/// let value = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4";
/// let crypto = Crypto::parse(value)?;
/// assert_eq!((crypto.tag, crypto.lifetime), (1, Some(1 << 20)));
/// # Ok::<(), outdial_media::srtp::sdes::SdesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Tells the lines of one description apart. An answer has the one of the line that it chose.
    pub tag: u32,
    /// The key, and how it is used.
    pub key: SrtpKey,
    /// For how many packets the key may be used, where the far side said so.
    pub lifetime: Option<u64>,
}

/// Why a line cannot be used. Another line of the same description may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdesError {
    /// It has not the parts of such a line.
    #[error("an a=crypto line without {0}")]
    Missing(&'static str),
    /// The tag is no number of at most nine digits.
    #[error("an a=crypto line whose tag is no number")]
    Tag,
    /// We do not have the suite.
    #[error("the suite {0}, and we have AES_CM_128_HMAC_SHA1_80 and AES_CM_128_HMAC_SHA1_32")]
    Suite(String),
    /// The key is not of the right length, or no base64.
    #[error("a key that is not 30 octets in base64")]
    Key,
    /// Several keys in one line, which we do not do.
    #[error("several keys in one a=crypto line")]
    SeveralKeys,
    /// What comes after the key is neither a lifetime nor the name of the key.
    #[error("a key with a lifetime or a name that cannot be read")]
    KeyParameter,
    /// A condition that we do not fulfil.
    #[error("the session parameter {0}, which we do not have")]
    Parameter(String),
}

impl Crypto {
    /// A line of ours.
    pub const fn new(tag: u32, key: SrtpKey) -> Self {
        Self {
            tag,
            key,
            lifetime: None,
        }
    }

    /// Reads the value of an attribute `crypto`, without its name.
    ///
    /// # Errors
    ///
    /// [`SdesError`] says what of it we do not do.
    pub fn parse(value: &str) -> Result<Self, SdesError> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().ok_or(SdesError::Missing("a tag"))?;
        let is_number = (1..=9).contains(&tag.len()) && tag.bytes().all(|octet| octet.is_ascii_digit());
        let tag = tag.parse().ok().filter(|_| is_number).ok_or(SdesError::Tag)?;
        let name = words.next().ok_or(SdesError::Missing("a suite"))?;
        let suite = Suite::from_name(name).ok_or_else(|| SdesError::Suite(shortened(name)))?;
        let keys = words.next().ok_or(SdesError::Missing("a key"))?;
        for parameter in words {
            allow(parameter)?;
        }
        let (method, key) = keys.split_once(':').ok_or(SdesError::Missing("a key"))?;
        if !method.eq_ignore_ascii_case("inline") {
            return Err(SdesError::Missing("an inline key"));
        }
        if key.contains(';') {
            return Err(SdesError::SeveralKeys);
        }
        let (master, lifetime, mki) = parse_key(key)?;
        Ok(Self {
            tag,
            key: SrtpKey { suite, master, mki },
            lifetime,
        })
    }

    /// The first line of an offer that can be used, of those in `values` (the attributes `crypto` of its audio).
    ///
    /// # Errors
    ///
    /// What is wrong with the last one, if none can be.
    pub fn choose<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Self, SdesError> {
        let mut wrong = SdesError::Missing("anything");
        for value in values {
            match Self::parse(value) {
                Ok(crypto) => return Ok(crypto),
                Err(error) => wrong = error,
            }
        }
        Err(wrong)
    }
}

/// The value of the attribute, with the key in it: this is for the SDP and for nothing else.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode(self.key.master.octets());
        write!(f, "{} {} inline:{key}", self.tag, self.key.suite.name())?;
        if let Some(lifetime) = self.lifetime {
            if lifetime.is_power_of_two() {
                write!(f, "|2^{}", lifetime.ilog2())?;
            } else {
                write!(f, "|{lifetime}")?;
            }
        }
        match self.key.mki {
            Some(mki) => write!(f, "|{}:{}", mki.value, mki.octets),
            None => Ok(()),
        }
    }
}

type KeyParts = (MasterKey, Option<u64>, Option<Mki>);

fn parse_key(key: &str) -> Result<KeyParts, SdesError> {
    let mut parts = key.split('|');
    let octets = zeroize::Zeroizing::new(
        LENIENT
            .decode(parts.next().unwrap_or_default())
            .map_err(|_| SdesError::Key)?,
    );
    let master = MasterKey::new(octets.as_slice().try_into().map_err(|_| SdesError::Key)?);
    let (mut lifetime, mut mki) = (None, None);
    for part in parts {
        match part.split_once(':') {
            None if lifetime.is_none() && mki.is_none() => lifetime = Some(parse_lifetime(part)?),
            Some((value, length)) if mki.is_none() => mki = Some(parse_mki(value, length)?),
            None | Some(_) => return Err(SdesError::KeyParameter),
        }
    }
    Ok((master, lifetime, mki))
}

fn parse_lifetime(text: &str) -> Result<u64, SdesError> {
    let lifetime = match text.strip_prefix("2^") {
        Some(power) => power.parse().ok().and_then(|power| 1_u64.checked_shl(power)),
        None => text.parse().ok(),
    };
    // A key for more packets than can be counted is one for as many as can be.
    lifetime
        .filter(|lifetime| *lifetime > 0)
        .map(|lifetime: u64| lifetime.min(1 << 48))
        .ok_or(SdesError::KeyParameter)
}

fn parse_mki(value: &str, length: &str) -> Result<Mki, SdesError> {
    // Longer names are allowed by the standard, and nobody has them.
    let octets = length.parse().ok().filter(|octets| (1..=8).contains(octets));
    let value = value.parse().ok();
    match (value, octets) {
        (Some(value), Some(octets)) if octets == 8 || value < 1_u64 << (8 * octets) => Ok(Mki { value, octets }),
        _ => Err(SdesError::KeyParameter),
    }
}

/// A parameter that asks for nothing of us, or that may be left out as its sign says (section 6.3).
fn allow(parameter: &str) -> Result<(), SdesError> {
    let name = parameter.split('=').next().unwrap_or_default();
    let harmless = name.eq_ignore_ascii_case("WSH") || parameter.eq_ignore_ascii_case("KDR=0") || name.starts_with('-');
    if harmless {
        Ok(())
    } else {
        Err(SdesError::Parameter(shortened(parameter)))
    }
}

/// What the far side wrote, fit for a log.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests;
