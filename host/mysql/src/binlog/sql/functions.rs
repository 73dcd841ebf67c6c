//! Words that call no stored function, whatever functions the server holds.
//!
//! A server looks for a function of its own before it looks for a stored one, unless the call names a
//! schema. So a bare name of [`NATIVE`] with the parenthesis right behind it is the server's own; behind a
//! space, or in quotes, some of them are not. Both lists hold for every version of both products that is
//! read from; what only one of them has may be a stored function on the other.

/// Functions of both servers. MySQL 9.7 has neither MD5 nor SHA1.
const NATIVE: &str = "\
    ABS ACOS ADDDATE ADDTIME AES_DECRYPT AES_ENCRYPT ASCII ASIN ATAN ATAN2 AVG BENCHMARK BIN BIT_AND BIT_COUNT \
    BIT_LENGTH BIT_OR BIT_XOR CAST CEIL CEILING CHARACTER_LENGTH CHARSET CHAR_LENGTH COALESCE COERCIBILITY \
    COLLATION COMPRESS CONCAT CONCAT_WS CONNECTION_ID CONV CONVERT CONVERT_TZ COS COT COUNT CRC32 CUME_DIST \
    CURDATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURTIME DATABASE DATE DATEDIFF DATE_ADD \
    DATE_FORMAT DATE_SUB DAY DAYNAME DAYOFMONTH DAYOFWEEK DAYOFYEAR DEFAULT DEGREES DENSE_RANK ELT EXP \
    EXPORT_SET EXTRACT EXTRACTVALUE FIELD FIND_IN_SET FIRST_VALUE FLOOR FORMAT FOUND_ROWS FROM_BASE64 FROM_DAYS \
    FROM_UNIXTIME GET_FORMAT GET_LOCK GREATEST GROUP_CONCAT HEX HOUR IF IFNULL INET6_ATON INET6_NTOA INET_ATON \
    INET_NTOA INSERT INSTR INTERVAL ISNULL IS_FREE_LOCK IS_IPV4 IS_IPV4_COMPAT IS_IPV4_MAPPED IS_IPV6 \
    IS_USED_LOCK JSON_ARRAY JSON_ARRAYAGG JSON_ARRAY_APPEND JSON_ARRAY_INSERT JSON_CONTAINS JSON_CONTAINS_PATH \
    JSON_DEPTH JSON_EXTRACT JSON_INSERT JSON_KEYS JSON_LENGTH JSON_MERGE_PATCH JSON_MERGE_PRESERVE JSON_OBJECT \
    JSON_OBJECTAGG JSON_OVERLAPS JSON_QUOTE JSON_REMOVE JSON_REPLACE JSON_SEARCH JSON_SET JSON_TABLE JSON_TYPE \
    JSON_UNQUOTE JSON_VALID JSON_VALUE LAG LAST_DAY LAST_INSERT_ID LAST_VALUE LCASE LEAD LEAST LEFT LENGTH LN \
    LOAD_FILE LOCALTIME LOCALTIMESTAMP LOCATE LOG LOG10 LOG2 LOWER LPAD LTRIM MAKEDATE MAKETIME MAKE_SET MATCH \
    MAX MICROSECOND MID MIN MINUTE MOD MONTH MONTHNAME NAME_CONST NOW NTH_VALUE NTILE NULLIF OCT OCTET_LENGTH \
    ORD PERCENT_RANK PERIOD_ADD PERIOD_DIFF PI POSITION POW POWER QUARTER QUOTE RADIANS RAND RANDOM_BYTES RANK \
    REGEXP_INSTR REGEXP_REPLACE REGEXP_SUBSTR RELEASE_ALL_LOCKS RELEASE_LOCK REPEAT REPLACE REVERSE RIGHT ROUND \
    ROW ROW_COUNT ROW_NUMBER RPAD RTRIM SCHEMA SECOND SEC_TO_TIME SESSION_USER SHA2 SIGN SIN SLEEP SOUNDEX SPACE \
    SQRT STD STDDEV STDDEV_POP STDDEV_SAMP STRCMP STR_TO_DATE SUBDATE SUBSTR SUBSTRING SUBSTRING_INDEX SUBTIME \
    SUM SYSDATE SYSTEM_USER TAN TIME TIMEDIFF TIMESTAMP TIMESTAMPADD TIMESTAMPDIFF TIME_FORMAT TIME_TO_SEC \
    TO_BASE64 TO_DAYS TO_SECONDS TRIM TRUNCATE UCASE UNCOMPRESS UNCOMPRESSED_LENGTH UNHEX UNIX_TIMESTAMP \
    UPDATEXML UPPER USER UTC_DATE UTC_TIME UTC_TIMESTAMP UUID UUID_SHORT VARIANCE VAR_POP VAR_SAMP VERSION WEEK \
    WEEKDAY WEEKOFYEAR WEIGHT_STRING YEAR YEARWEEK";

/// Reserved words of both servers that a parenthesis can follow.
const RESERVED: &str = "\
    ALL AND AS BETWEEN BINARY BY CASE CHAR CHARACTER CHECK COLLATE CONSTRAINT DECIMAL DISTINCT DIV DOUBLE ELSE \
    EXCEPT EXISTS FLOAT FOREIGN FROM GROUP HAVING IN INDEX INT INTEGER INTERSECT INTO IS JOIN KEY LIKE LIMIT \
    LINES NOT NUMERIC ON OR ORDER OVER PARTITION PRIMARY REFERENCES REGEXP RLIKE SELECT SET THEN UNION UNIQUE \
    UPDATE USING VALUES VARBINARY VARCHAR WHEN WHERE XOR";

/// Whether a bare word before a parenthesis calls no stored function; `opens`: nothing stands between them.
pub(super) fn is_never_stored(word: &str, opens: bool) -> bool {
    let is_in = |list: &str| list.split(' ').any(|known| known.eq_ignore_ascii_case(word));
    is_in(RESERVED) || (opens && is_in(NATIVE))
}

#[cfg(test)]
mod tests {
    use rowmill_devserver::{Kind, Server};

    use super::*;
    use crate::endpoint::Endpoint;
    use crate::statement::Statement;

    #[tokio::test]
    async fn no_word_calls_a_stored_function() {
        for kind in [Kind::MySql, Kind::MariaDb] {
            let server = Server::lend(kind, &[]).unwrap();
            let mut conn = Endpoint::parse(&server.url("mysql")).unwrap().connect().await.unwrap();
            // 1305: there is no such function, stored or not.
            let calls = ["()", "(1)", "(1, 2)", "(1, 2, 3)"].map(|arguments| (NATIVE, arguments));
            for (words, arguments) in calls.into_iter().chain([(RESERVED, "(1)"), (RESERVED, " (1)"), ("f", "()")]) {
                for word in words.split(' ') {
                    let call = Statement::new("SELECT ").text(word).text(arguments);
                    let code = match conn.query_drop(call).await {
                        Err(mysql_async::Error::Server(error)) => error.code,
                        _ => 0,
                    };
                    assert_eq!(code == 1305, word == "f", "{kind:?}: {word}{arguments}");
                }
            }
        }
    }
}
