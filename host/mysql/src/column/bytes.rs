//! Reading from a slice that may be shorter than it should be.

/// What a cell or an event says about itself that cannot be true. Static, so that the decoders'
/// results stay small; the caller adds table, column and position.
pub(crate) type Bad = &'static str;

const SHORT: Bad = "ends early";

/// A position in a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Bytes<'a> {
        Bytes { rest: data }
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Bad> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Result<u8, Bad> {
        Ok(self.array::<1>()?[0])
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn u24(&mut self) -> Result<u32, Bad> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self) -> Result<u64, Bad> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn u48(&mut self) -> Result<u64, Bad> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// `n` bytes (at most 8), little-endian.
    #[inline]
    pub(crate) fn uint(&mut self, n: usize) -> Result<u64, Bad> {
        Ok(self.take(n)?.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    }

    /// `n` bytes (at most 8), big-endian.
    #[inline]
    pub(crate) fn uint_be(&mut self, n: usize) -> Result<u64, Bad> {
        Ok(self.take(n)?.iter().fold(0, |v, &b| v << 8 | u64::from(b)))
    }

    /// MySQL's length-encoded integer.
    pub(crate) fn lenenc(&mut self) -> Result<u64, Bad> {
        match self.u8()? {
            n @ 0..=250 => Ok(u64::from(n)),
            252 => Ok(u64::from(self.u16()?)),
            253 => Ok(u64::from(self.u24()?)),
            254 => self.u64(),
            _ => Err("has a length that is none"),
        }
    }

    /// A length that must fit what is left.
    pub(crate) fn lenenc_len(&mut self) -> Result<usize, Bad> {
        let n = self.lenenc()?;
        if n > self.rest.len() as u64 { Err(SHORT) } else { Ok(n as usize) }
    }

    /// Bytes preceded by their length in `prefix` bytes.
    #[inline(always)]
    pub(crate) fn prefixed(&mut self, prefix: u8) -> Result<&'a [u8], Bad> {
        let n = match prefix {
            1 => self.u8()? as usize,
            2 => self.u16()? as usize,
            3 => self.u24()? as usize,
            _ => self.u32()? as usize,
        };
        self.take(n)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
