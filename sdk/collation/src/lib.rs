//! MySQL collations: comparing texts and keys that group them.
