//! Descriptors that a worker did not ask for.
//!
//! Ours are closed by themselves when another program is started. But whoever started us may have left
//! others open, and these a worker would inherit.

use std::os::fd::RawFd;

/// Closes all but stdin, stdout and stderr.
///
/// To be called before anything else in the process: nobody may own one of them yet.
#[allow(unsafe_code)]
pub(super) fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<RawFd> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The folder's own descriptor was among them and is closed by now.
    let is_open = |descriptor: &RawFd| std::fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2).filter(is_open) {
        // SAFETY: the process has one thread, which has opened nothing that it still holds: `main` calls
        // this first. So no value owns or borrows any of these descriptors.
        unsafe { rustix::io::close(descriptor) };
    }
}
