//! Where the socket of a pipeline lies: in a folder that is the user's alone, named by the progress row.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rowmill_foreign::{Printable, UserFolder};
use rowmill_plan::Plan;

/// Where to listen for this plan's progress row: in the first folder that will do, which is made if it is missing.
pub(super) fn to_listen(plan: &Plan) -> Result<PathBuf, String> {
    let name = name(plan)?;
    let mut reasons = Vec::new();
    for folder in folders().map_err(|error| error.to_string())? {
        match make(&folder).and_then(|()| ensure_own(&folder)) {
            Ok(()) => return Ok(folder.join(name)),
            Err(reason) => reasons.push(format!("{}: {reason}", Printable(&folder.display().to_string()))),
        }
    }
    Err(reasons.join("; "))
}

/// Where a process may listen for it, which can have been started with another environment than this one.
pub(super) fn to_ask(plan: &Plan) -> Vec<PathBuf> {
    let (Ok(name), Ok(folders)) = (name(plan), folders()) else { return Vec::new() };
    folders.iter().filter(|folder| ensure_own(folder).is_ok()).map(|folder| folder.join(&name)).collect()
}

fn name(plan: &Plan) -> Result<String, String> {
    let name = rowmill_run::progress_name(plan).map_err(|_| "the sink's address can't be read".to_owned())?;
    Ok(format!("{name}.sock"))
}

/// The user that this process runs as.
pub(super) fn user() -> io::Result<u32> {
    Ok(std::fs::metadata("/proc/self")?.uid())
}

/// The user's runtime folder, if there is one, and one below the folder of temporary files.
fn folders() -> io::Result<Vec<PathBuf>> {
    let temporary = std::env::temp_dir().join(format!("rowmill-{}", user()?));
    Ok(UserFolder::Runtime.path().into_iter().chain([temporary]).collect())
}

fn make(folder: &Path) -> Result<(), String> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Sees that the folder is this user's and that nobody else can enter it.
fn ensure_own(folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let found = std::fs::symlink_metadata(folder).map_err(text)?;
    wrong(&found, user().map_err(text)?).map_or(Ok(()), |reason| Err(reason.to_owned()))
}

fn wrong(found: &Metadata, user: u32) -> Option<&'static str> {
    if !found.is_dir() {
        return Some("not a folder");
    }
    if found.uid() != user {
        return Some("the folder of another user");
    }
    (found.mode() & 0o077 != 0).then_some("a folder that others can enter (needed: mode 0700)")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_a_folder_of_ones_own_will_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        assert_eq!(make(&own).and_then(|()| ensure_own(&own)), Ok(()));
        assert_eq!(std::fs::metadata(&own).expect("there").mode() & 0o777, 0o700);
        assert_eq!(make(&own).and_then(|()| ensure_own(&own)), Ok(()), "again");
        std::fs::set_permissions(&own, Permissions::from_mode(0o750)).expect("changed");
        assert!(ensure_own(&own).expect_err("open").contains("0700"));
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(ensure_own(&file), Err("not a folder".to_owned()));
        let link = folder.path().join("link");
        std::fs::set_permissions(&own, Permissions::from_mode(0o700)).expect("changed");
        std::os::unix::fs::symlink(&own, &link).expect("linked");
        assert_eq!(ensure_own(&link), Err("not a folder".to_owned()));
        let found = std::fs::symlink_metadata(&own).expect("there");
        assert_eq!(wrong(&found, found.uid() + 1), Some("the folder of another user"));
    }
}
