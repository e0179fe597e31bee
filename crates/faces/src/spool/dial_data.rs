//! The argument of `Dial`.

use std::time::Duration;

use super::wanted::{Unfit, seconds};

/// Options that change nothing of what is heard or done here: who may press keys for features, and tones.
const PASSED_OVER: &str = "cCdgiIkKhHorRtTwWxX";

/// `Tech/dest&Tech/dest,timeout,options`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DialData {
    pub(super) channels: Vec<String>,
    /// How long each phone rings.
    pub(super) ring: Option<Duration>,
    /// How long the two may talk.
    pub(super) max: Option<Duration>,
    /// So long before that, they are warned.
    pub(super) warn_before: Option<Duration>,
}

impl DialData {
    pub(super) fn read(data: &str) -> Result<Self, Unfit> {
        let mut parts = data.splitn(3, ',').map(str::trim);
        let channels = parts.next().unwrap_or_default().split('&');
        let channels = channels.map(str::trim).filter(|channel| !channel.is_empty());
        let mut read = Self {
            channels: channels.map(str::to_owned).collect(),
            ring: None,
            max: None,
            warn_before: None,
        };
        read.ring = parts
            .next()
            .filter(|ring| !ring.is_empty())
            .map(|ring| seconds("Data", ring))
            .transpose()?;
        read.options(parts.next().unwrap_or_default())?;
        Ok(read)
    }

    fn options(&mut self, options: &str) -> Result<(), Unfit> {
        let mut rest = options;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let mut argument = None;
            if let Some(inside) = rest.strip_prefix('(') {
                let (given, after) = inside
                    .split_once(')')
                    .ok_or_else(|| Unfit::Wrong(format!("Data: the option {letter} is not closed")))?;
                (argument, rest) = (Some(given), after);
            }
            match (letter, argument) {
                ('L', Some(limits)) => self.limits(limits)?,
                ('S', Some(length)) => self.max = Some(seconds("Data", length)?),
                (known, None) if PASSED_OVER.contains(known) => {}
                _ => {
                    return Err(Unfit::Wrong(format!(
                        "Data: the option {letter} of Dial is not available here"
                    )));
                }
            }
        }
        Ok(())
    }

    /// `most:warn:repeat` in milliseconds.
    fn limits(&mut self, limits: &str) -> Result<(), Unfit> {
        let mut parts = limits.split(':').map(str::trim);
        let mut part = || -> Result<Option<Duration>, Unfit> {
            let given = parts.next().filter(|part| !part.is_empty());
            let read = given.map(|part| part.parse().map(Duration::from_millis)).transpose();
            read.map_err(|_| Unfit::Wrong("Data: L has its times in milliseconds, as L(60000:10000)".to_owned()))
        };
        (self.max, self.warn_before) = (part()?, part()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_how_long_and_until_when() {
        let read = DialData::read("PJSIP/1@a & SIP/b/2,20,rtL(60000:10000)").unwrap();
        assert_eq!(read.channels, ["PJSIP/1@a", "SIP/b/2"]);
        assert_eq!(read.ring, Some(Duration::from_secs(20)));
        assert_eq!(read.max, Some(Duration::from_secs(60)));
        assert_eq!(read.warn_before, Some(Duration::from_secs(10)));
        assert_eq!(DialData::read("SIP/a,,S(5)").unwrap().max, Some(Duration::from_secs(5)));
        for wrong in [
            "SIP/a,x",
            "SIP/a,1,M(x)",
            "SIP/a,1,e",
            "SIP/a,1,L(x)",
            "SIP/a,1,S(1",
            "SIP/a,1,L",
        ] {
            assert!(matches!(DialData::read(wrong), Err(Unfit::Wrong(_))), "{wrong}");
        }
    }
}
