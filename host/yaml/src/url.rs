//! Server addresses: what can be seen of them without parsing them as the driver will.

use super::reader::{Need, Reader, need};
use super::tree::Node;
use super::wording::dotted;
use rowmill_plan::Secret;
use rowmill_plan::problem::Problem;

/// An address of a server.
pub(super) const URL: Need = need(
    "a URL such as mysql://user:password@host:3306/database",
    "url: mysql://reader:${PASSWORD}@127.0.0.1:3306/shop",
);

/// Checks what can be seen without parsing the URL as the driver will.
pub(super) fn url(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Secret> {
    let secret = reader.secret(node, at, URL)?;
    let problem = match secret.expose().split_once("://") {
        Some(("mysql", rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            if rest.is_empty() || host.starts_with(['/', ':']) || host.is_empty() {
                Some("a URL without a host".to_owned())
            } else {
                None
            }
        }
        Some((scheme, _)) if is_scheme(scheme) => Some(format!("the scheme {scheme}://")),
        Some(_) => Some("another scheme".to_owned()),
        None => Some("a text that is no URL".to_owned()),
    };
    match problem {
        None => Some(secret),
        Some(found) => {
            reader.report(
                Problem::configuration(format!("{} is not a mysql:// URL", dotted(at)))
                    .at(at)
                    .found(found)
                    .needed(URL.what),
            );
            None
        }
    }
}

/// Whether it surely is the name of a scheme. What stands before `://` may also be a part of a password.
fn is_scheme(text: &str) -> bool {
    let of_scheme = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'+' | b'.' | b'-');
    (1..=20).contains(&text.len()) && text.bytes().all(of_scheme)
}

/// The database that a URL names.
pub(super) fn database(url: &Secret) -> Option<&str> {
    let rest = url.expose().strip_prefix("mysql://")?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let database = rest.split('?').next()?.split_once('/')?.1;
    (!database.is_empty()).then_some(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_scheme_is_not_shown() {
        for scheme in ["mysql", "MariaDB", "git+ssh", "a.b-c"] {
            assert!(is_scheme(scheme), "{scheme}");
        }
        for other in ["", "reader:hunter2@h/", "hunter2", "a b", "é", &"a".repeat(21)] {
            assert!(!is_scheme(other), "{other}");
        }
    }
}
