//! Plans and runs dataflows: steps over changes, epochs, exactly once.
