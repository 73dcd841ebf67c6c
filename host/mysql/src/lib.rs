//! MySQL and MariaDB as source and target of a dataflow.
