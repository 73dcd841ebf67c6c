//! The built-in components, compiled from source and embedded.
