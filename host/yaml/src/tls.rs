//! `tls` and `tls_ca` of `source` and `sink`.

use super::call::tidy;
use super::reader::{Fields, Need, Reader, need};
use rowmill_plan::{Tls, TlsMode};

/// The keys.
pub(super) const TLS: &str = "tls";
pub(super) const TLS_CA: &str = "tls_ca";
const CA: Need = need("a file of certificates", "tls_ca: ./ca.pem");

/// What is said of encryption. `None`: something was reported.
pub(super) fn tls(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Tls> {
    let mode = fields.get(TLS).map_or(Some(None), |(node, at)| {
        let choices: Vec<(&str, TlsMode)> = TlsMode::ALL.iter().map(|mode| (mode.name(), *mode)).collect();
        reader.choice(node, &at, &choices, &[]).map(Some)
    });
    let ca = fields.get(TLS_CA).map_or(Some(None), |(node, at)| {
        let text = reader.text(node, &at, CA)?.value;
        if text.trim().is_empty() {
            reader.mismatch(node, &at, CA);
            return None;
        }
        // Relative to the folder of the file, as the paths of components.
        Some(Some(tidy(&reader.folder().join(text))))
    });
    Some(Tls { mode: mode?, ca: ca? })
}
