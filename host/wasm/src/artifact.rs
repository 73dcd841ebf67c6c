//! Compiled components made runnable: the one place where bytes become machine code.
//!
//! Loading compiled code can't check it: whatever the bytes say is mapped and run. So only what our own
//! compiler made is given to these functions, and that it arrived unchanged was checked by its digest.
//! That the engine's settings and version fit is checked in here, by the engine.

use std::fs::File;
use std::os::fd::AsRawFd;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Maps a file that holds a compiled component, and behind it what is not looked at. The caller has checked
/// its digest through this same descriptor, and that only this user can write it.
#[allow(unsafe_code)]
pub(crate) fn map(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // Not by its own name, under which there may be another file by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the file must hold what this engine's compiler wrote, and stay so while it is mapped. The
    // cache has checked its digest, which is written with it; only this user can write in its folder; and
    // a file there never changes once it has its name.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Loads what a compiler has just made.
#[allow(unsafe_code)]
pub(crate) fn load(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from `Engine::precompile_component`, of this process or of a worker that is
    // this program, whose digest was compared after the way through the pipe.
    unsafe { Component::deserialize(engine, compiled) }
}
