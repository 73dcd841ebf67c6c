//! Exact sums of doubles.
//!
//! A double is an integer times a power of two, so a sum of doubles is one, too: a two's complement
//! integer over the unit 2^-1074, the smallest double (for squares 2^-2148). All of it has some 2,100
//! bits, but a group whose values are of similar size needs few: a window of 64-bit limbs is kept,
//! three of them in place, more behind a pointer, which grows with what is added. Nothing is ever
//! rounded on the way, so the order of additions leaves no trace, and taking a value out is adding
//! its negative.

use crate::integer::carrying_add;
use crate::natural::Natural;

/// Bits below the point of a double, and the position of its bit 2^0.
pub(crate) const UNIT: i64 = 1074;
/// Limbs in place: values of about the same size, their sum, and 60 bits to spare.
const FEW: usize = 3;

/// The limbs from number `base` on, the lowest first; those below are 0, those above repeat the sign.
#[derive(Clone, Debug)]
enum Window {
    Few { base: u16, limbs: [u64; FEW] },
    Many { base: u16, limbs: Box<[u64]> },
}

/// An exact sum.
#[derive(Clone, Debug)]
pub(crate) struct Exact(Window);

impl Default for Exact {
    fn default() -> Self {
        Self(Window::Few { base: 0, limbs: [0; FEW] })
    }
}

