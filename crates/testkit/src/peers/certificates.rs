use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A certificate that a far side may show, and how it is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// Right: for `localhost`, [`Certificates::NAME`], 127.0.0.1 and ::1, of the known root.
    Right,
    /// Of the known root and the right name, but its time is over.
    Expired,
    /// Of the known root, for a host that nobody asked for.
    OtherName,
    /// For the right name, of a root that nobody knows.
    UnknownRoot,
    /// Right, and about to end: in two days.
    Ending,
    /// Signed by itself, with the right names, and as authorities have them: what many telephone systems make when they
    /// are installed.
    Itself,
    /// The same without any name but [`Certificates::NAME`] where it stood of old.
    ItselfOfOld,
    /// The same as [`Shown::Itself`], for a host that nobody asked for.
    ItselfElsewhere,
    /// What a client shows who is known to the far side.
    Client,
}

impl Shown {
    const ALL: [Self; 9] = [
        Self::Right,
        Self::Expired,
        Self::OtherName,
        Self::UnknownRoot,
        Self::Ending,
        Self::Itself,
        Self::ItselfOfOld,
        Self::ItselfElsewhere,
        Self::Client,
    ];

    fn file(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Expired => "expired",
            Self::OtherName => "other-name",
            Self::UnknownRoot => "unknown-root",
            Self::Ending => "ending",
            Self::Itself => "itself",
            Self::ItselfOfOld => "itself-of-old",
            Self::ItselfElsewhere => "itself-elsewhere",
            Self::Client => "client",
        }
    }
}

/// A root of our own and certificates under it, made by `openssl` for one test and gone with it.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// The host name that the right certificate is for, beside `localhost`.
    pub const NAME: &str = "trunk.test";

    /// Makes them all.
    ///
    /// # Errors
    ///
    /// When `openssl` is missing or refuses.
    pub fn make() -> Result<Self> {
        let made = Self {
            folder: tempfile::Builder::new()
                .prefix("certificates")
                .tempdir()
                .context("make a folder for certificates")?,
        };
        for root in ["root", "stranger"] {
            made.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -keyout {root}.key -out {root}.pem \
                 -subj /CN={root} -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
            ))?;
        }
        for shown in Shown::ALL {
            made.issue(shown)?;
        }
        Ok(made)
    }

    /// The root that issued all but one of them, for whoever is to trust it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.path("root.pem")
    }

    /// A certificate, in PEM.
    #[must_use]
    pub fn certificate(&self, shown: Shown) -> PathBuf {
        self.path(&format!("{}.pem", shown.file()))
    }

    /// The key of a certificate, in PEM.
    #[must_use]
    pub fn key(&self, shown: Shown) -> PathBuf {
        self.path(&format!("{}.key", shown.file()))
    }

    /// A certificate and its key in one file, as some programs want them.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn both(&self, shown: Shown) -> Result<PathBuf> {
        let path = self.path(&format!("{}-both.pem", shown.file()));
        let read = |part: &Path| std::fs::read_to_string(part).with_context(|| format!("read {}", part.display()));
        let text = read(&self.certificate(shown))? + &read(&self.key(shown))?;
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, shown: Shown) -> Result<()> {
        let file = shown.file();
        let names = match shown {
            Shown::Itself | Shown::ItselfOfOld | Shown::ItselfElsewhere => return self.sign_itself(shown),
            Shown::OtherName => "DNS:elsewhere.test".to_owned(),
            Shown::Client => "DNS:client.test".to_owned(),
            Shown::Right | Shown::Expired | Shown::UnknownRoot | Shown::Ending => {
                format!("DNS:localhost,DNS:{},IP:127.0.0.1,IP:::1", Self::NAME)
            }
        };
        let root = if shown == Shown::UnknownRoot {
            "stranger"
        } else {
            "root"
        };
        let extensions = self.path(&format!("{file}.ext"));
        std::fs::write(
            &extensions,
            format!("subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n"),
        )
        .context("write what a certificate is for")?;
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {file}.key -out {file}.csr -subj /CN={file}"
        ))?;
        if shown == Shown::Expired {
            return self.issue_for_the_past(file);
        }
        let days = if shown == Shown::Ending { 2 } else { 60 };
        self.openssl(&format!(
            "x509 -req -in {file}.csr -CA {root}.pem -CAkey {root}.key -CAcreateserial -days {days} \
             -extfile {file}.ext -out {file}.pem"
        ))
    }

    fn sign_itself(&self, shown: Shown) -> Result<()> {
        let file = shown.file();
        let (subject, names) = match shown {
            Shown::ItselfOfOld => (Self::NAME, String::new()),
            Shown::ItselfElsewhere => ("pbx", " -addext subjectAltName=DNS:elsewhere.test".to_owned()),
            _ => (
                "pbx",
                format!(" -addext subjectAltName=DNS:{},IP:127.0.0.1", Self::NAME),
            ),
        };
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60 -keyout {file}.key -out {file}.pem \
             -subj /CN={subject} -addext basicConstraints=critical,CA:TRUE{names}"
        ))
    }

    /// Only `openssl ca` can be told both ends of the time, and it wants a configuration and a list
    /// of what it has issued.
    fn issue_for_the_past(&self, file: &str) -> Result<()> {
        let configuration = "[ca]\ndefault_ca = all\n[all]\ndatabase = issued\nnew_certs_dir = .\nrand_serial = yes\n\
            default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";
        std::fs::write(self.path("ca.conf"), configuration).context("configure the root")?;
        std::fs::write(self.path("issued"), "").context("make the root's list")?;
        self.openssl(&format!(
            "ca -batch -notext -config ca.conf -cert root.pem -keyfile root.key -in {file}.csr -out {file}.pem \
             -extfile {file}.ext -startdate 20200101000000Z -enddate 20200201000000Z"
        ))
    }

    fn openssl(&self, arguments: &str) -> Result<()> {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .context("start openssl")?;
        if !output.status.success() {
            bail!("openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}
