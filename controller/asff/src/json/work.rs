//! What the scanner keeps of a text: where its strings end, and the keys around the place.

use wide::u8x16;

/// A key of an object that is being read: its hash, and where it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) hash: u64,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Memory to work with, kept from one text to the next.
#[derive(Debug, Default)]
pub struct Work {
    /// Keys of the objects around the place, outermost first.
    pub(super) keys: Vec<Key>,
    /// A bit for each byte that is a quotation mark or a backslash: the ends of strings are found without looking at them.
    marks: Vec<u64>,
    /// There are control characters, which strings must not have.
    pub(super) control: bool,
}

impl Work {
    /// Looks at all bytes of a text, many at once.
    pub(super) fn mark(&mut self, text: &[u8]) {
        const LANES: usize = 16;
        const WORD: usize = 64;
        self.keys.clear();
        self.marks.clear();
        let (quote, backslash, last_control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(b' ' - 1));
        let mut control = u8x16::splat(0);
        for block in text.chunks(WORD) {
            let mut word = 0;
            for (at, chunk) in block.chunks(LANES).enumerate() {
                let lanes = chunk.first_chunk::<LANES>().copied().unwrap_or_else(|| {
                    // No control character, and no mark.
                    let mut lanes = [b' '; LANES];
                    lanes.iter_mut().zip(chunk).for_each(|(lane, byte)| *lane = *byte);
                    lanes
                });
                let lanes = u8x16::from(lanes);
                let marks = lanes.simd_eq(quote) | lanes.simd_eq(backslash);
                control |= lanes.min(last_control).simd_eq(lanes);
                word |= u64::from(marks.to_bitmask()) << (at * LANES);
            }
            self.marks.push(word);
        }
        self.control = control.to_bitmask() != 0;
    }

    /// The first mark from a place on.
    #[inline]
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        const BITS: usize = u64::BITS as usize;
        let (mut word, bit) = (from / BITS, from % BITS);
        let mut marks = self.marks.get(word)? & (u64::MAX << bit);
        while marks == 0 {
            word += 1;
            marks = *self.marks.get(word)?;
        }
        Some(word * BITS + marks.trailing_zeros() as usize)
    }
}

/// Mixes the ends of a key: keys of one object seldom agree in both, and it only costs time if they do.
#[inline]
pub(super) fn hash(key: &[u8]) -> u64 {
    let (first, last) = if let (Some(first), Some(last)) = (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else {
        let at = |index: usize| u64::from(key.get(index).copied().unwrap_or_default());
        (at(0) | at(1) << 8, at(2))
    };
    (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
