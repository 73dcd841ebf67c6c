//! Throw-away MySQL and MariaDB servers for the demo and the tests.
