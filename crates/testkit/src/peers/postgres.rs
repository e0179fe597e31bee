use super::paths::target_dir;
use super::policy::postgres_programs;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A real PostgreSQL server with databases of its own, on a socket in a temporary folder that nobody
/// else may enter. Ended, with all it held, when this value goes.
///
/// Unless it is [`Postgres::durable`] it does not sync its files: they outlive its processes and not the machine.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    home: TempDir,
    settings: &'static [&'static str],
    child: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not come up.
    pub async fn start() -> Result<Self> {
        Self::start_with(&["fsync=off", "shared_buffers=32MB"]).await
    }

    /// The same, for measurements: it syncs its files, and has memory for what is in use.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`].
    pub async fn durable() -> Result<Self> {
        Self::start_with(&["fsync=on", "shared_buffers=512MB", "max_wal_size=2GB"]).await
    }

    async fn start_with(settings: &'static [&'static str]) -> Result<Self> {
        let (programs, version) = postgres_programs().context("no PostgreSQL from 15 on is installed")?;
        let template = template(&programs, version)?;
        // Not under the target folder: its user may not be allowed to go there, and names of sockets
        // must be short.
        let home = own_folder()?;
        copy(&template, &home.path().join("data"))?;
        let mut postgres = Self {
            programs,
            home,
            settings,
            child: None,
            databases: AtomicU32::new(0),
        };
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// The one that other tests of this process use at this moment, or a new one.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`].
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: tokio::sync::Mutex<Weak<Postgres>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    ///
    /// When the server does not make it.
    pub fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// The URL of the database of this name, whether or not there is one.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres:///{database}?host={}&user=postgres",
            self.home.path().display()
        )
    }

    /// One of PostgreSQL's own tools, as `pg_dump`, about to be run on this server.
    #[must_use]
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .arg(format!("--host={}", self.home.path().display()))
            .arg("--username=postgres")
            .stdin(Stdio::null());
        command
    }

    /// Its first process, which has started all others; `None` while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Runs SQL in the database of this name, and gives what it printed: rows of values between bars.
    ///
    /// # Errors
    ///
    /// When the server refuses it.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let output = self
            .tool("psql")
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--set=ON_ERROR_STOP=1",
            ])
            .arg(format!("--dbname={database}"))
            .args(["--command", sql])
            .output()
            .context("run psql")?;
        if !output.status.success() {
            bail!("{sql}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Ends the server as a crash would, in the middle of whatever it does.
    pub fn crash(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg("-QUIT").arg(child.id().to_string()).status();
        let asked = Instant::now();
        while asked.elapsed() < STARTS_WITHIN {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts the server again after [`Postgres::crash`], with all it had committed.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start_again(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("log"))
            .context("make its log")?;
        let mut command = as_its_user(&self.programs.join("postgres"))?;
        command
            .arg("-D")
            .arg(self.home.path().join("data"))
            .arg("-k")
            .arg(self.home.path())
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=100",
                "-c",
                "log_min_messages=warning",
            ])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share its log")?)
            .stderr(log);
        let mut child = command.spawn().context("start postgres")?;
        let started = Instant::now();
        while self.psql("postgres", "SELECT 1").is_err() {
            if let Some(status) = child.try_wait().context("look after postgres")? {
                bail!("postgres ended while starting, {status}: {}", self.log());
            }
            if started.elapsed() > STARTS_WITHIN {
                let _ = child.kill();
                let _ = child.wait();
                bail!("postgres does not answer after {STARTS_WITHIN:?}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    /// What it has complained about so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// The files of a new server, made once and copied for each: making them takes a second.
fn template(programs: &Path, version: u32) -> Result<PathBuf> {
    let place = target_dir().join("peers/postgres");
    let template = place.join(version.to_string());
    if template.exists() {
        return Ok(template);
    }
    let home = own_folder()?;
    let made = home.path().join("data");
    let output = as_its_user(&programs.join("initdb"))?
        .arg("-D")
        .arg(&made)
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .stdin(Stdio::null())
        .output()
        .context("run initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
    let beside = tempfile::tempdir_in(&place).context("make a folder for the template")?;
    let copied = beside.path().join("data");
    copy(&made, &copied)?;
    match std::fs::rename(&copied, &template) {
        Ok(()) => Ok(template),
        // Another test has made it meanwhile.
        Err(_) if template.exists() => Ok(template),
        Err(error) => Err(error).context("keep the template"),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .context("run cp")?;
    if !status.success() {
        bail!("{} could not be copied to {}", from.display(), to.display());
    }
    Ok(())
}

/// A temporary folder of the server's user.
fn own_folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("outdial-pg-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .context("make a home for PostgreSQL")?;
    if let Some((user, group)) = its_user()? {
        chown(folder.path(), Some(user), Some(group)).context("give PostgreSQL its home")?;
    }
    Ok(folder)
}

/// PostgreSQL refuses to run as root. Its packages make a user for it.
fn its_user() -> Result<Option<(u32, u32)>> {
    let we_are_root = std::fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me))? == 0;
    if !we_are_root {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("read the users")?;
    let user = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Ok(Some(user.context("there is no user postgres to run PostgreSQL as")?))
}

fn as_its_user(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((user, group)) = its_user()? {
        command.uid(user).gid(group);
    }
    Ok(command)
}
