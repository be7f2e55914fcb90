//! Bytes as decisions: what proptest shrinks to fewer and smaller bytes becomes a smaller machine.

/// Decisions from bytes. When they are used up, every decision is the first one.
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes }
    }

    /// One of so many.
    pub fn of(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % count
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        // 0 is "no", so that what is left out is left out when bytes are shrunk.
        self.of(100) >= 100 - percent
    }

    pub fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.of(among.len())].clone()
    }
}
