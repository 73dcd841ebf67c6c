//! Where the server programs are, and how they are started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use rowmill_foreign::UserFolder;

/// Which product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// MySQL 8.0 or newer.
    MySql,
    /// MariaDB 10.11 or newer.
    MariaDb,
}

impl Kind {
    /// The name that `tools/servers.sh` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Kind::MySql => "mysql",
            Kind::MariaDb => "mariadb",
        }
    }
}

/// The programs of one product.
pub(crate) struct Programs {
    pub(crate) kind: Kind,
    /// The unpacked packages, where they are not the system's own.
    root: Option<PathBuf>,
}

impl Programs {
    /// Finds them: the cache folder first (MySQL), then the system.
    pub(crate) fn find(kind: Kind) -> anyhow::Result<Programs> {
        let unpacked = cache()?.join(kind.name());
        if unpacked.join(".complete").exists() {
            return Ok(Programs { kind, root: Some(unpacked) });
        }
        let server = match kind {
            Kind::MySql => "mysqld",
            Kind::MariaDb => "mariadbd",
        };
        if on_path(server).is_none() {
            bail!(
                "{server} was found neither on the PATH nor in {}; run tools/servers.sh {} once",
                unpacked.display(),
                kind.name()
            );
        }
        Ok(Programs { kind, root: None })
    }

    /// The server program with the flags that never change.
    pub(crate) fn server(&self) -> anyhow::Result<Command> {
        let mut command = match self.kind {
            Kind::MySql => self.command("usr/sbin", "mysqld")?,
            Kind::MariaDb => self.command("usr/sbin", "mariadbd")?,
        };
        command.arg("--no-defaults");
        if let Some(root) = &self.root {
            command.arg(format!("--basedir={}", root.join("usr").display()));
            command.arg(format!("--lc-messages-dir={}", root.join("usr/share/mysql").display()));
            command.arg(format!("--plugin-dir={}", root.join("usr/lib/mysql/plugin").display()));
        }
        Ok(command)
    }

    /// The command-line client.
    pub(crate) fn client(&self) -> anyhow::Result<Command> {
        let mut command = match self.kind {
            Kind::MySql => self.command("usr/bin", "mysql")?,
            Kind::MariaDb => self.command("usr/bin", "mariadb")?,
        };
        command.arg("--no-defaults");
        Ok(command)
    }

    /// The command that makes an empty data folder.
    pub(crate) fn initialize(&self, data: &Path) -> anyhow::Result<Command> {
        let mut command = match self.kind {
            Kind::MySql => {
                let mut command = self.server()?;
                command.arg("--initialize-insecure");
                command
            }
            Kind::MariaDb => {
                let mut command = self.command("usr/bin", "mariadb-install-db")?;
                command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                command
            }
        };
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--user={}", user()?));
        // See the server's own: a shared folder would be swept. Inside of the data it would be in its way.
        command.env("TMPDIR", data.parent().unwrap_or(data));
        Ok(command)
    }

    /// One line that tells versions apart; names the template folder.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let output = self.server()?.arg("--version").output().context("asking the server's version")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
        version.map(str::to_owned).with_context(|| format!("no version in {text:?}"))
    }

    /// A program of the unpacked packages runs through their own loader, since they need a newer
    /// C library than the system may have.
    fn command(&self, folder: &str, program: &str) -> anyhow::Result<Command> {
        let Some(root) = &self.root else {
            return Ok(Command::new(on_path(program).with_context(|| format!("{program} is not on the PATH"))?));
        };
        let arch = std::env::consts::ARCH;
        let triple = format!("{arch}-linux-gnu");
        let loader = match arch {
            "aarch64" => "ld-linux-aarch64.so.1",
            _ => "ld-linux-x86-64.so.2",
        };
        let libraries = root.join("usr/lib").join(&triple);
        let mut command = Command::new(libraries.join(loader));
        command.arg("--library-path").arg(format!(
            "{}:{}:{}",
            libraries.display(),
            root.join("lib").join(&triple).display(),
            root.join("usr/lib/mysql/private").display()
        ));
        command.arg(root.join(folder).join(program));
        Ok(command)
    }
}

/// The cache folder shared with `tools/servers.sh`.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("ROWMILL_SERVERS").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    Ok(UserFolder::Cache.path().context("neither ROWMILL_SERVERS nor HOME is set")?.join("servers"))
}

/// The account that the server runs as: servers refuse to run as root unless told to.
pub(crate) fn user() -> anyhow::Result<String> {
    let output = Command::new("id").arg("-un").output().context("running id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