impl Exact {
    /// Adds a finite double, or its negative.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: f64, negated: bool) {
        let (mantissa, position, negative) = parts(value);
        let shift = position % 64;
        // The part above is taken in two steps, because a shift by 64 is none.
        let limbs = [mantissa << shift, mantissa >> 1 >> (63 - shift)];
        self.add_magnitude(position / 64, limbs, negative != negated);
    }

    /// Adds the square of a finite double, or its negative. The unit is that of squares, 2^-2148.
    pub(crate) fn add_square(&mut self, value: f64, negated: bool) {
        let (mantissa, position, _) = parts(value);
        let square = u128::from(mantissa) * u128::from(mantissa);
        let position = position * 2;
        let shift = position % 64;
        let low = square << shift;
        let high = (square >> 1 >> (127 - shift)) as u64;
        self.add_magnitude(position / 64, [low as u64, (low >> 64) as u64, high], negated);
    }

    /// Adds a number below 2^(64 * W - 1) that begins at a limb, or its negative.
    #[inline(always)]
    fn add_magnitude<const W: usize>(&mut self, at: u32, mut limbs: [u64; W], negative: bool) {
        let sign = if negative { u64::MAX } else { 0 };
        // The two's complement: every bit turned, and 1 added, which is the first carry.
        limbs.iter_mut().for_each(|limb| *limb ^= sign);
        if let Window::Few { base, limbs: window } = &mut self.0
            && let Some(from) = at.checked_sub(u32::from(*base))
            && let Some(window) = window.get_mut(from as usize..)
            && window.len() >= W
        {
            if let Some(lost) = add_limbs(window, &limbs, sign, negative) {
                self.extend(lost);
            }
            return;
        }
        self.add_slice(at as usize, &limbs, sign, negative);
    }

    /// Adds a two's complement number that begins at limb `at` and goes on with `sign`.
    fn add_slice(&mut self, at: usize, limbs: &[u64], sign: u64, carry: bool) {
        self.reach(at, at + limbs.len());
        let (base, window) = self.window_mut();
        if let Some(lost) = add_limbs(&mut window[at - base..], limbs, sign, carry) {
            self.extend(lost);
        }
    }

    fn window(&self) -> (usize, &[u64]) {
        match &self.0 {
            Window::Few { base, limbs } => (usize::from(*base), limbs),
            Window::Many { base, limbs } => (usize::from(*base), limbs),
        }
    }

    fn window_mut(&mut self) -> (usize, &mut [u64]) {
        match &mut self.0 {
            Window::Few { base, limbs } => (usize::from(*base), limbs),
            Window::Many { base, limbs } => (usize::from(*base), limbs),
        }
    }

    /// The window without zeros below and signs above; empty for 0.
    fn trimmed(&self) -> (usize, &[u64]) {
        let (mut base, mut limbs) = self.window();
        while let [0, rest @ ..] = limbs {
            (base, limbs) = (base + 1, rest);
        }
        // A limb of signs can go when the one below has the sign.
        while let [rest @ .., below, top] = limbs
            && *top == sign_of(*below)
        {
            limbs = &limbs[..rest.len() + 1];
        }
        (base, limbs)
    }

    /// Makes the window hold the limbs `low..high`, and the number it has.
    #[cold]
    fn reach(&mut self, low: usize, high: usize) {
        let (base, limbs) = self.window();
        if base <= low && high <= base + limbs.len() {
            return;
        }
        let (base, limbs) = self.trimmed();
        let empty = limbs.is_empty();
        let sign = limbs.last().map_or(0, |top| sign_of(*top));
        let low = if empty { low } else { low.min(base) };
        let high = if empty { high } else { high.max(base + limbs.len()) };
        let limb = |number: usize| match number.checked_sub(base) {
            _ if empty => 0,
            None => 0,
            Some(position) => limbs.get(position).copied().unwrap_or(sign),
        };
        // There are at most 70 limbs.
        let base = low as u16;
        self.0 = if high - low <= FEW {
            Window::Few { base, limbs: std::array::from_fn(|position| limb(low + position)) }
        } else {
            Window::Many { base, limbs: (low..high + 1).map(limb).collect() }
        };
    }

    /// Puts a limb on top that the last addition has overflowed into.
    #[cold]
    fn extend(&mut self, top: u64) {
        let (base, limbs) = self.window();
        let limbs: Vec<u64> = limbs.iter().copied().chain([top, top]).collect();
        self.0 = Window::Many { base: base as u16, limbs: limbs.into() };
    }

    /// Whether the sum is below 0; its magnitude; and how many bits that is to be shifted left by, over the unit.
    pub(crate) fn to_natural(&self) -> (bool, Natural, usize) {
        let (base, limbs) = self.trimmed();
        let negative = limbs.last().is_some_and(|top| sign_of(*top) != 0);
        let mut magnitude = limbs.to_vec();
        if negative {
            let mut carry = true;
            for limb in &mut magnitude {
                (*limb, carry) = carrying_add(!*limb, 0, carry);
            }
            magnitude.push(u64::from(carry));
        }
        (negative, Natural::from_limbs(magnitude), base * 64)
    }

    /// Appends the one form that the sum has: where its bytes begin, as two bytes, and the bytes,
    /// without zeros below and signs above; nothing for 0.
    pub(crate) fn append_bytes(&self, out: &mut Vec<u8>) {
        let (base, limbs) = self.trimmed();
        let Some(top) = limbs.last() else { return };
        let sign = sign_of(*top) as u8;
        let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
        let mut last = bytes.len();
        while last > first + 1 && bytes[last - 1] == sign && bytes[last - 2] >> 7 == sign & 1 {
            last -= 1;
        }
        // There are at most 560 bytes.
        out.extend_from_slice(&((base * 8 + first) as u16).to_le_bytes());
        out.extend_from_slice(&bytes[first..last]);
    }

    /// Adds what [`Self::append_bytes`] wrote.
    pub(crate) fn merge_bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        let [low, high, bytes @ ..] = bytes else {
            return if bytes.is_empty() { Ok(()) } else { Err("the state of a sum has one byte".to_owned()) };
        };
        let first = usize::from(u16::from_le_bytes([*low, *high]));
        if first + bytes.len() > 8 * 72 {
            return Err(format!("the state of a sum ends at byte {}; needed at most 576", first + bytes.len()));
        }
        let sign = bytes.last().map_or(0, |top| if top >> 7 == 1 { u64::MAX } else { 0 });
        let count = (first % 8 + bytes.len()).div_ceil(8);
        let mut limbs = vec![sign; count];
        for (position, byte) in std::iter::repeat_n(&0, first % 8).chain(bytes).enumerate() {
            let shift = position % 8 * 8;
            let limb = &mut limbs[position / 8];
            *limb = *limb & !(0xff << shift) | u64::from(*byte) << shift;
        }
        self.add_slice(first / 8, &limbs, sign, false);
        Ok(())
    }
}

/// Mantissa, position of its lowest bit over the unit, and sign of a finite double.
#[inline(always)]
fn parts(value: f64) -> (u64, u32, bool) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as u32;
    let fraction = bits & ((1 << 52) - 1);
    // A subnormal has the position of the smallest normal and no bit in front.
    let normal = u32::from(exponent != 0);
    (fraction | u64::from(normal) << 52, exponent - normal, bits >> 63 == 1)
}

fn sign_of(top: u64) -> u64 {
    (top.cast_signed() >> 63).cast_unsigned()
}

