//! Server addresses: what can be seen of them without parsing them as the driver will.

use super::reader::{Need, Reader, need};
use super::tree::Node;
use super::wording::dotted;
use crate::plan::Secret;
use crate::problem::Problem;

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
        Some((scheme, _)) => Some(format!("the scheme {scheme}://")),
        None => Some("a text that is no URL".to_owned()),
    };
    match problem {
        None => Some(secret),
        Some(found) => {
            reader.report(
                Problem::configuration(format!("{} is no mysql:// URL", dotted(at)))
                    .at(at)
                    .found(found)
                    .needed(URL.what),
            );
            None
        }
    }
}

/// The database that a URL names.
pub(super) fn database(url: &Secret) -> Option<&str> {
    let rest = url.expose().strip_prefix("mysql://")?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let database = rest.split('?').next()?.split_once('/')?.1;
    (!database.is_empty()).then_some(database)
}
