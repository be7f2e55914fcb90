//! Whole numbers that a double does not hold, and that go through an evaluation unchanged.
//!
//! Numbers here are doubles, as in JavaScript. AWS keeps whole numbers of 64 bits as they came, so that an id
//! or a time in nanoseconds leaves a state as it entered it. So each such number that is read is remembered
//! beside the double that stands for it, and written in its place wherever that double is written. Where two
//! of them share a double there is no telling, and the double is written.

use std::cell::RefCell;
use std::collections::HashMap;

/// The numbers that evaluations on the same data have read, by the bits of their doubles.
#[derive(Debug, Default)]
pub struct Integers(HashMap<u64, Option<i64>>);

thread_local! {
    static READ: RefCell<Option<Integers>> = const { RefCell::new(None) };
}

/// From here on a double does not hold every whole number.
const FIRST: u64 = 1 << 53;

/// Reads and writes within `run` are of the data that `known` knows of, and add to it.
pub fn within<R>(known: &mut Integers, run: impl FnOnce() -> R) -> R {
    struct Return<'k>(&'k mut Integers, Option<Integers>);
    impl Drop for Return<'_> {
        fn drop(&mut self) {
            *self.0 = READ.replace(self.1.take()).unwrap_or_default();
        }
    }
    let outer = READ.replace(Some(std::mem::take(known)));
    let _return = Return(known, outer);
    run()
}

/// The double that stands for a number that was read.
pub(crate) fn read(number: i64) -> f64 {
    let double = number as f64;
    if number.unsigned_abs() >= FIRST {
        READ.with_borrow_mut(|read| {
            if let Some(Integers(read)) = read {
                let known = read.entry(double.to_bits()).or_insert(Some(number));
                if *known != Some(number) {
                    *known = None;
                }
            }
        });
    }
    double
}

/// The number that was read as this double, if there was one and no other.
pub fn of(double: f64) -> Option<i64> {
    if double.abs() < FIRST as f64 {
        return None;
    }
    READ.with_borrow(|read| read.as_ref()?.0.get(&double.to_bits()).copied().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_where_it_was_read_and_alone() {
        let (id, near) = (9_007_199_254_740_993, 9_007_199_254_740_992);
        let mut known = Integers::default();
        assert_eq!(of(read(id)), None);
        within(&mut known, || {
            assert_eq!(of(read(id)), Some(id));
            assert_eq!(of(read(7)), None);
            within(&mut Integers::default(), || assert_eq!(of(id as f64), None));
        });
        within(&mut known, || {
            assert_eq!(of(id as f64), Some(id));
            assert_eq!(of(read(near)), None);
        });
        assert_eq!(of(id as f64), None);
    }
}