/// Adds `limbs`, `sign` for ever after, and the carry to the window. `Some`: the sum does not fit,
/// and this limb belongs on top of it.
#[inline(always)]
fn add_limbs(window: &mut [u64], limbs: &[u64], sign: u64, mut carry: bool) -> Option<u64> {
    let (low, high) = window.split_at_mut(limbs.len());
    let mut before = 0;
    for (target, limb) in low.iter_mut().zip(limbs) {
        before = *target;
        (*target, carry) = carrying_add(*target, *limb, carry);
    }
    let mut added = limbs.last().copied().unwrap_or(sign);
    for target in high.iter_mut() {
        before = *target;
        added = sign;
        (*target, carry) = carrying_add(*target, sign, carry);
    }
    let after = window.last().copied().unwrap_or(0);
    // Both had one sign, and the sum has the other.
    let overflow = (before ^ after) & (added ^ after) & (1 << 63) != 0;
    overflow.then(|| sign_of(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles of all sizes from a small generator.
    pub(super) fn doubles(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed.wrapping_mul(2) + 1;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bits = state ^ state >> 29;
            match seed % 4 {
                0 => (bits % 20_001) as f64 / 100.0 - 100.0,
                1 => f64::from_bits(bits & !(0x400 << 52) | (bits & 1) << 52),
                2 => (bits as i64 >> 8) as f64,
                _ => f64::from_bits(bits),
            }
        })
        .filter(|value| value.is_finite())
    }

    fn bytes(exact: &Exact) -> Vec<u8> {
        let mut bytes = Vec::new();
        exact.append_bytes(&mut bytes);
        bytes
    }

    fn sum(exact: &Exact) -> Option<f64> {
        let (negative, magnitude, shift) = exact.to_natural();
        magnitude.to_f64(shift as i64 - UNIT, false).map(|sum| if negative { -sum } else { sum })
    }

    #[test]
    fn one_value_is_itself() {
        for value in [0.0, 1.0, -1.0, 0.1, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e-310] {
            let mut exact = Exact::default();
            exact.add(value, false);
            assert_eq!(sum(&exact), Some(value));
            exact.add(value, true);
            assert!(bytes(&exact).is_empty());
        }
    }

    #[test]
    fn nothing_is_lost_between_large_and_small() {
        let mut exact = Exact::default();
        for value in [1e308, 1e308, 1.0, 5e-324, -1e308, -1e308] {
            exact.add(value, false);
        }
        assert_eq!(sum(&exact), Some(1.0));
        exact.add(-1.0, false);
        assert_eq!(sum(&exact), Some(5e-324));
        (0..4).for_each(|_| exact.add(f64::MAX, false));
        assert_eq!(sum(&exact), None);
    }

    #[test]
    fn order_and_removed_values_leave_no_trace() {
        for seed in 0..200 {
            let values: Vec<f64> = doubles(seed).take(60).collect();
            let others: Vec<f64> = doubles(seed + 1).take(60).collect();
            let mut forward = Exact::default();
            values.iter().for_each(|value| forward.add(*value, false));
            let mut mixed = Exact::default();
            for (value, other) in values.iter().rev().zip(&others) {
                mixed.add(*other, false);
                mixed.add(*value, false);
            }
            others.iter().for_each(|other| mixed.add(*other, true));
            assert_eq!(bytes(&forward), bytes(&mixed), "seed {seed}");
            let mut merged = Exact::default();
            for part in values.chunks(7) {
                let mut exact = Exact::default();
                part.iter().for_each(|value| exact.add(*value, false));
                merged.merge_bytes(&bytes(&exact)).unwrap();
            }
            assert_eq!(bytes(&forward), bytes(&merged), "seed {seed}");
            values.iter().for_each(|value| merged.add(*value, true));
            assert!(bytes(&merged).is_empty());
        }
    }

    #[test]
    fn small_integers_add_up_as_integers_do() {
        let mut exact = Exact::default();
        let mut expected = 0i64;
        for value in doubles(2).take(1000) {
            exact.add((value / 65536.0).trunc(), false);
            expected += (value / 65536.0) as i64;
            assert_eq!(sum(&exact), Some(expected as f64));
        }
    }

    #[test]
    fn squares_are_exact() {
        for seed in 0..100 {
            for value in doubles(seed).take(20) {
                let mut exact = Exact::default();
                exact.add_square(value, false);
                let (negative, magnitude, shift) = exact.to_natural();
                let (mantissa, position, _) = parts(value);
                let mantissa = Natural::from(mantissa);
                assert!(!negative);
                assert_eq!(magnitude.shift_left(shift), mantissa.multiply(&mantissa).shift_left(2 * position as usize));
                exact.add_square(-value, true);
                assert!(bytes(&exact).is_empty());
            }
        }
    }

    #[test]
    fn a_typical_state_is_short() {
        let mut exact = Exact::default();
        doubles(0).take(1000).for_each(|value| exact.add(value, false));
        assert!(bytes(&exact).len() <= 12, "{:?}", bytes(&exact));
        assert!(matches!(exact.0, Window::Few { .. }));
    }
}
