//! A rowmill component with one aggregate.

use rowmill_sdk::{RowError, State, aggregate, config};

/// What can be set under `config:` in the pipeline file. A key that is not here is an error.
#[config]
pub struct Config {
    /// With fewer pieces there is no mean.
    #[default(1u32)]
    pub least: u32,
}

/// What a group adds up to. The fields are the columns in which the state is stored.
#[derive(Default, State)]
pub struct MeanPrice {
    cents: i128,
    pieces: i128,
}

/// The mean price of a piece in cents, rounded down; NULL where there are too few pieces.
///
/// A parameter that is no `Option` means that a row with a NULL there is skipped. An aggregate
/// without `retract` can only be fed by sources that never change or delete rows.
#[aggregate]
impl MeanPrice {
    fn update(&mut self, cents: i64, pieces: u32) {
        self.cents += i128::from(cents) * i128::from(pieces);
        self.pieces += i128::from(pieces);
    }

    fn retract(&mut self, cents: i64, pieces: u32) {
        self.cents -= i128::from(cents) * i128::from(pieces);
        self.pieces -= i128::from(pieces);
    }

    fn merge(&mut self, other: Self) {
        self.cents += other.cents;
        self.pieces += other.pieces;
    }

    fn finish(&self, #[config] config: &Config) -> Result<Option<i64>, RowError> {
        if self.pieces == 0 || self.pieces < i128::from(config.least) {
            return Ok(None);
        }
        let mean = i64::try_from(self.cents.div_euclid(self.pieces));
        mean.map(Some)
            .map_err(|_| RowError::new("overflow", "the mean has more than 64 bits"))
    }
}

// The functions that the component offers.
rowmill_sdk::export!(mean_price);

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::{serde_json::json, test};

    #[test]
    fn pieces_are_weights() {
        let folded = test::fold::<mean_price>()
            .arg([500i64, 700, 100])
            .arg([Some(1u32), Some(3), None])
            .groups([0, 0, 1])
            .config(json!({"least": 2}))
            .run();
        assert_eq!(folded.values::<i64>(), [Some(650), None]);
    }

    #[test]
    fn rows_can_come_and_go_and_states_can_be_merged() {
        test::aggregate::<mean_price>().check();
    }
}
