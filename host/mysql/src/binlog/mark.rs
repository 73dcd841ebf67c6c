//! Events as a position's witness knows them again.

use mysql_async::binlog::BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32;
use mysql_async::binlog::events::Event;
use rowmill_change::Mark;

/// The mark of an event that ends at this offset of its file.
pub(super) fn mark(event: &Event, end: u64) -> Mark {
    let header = event.header();
    Mark {
        end,
        time: header.timestamp(),
        kind: header.event_type_raw(),
        server_id: header.server_id(),
        size: header.event_size(),
        flags: header.flags_raw(),
        checksum: event.calc_checksum(BINLOG_CHECKSUM_ALG_CRC32),
    }
}
