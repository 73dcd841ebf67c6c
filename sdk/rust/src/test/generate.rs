//! Random values of every column type, few and small for the most part, so that they meet again,
//! with the extremes among them.

use super::column_of;
use crate::contract::{Column, DataType};
use crate::decimal::Decimal;
use crate::{Date, Datetime, Time, Timestamp};

/// A small generator (SplitMix64), the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// An integer within the bounds: small, of any size, or a bound.
    fn integer(&mut self, low: i128, high: i128) -> i128 {
        let span = high - low;
        let wide = i128::from(self.next()) << 32 | i128::from(self.next() >> 32);
        let any = match span.checked_add(1) {
            Some(span) if span > 0 => low + wide.rem_euclid(span),
            _ => wide,
        };
        match self.below(8) {
            0 => [low, high][self.below(2)],
            1 => any,
            2 => (any % 1000).clamp(low, high),
            _ => (self.below(9) as i128 - 3).clamp(low, high),
        }
    }

    /// A float without NaN and infinities.
    fn float(&mut self) -> f64 {
        let sign = if self.once_in(3) { -1.0 } else { 1.0 };
        sign * match self.below(8) {
            0 => 1e15 * (1 + self.below(9)) as f64,
            1 => 0.1 * self.below(100) as f64,
            2 => 1e-9 / (1 + self.below(9)) as f64,
            _ => self.below(20) as f64 / 4.0,
        }
    }

    fn text(&mut self) -> String {
        let texts = ["", "a", "b", "A", "ä", "ab", "b ", "10", "9", "emoji 🦀", "a,b"];
        match self.once_in(8) {
            true => "long ".repeat(1 + self.below(30)),
            false => texts[self.below(texts.len())].to_owned(),
        }
    }
}

/// A column of `rows` random values, with NULLs.
pub(super) fn column(random: &mut Random, data_type: DataType, rows: usize) -> Column {
    macro_rules! integers {
        ($type:ty) => {
            fill(random, rows, |random| random.integer(<$type>::MIN.into(), <$type>::MAX.into()) as $type)
        };
    }
    // 0000-01-01 and 9999-12-31, in days.
    const FIRST: i128 = -719_528;
    const LAST: i128 = 2_932_896;
    const DAY: i128 = 86_400_000_000;
    const LONGEST: i128 = 3_020_399_000_000;
    match data_type {
        DataType::Boolean => fill(random, rows, |random| random.once_in(2)),
        DataType::Int8 => integers!(i8),
        DataType::Int16 => integers!(i16),
        DataType::Int32 => integers!(i32),
        DataType::Int64 => integers!(i64),
        DataType::Uint8 => integers!(u8),
        DataType::Uint16 => integers!(u16),
        DataType::Uint32 => integers!(u32),
        DataType::Uint64 => integers!(u64),
        DataType::Float32 => fill(random, rows, |random| random.float() as f32),
        DataType::Float64 => fill(random, rows, Random::float),
        DataType::Decimal(d) if d.precision <= 38 => fill(random, rows, |random| {
            let most = 10i128.pow(u32::from(d.precision)) - 1;
            // The layout of all narrow decimals; the field says which type it is.
            Decimal::<38, 0>::from_unscaled(random.integer(-most, most)).unwrap_or_default()
        }),
        DataType::Decimal(_) => {
            let narrow = fill(random, rows, |random| random.integer(i64::MIN.into(), i64::MAX.into()) as i64);
            let wide = |value: &[u8; 8]| {
                let sign = if value[7] >= 0x80 { 0xff } else { 0 };
                let mut wide = [sign; 32];
                wide[..8].copy_from_slice(value);
                wide
            };
            let values = narrow.values.as_chunks::<8>().0.iter().flat_map(wide).collect();
            Column { values, ..narrow }
        }
        DataType::Utf8 => fill(random, rows, Random::text),
        DataType::Binary => fill(random, rows, |random| random.text().into_bytes()),
        DataType::Json => fill(random, rows, |random| match random.below(4) {
            0 => serde_json::json!({ "a": random.below(3), "b": null }),
            1 => serde_json::json!([random.below(3), "x"]),
            2 => serde_json::json!(random.float()),
            _ => serde_json::json!(random.text()),
        }),
        DataType::Date => fill(random, rows, |random| Date(random.integer(FIRST, LAST) as i32)),
        DataType::Time => fill(random, rows, |random| Time(random.integer(-LONGEST, LONGEST) as i64)),
        DataType::Datetime => {
            fill(random, rows, |random| Datetime(random.integer(FIRST * DAY, (LAST + 1) * DAY - 1) as i64))
        }
        DataType::Timestamp => {
            fill(random, rows, |random| Timestamp(random.integer(FIRST * DAY, (LAST + 1) * DAY - 1) as i64))
        }
    }
}

fn fill<C: crate::Cell>(random: &mut Random, rows: usize, mut f: impl FnMut(&mut Random) -> C) -> Column {
    let values: Vec<Option<C>> = (0..rows).map(|_| (!random.once_in(6)).then(|| f(random))).collect();
    column_of(values).1
}
