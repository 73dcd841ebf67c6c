//! Whom the cache's folder has to be safe from: every other user of the machine.
//!
//! Who can write in the folder can have us run what they like. So can who is able to put another folder in
//! its place, which needs a folder *above* it that they can write. A sticky folder such as `/tmp` is the
//! exception: only its owner and ours can rename what is ours there.
//!
//! The path is made free of links first and used like that from then on, so a link that is changed later
//! leads nowhere else.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o022;

/// Makes the folder if it is missing; its path without links. An error says why it is not private.
pub(super) fn private(folder: &Path) -> Result<PathBuf, String> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| format!("cannot be created: {e}"))?;
    let folder = folder.canonicalize().map_err(|e| format!("cannot be read: {e}"))?;
    let own = rustix::process::geteuid().as_raw();
    let found = fs::symlink_metadata(&folder).map_err(|e| format!("cannot be read: {e}"))?;
    if found.uid() != own {
        return Err(format!("belongs to user {}, needed {own}", found.uid()));
    }
    let mode = found.mode() & 0o777;
    if mode != 0o700 {
        return Err(format!("has mode {mode:o}, needed 700 (chmod 700)"));
    }
    for above in folder.ancestors().skip(1) {
        let found = fs::symlink_metadata(above).map_err(|e| format!("{}: cannot be read: {e}", above.display()))?;
        ensure_above(found.uid(), found.mode(), own).map_err(|e| format!("the folder {} {e}", above.display()))?;
    }
    Ok(folder)
}

/// A folder above it, by its owner and mode.
fn ensure_above(owner: u32, mode: u32, own: u32) -> Result<(), String> {
    if owner != own && owner != 0 {
        return Err(format!("above it belongs to user {owner}, needed {own} or root"));
    }
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        let mode = mode & 0o7777;
        return Err(format!("above it has mode {mode:o}: others can replace what is in it (chmod go-w)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set_mode(folder: &Path, mode: u32) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_above_it_that_others_can_write_is_refused_unless_it_is_sticky() {
        let top = tempfile::tempdir().unwrap();
        let above = top.path().join("above");
        let folder = above.join("cache");
        assert_eq!(private(&folder).unwrap(), folder.canonicalize().unwrap());
        for (mode, safe) in [(0o755, true), (0o777, false), (0o775, false), (0o757, false), (0o1777, true)] {
            set_mode(&above, mode);
            let found = private(&folder);
            assert_eq!(found.is_ok(), safe, "{mode:o}: {found:?}");
            if let Err(reason) = found {
                assert!(reason.contains("/above above it has mode") && reason.contains("chmod go-w"), "{reason}");
            }
        }
    }

    #[test]
    fn a_folder_above_it_of_another_user_is_refused() {
        assert!(ensure_above(1000, 0o755, 1000).is_ok());
        assert!(ensure_above(0, 0o1777, 1000).is_ok());
        assert!(ensure_above(1001, 0o755, 1000).unwrap_err().contains("belongs to user 1001"));
        assert!(ensure_above(1001, 0o1777, 1000).is_err());
    }

    #[test]
    fn a_link_is_followed_once_and_what_it_leads_to_is_checked() {
        let top = tempfile::tempdir().unwrap();
        let open = top.path().join("open");
        let real = open.join("cache");
        private(&real).unwrap();
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(private(&link).unwrap(), real.canonicalize().unwrap());
        set_mode(&open, 0o777);
        assert!(private(&link).unwrap_err().contains("/open above it"));
    }
}
