//! Where the user lets programs keep files (XDG Base Directory Specification).

use std::path::PathBuf;

/// What a file is to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFolder {
    /// It can be made again: `$XDG_CACHE_HOME`, else `~/.cache`.
    Cache,
    /// It outlives the process: `$XDG_STATE_HOME`, else `~/.local/state`.
    State,
    /// It is gone when the user is: `$XDG_RUNTIME_DIR`, which has no other place.
    Runtime,
}

impl UserFolder {
    /// rowmill's folder of that kind, which need not exist; none for a user without a home. A variable that names no
    /// absolute path is ignored, as the specification says.
    #[must_use]
    pub fn path(self) -> Option<PathBuf> {
        self.among(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn among(self, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let (name, below_home) = match self {
            Self::Cache => ("XDG_CACHE_HOME", Some(".cache")),
            Self::State => ("XDG_STATE_HOME", Some(".local/state")),
            Self::Runtime => ("XDG_RUNTIME_DIR", None),
        };
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let base = absolute(name).or_else(|| Some(absolute("HOME")?.join(below_home?)))?;
        Some(base.join("rowmill"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_counts_if_it_is_an_absolute_path() {
        let folder = |kind: UserFolder, state: &str, home: &str| {
            let variable = |name: &str| match name {
                "XDG_STATE_HOME" | "XDG_RUNTIME_DIR" => Some(PathBuf::from(state)),
                "HOME" => Some(PathBuf::from(home)),
                _ => None,
            };
            kind.among(variable).map(|path| path.display().to_string())
        };
        assert_eq!(folder(UserFolder::State, "/s", "/h").as_deref(), Some("/s/rowmill"));
        assert_eq!(folder(UserFolder::State, "s", "/h").as_deref(), Some("/h/.local/state/rowmill"));
        assert_eq!(folder(UserFolder::State, "", "/h").as_deref(), Some("/h/.local/state/rowmill"));
        assert_eq!(folder(UserFolder::Cache, "/s", "/h").as_deref(), Some("/h/.cache/rowmill"));
        assert_eq!(folder(UserFolder::Cache, "/s", ""), None);
        assert_eq!(folder(UserFolder::Runtime, "/s", "/h").as_deref(), Some("/s/rowmill"));
        assert_eq!(folder(UserFolder::Runtime, "", "/h"), None);
    }
}
