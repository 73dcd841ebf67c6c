//! Values of a fixed width, and how they lie in a buffer.

use crate::contract::DataType;
use std::mem::MaybeUninit;

/// A type whose values take the same number of bytes each, little-endian.
///
/// Reads and writes work at any alignment, because the contract promises none.
///
/// Sealed: unsafe code relies on [`Self::write`] writing what it says.
pub trait Fixed: Copy + Default + Sealed + 'static {
    /// Bytes of one value.
    const WIDTH: usize;
    /// The column type.
    const DATA_TYPE: DataType;
    /// Reads the value at the start of `bytes`, which holds at least [`Self::WIDTH`] bytes.
    fn read(bytes: &[u8]) -> Self;
    /// Reads the value number `index` of `bytes`.
    ///
    /// # Panics
    /// Past the last value.
    fn read_at(bytes: &[u8], index: usize) -> Self;
    /// Writes the value to the start of `bytes`, initialising exactly [`Self::WIDTH`] bytes.
    fn write(self, bytes: &mut [MaybeUninit<u8>]);
    /// Appends the value.
    fn append(self, bytes: &mut Vec<u8>);
}

/// Seals [`Fixed`].
pub trait Sealed {}

/// Implements [`Fixed`] for types with `from_le_bytes` and `to_le_bytes`.
macro_rules! fixed {
    ($($type:ty, $width:literal, $data_type:ident;)*) => { $(
        impl Sealed for $type {}
        impl Fixed for $type {
            const WIDTH: usize = $width;
            const DATA_TYPE: DataType = DataType::$data_type;
            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut value = [0; $width];
                value.copy_from_slice(&bytes[..$width]);
                Self::from_le_bytes(value)
            }
            #[inline(always)]
            fn read_at(bytes: &[u8], index: usize) -> Self {
                Self::from_le_bytes(bytes.as_chunks::<$width>().0[index])
            }
            #[inline(always)]
            fn write(self, bytes: &mut [MaybeUninit<u8>]) {
                bytes[..$width].write_copy_of_slice(&self.to_le_bytes());
            }
            #[inline(always)]
            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}

fixed! {
    i8, 1, Int8;
    i16, 2, Int16;
    i32, 4, Int32;
    i64, 8, Int64;
    u8, 1, Uint8;
    u16, 2, Uint16;
    u32, 4, Uint32;
    u64, 8, Uint64;
    f32, 4, Float32;
    f64, 8, Float64;
}

/// Implements [`Fixed`] for a type that wraps a fixed one: `wraps!(Date, i32, Date);`
macro_rules! wraps {
    ($type:ident $(<$(const $param:ident : $kind:ty),*>)?, $inner:ty, $data_type:expr) => {
        impl $(<$(const $param: $kind),*>)? $crate::fixed::Sealed for $type $(<$($param),*>)? {}
        impl $(<$(const $param: $kind),*>)? $crate::fixed::Fixed for $type $(<$($param),*>)? {
            const WIDTH: usize = <$inner as $crate::fixed::Fixed>::WIDTH;
            const DATA_TYPE: $crate::DataType = $data_type;
            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                Self(<$inner as $crate::fixed::Fixed>::read(bytes))
            }
            #[inline(always)]
            fn read_at(bytes: &[u8], index: usize) -> Self {
                Self(<$inner as $crate::fixed::Fixed>::read_at(bytes, index))
            }
            #[inline(always)]
            fn write(self, bytes: &mut [std::mem::MaybeUninit<u8>]) {
                self.0.write(bytes);
            }
            #[inline(always)]
            fn append(self, bytes: &mut Vec<u8>) {
                self.0.append(bytes);
            }
        }
    };
}
pub(crate) use wraps;

/// Only as the storage of decimals: no column type of its own.
macro_rules! raw {
    ($($type:ty, $width:literal;)*) => { $(
        impl Sealed for $type {}
        impl Fixed for $type {
            const WIDTH: usize = $width;
            const DATA_TYPE: DataType = DataType::Decimal(crate::contract::DecimalType {
                precision: 38,
                scale: 0,
            });
            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut value = [0; $width];
                value.copy_from_slice(&bytes[..$width]);
                Self::from_le_bytes(value)
            }
            #[inline(always)]
            fn read_at(bytes: &[u8], index: usize) -> Self {
                Self::from_le_bytes(bytes.as_chunks::<$width>().0[index])
            }
            #[inline(always)]
            fn write(self, bytes: &mut [MaybeUninit<u8>]) {
                bytes[..$width].write_copy_of_slice(&self.to_le_bytes());
            }
            #[inline(always)]
            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}
raw! {
    i128, 16;
    crate::wide::I256, 32;
}
