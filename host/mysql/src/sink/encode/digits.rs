//! The numbers that FLOAT(M,D) and DOUBLE(M,D) keep as they are.

/// The digits of FLOAT(M,D) and DOUBLE(M,D), to which the server rounds without a word.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Digits {
    all: u8,
    fraction: u8,
    /// 10^D.
    power: f64,
    /// The greatest number of so many digits.
    max: f64,
    /// The values have four bytes: those count as the same that are the same then.
    single: bool,
}

impl Digits {
    pub(super) fn new(all: u8, fraction: u8, single: bool) -> Digits {
        // Exact beyond 10^22 too, which a product is not.
        let power = |exponent: u8| format!("1e{exponent}").parse().unwrap_or(f64::INFINITY);
        let max = power(all.saturating_sub(fraction)) - 1.0 / power(fraction);
        Digits { all, fraction, power: power(fraction), max, single }
    }

    #[inline]
    pub(super) fn check(&self, value: f64) -> Result<(), String> {
        // As both servers do it, so that what one of them has rounded stays.
        let whole = value.floor();
        let kept = whole + ((value - whole) * self.power).round_ties_even() / self.power;
        if kept.abs() <= self.max && (self.same(kept, value) || self.same(self.decimal(value), value)) {
            return Ok(());
        }
        let Digits { all, fraction, .. } = self;
        Err(format!("is {value}, and the column holds {all} digits, {fraction} of them after the point"))
    }

    fn same(&self, one: f64, other: f64) -> bool {
        one == other || (self.single && one as f32 == other as f32)
    }

    /// The nearest number of so many digits after the point. What the servers make of one below zero may
    /// differ from it in the last bit, and is printed as it.
    #[cold]
    fn decimal(&self, value: f64) -> f64 {
        let digits = usize::from(self.fraction);
        format!("{value:.digits$}").parse().unwrap_or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_so_many_digits_are_not_rounded() {
        let double = Digits::new(7, 3, false);
        // The servers make the third of the second.
        for right in [0.0, -0.1, -1.0 + 0.9, 0.1, 1.005, 1234.567, -1234.567, 9999.999, -9999.999] {
            assert_eq!(double.check(right), Ok(()), "{right}");
        }
        for wrong in [0.0001, -0.0001, 1234.5678, 9999.9999, 10_000.0, -10_000.0, 1e300] {
            assert!(double.check(wrong).is_err(), "{wrong}");
        }
        let single = Digits::new(7, 3, true);
        assert_eq!(single.check(f64::from(1234.567_f32)), Ok(()));
        assert!(single.check(f64::from(0.0001_f32)).is_err());
        assert_eq!(Digits::new(255, 30, false).check(1e200), Ok(()));
    }
}
