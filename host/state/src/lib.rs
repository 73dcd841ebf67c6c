//! Keyed state on disk: checkpoints, eviction, savepoints.
