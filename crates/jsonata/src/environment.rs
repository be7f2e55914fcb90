//! What an evaluation gets from outside: the time, the dice, the dialect and a budget.
//!
//! An evaluation runs on one thread from beginning to end, so its environment stands in a thread-local for
//! as long as [`within`] runs. Budgets count steps and bytes, never time, so that the same evaluation ends
//! the same way on every machine.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What an evaluation gets from outside.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// `$now`, `$millis`: milliseconds since the epoch.
    pub now_millis: i64,
    /// Where `$random` and `$shuffle` begin.
    pub seed: u64,
    /// Whose rules hold.
    pub dialect: Dialect,
    /// Nodes, loop rounds and pieces of work inside of built-in functions.
    pub steps_max: u64,
    /// Bytes of one value; a number counts as eight, a character as one.
    pub value_bytes_max: u64,
    /// Bytes of all strings and arrays that the evaluation makes, kept or not.
    pub made_bytes_max: u64,
    /// Bytes that arrays, objects and functions take at any one time.
    pub held_bytes_max: i64,
}

/// Whose rules hold where versions of JSONata differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// jsonata-js 2.2.2.
    Plain,
    /// jsonata-js 2.0.6, as AWS Step Functions has it.
    States,
}

impl Environment {
    /// No time, no dice, no bounds but those of memory.
    pub const PLAIN: Environment = Environment {
        now_millis: 0,
        seed: 0,
        dialect: Dialect::Plain,
        steps_max: u64::MAX,
        value_bytes_max: u64::MAX,
        made_bytes_max: u64::MAX,
        held_bytes_max: i64::MAX,
    };
}

/// Why an evaluation was ended from outside. The messages begin with these.
pub const OUT_OF_STEPS: &str = "U1001: Expression evaluation timeout: Check for infinite loop";
/// A value is larger than allowed, or too much was made.
pub const OUT_OF_MEMORY: &str =
    "U1002: Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// What an evaluation is unwound with that ran out of its budget where no error could be given; one of the messages
/// above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted(pub &'static str);

thread_local! {
    static CURRENT: Cell<Environment> = const { Cell::new(Environment::PLAIN) };
    static STEPS_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static BYTES_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static HELD_BYTES_LEFT: Cell<i64> = const { Cell::new(i64::MAX) };
    static SERIAL: Cell<u64> = const { Cell::new(0) };
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// Patterns that an evaluation came upon. What a pattern costs to compile is counted the first time, so that the count
/// does not depend on what earlier evaluations left compiled.
#[derive(Debug, Default)]
pub struct Seen(HashSet<u64>);

impl Seen {
    /// Patterns that one evaluation may come back to as if they were compiled once; more are compiled each time.
    pub const MAX: usize = 64;
    /// Steps that it takes to compile a class of nearly all characters without case.
    pub const FOLDED_CLASS: usize = 20_000;

    /// Whether a pattern comes up for the first time.
    pub fn is_new(&mut self, pattern: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        pattern.hash(&mut hasher);
        let is_new = self.0.insert(hasher.finish());
        if self.0.len() > Seen::MAX {
            self.0.clear();
        }
        is_new
    }
}

/// Runs an evaluation in an environment. One that runs out of its budget may be unwound, with [`Exhausted`].
pub fn within<R>(environment: Environment, run: impl FnOnce() -> R) -> R {
    struct Restore(Environment, u64, u64, i64);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
            STEPS_LEFT.set(self.1);
            BYTES_LEFT.set(self.2);
            HELD_BYTES_LEFT.set(self.3);
        }
    }
    let _restore = Restore(
        CURRENT.replace(environment),
        STEPS_LEFT.replace(environment.steps_max),
        BYTES_LEFT.replace(environment.made_bytes_max),
        HELD_BYTES_LEFT.replace(environment.held_bytes_max),
    );
    SERIAL.set(SERIAL.get() + 1);
    SEEN.take();
    run()
}

/// A number that each evaluation of this thread has for itself.
pub(crate) fn serial() -> u64 {
    SERIAL.get()
}

/// Whether this evaluation comes upon a pattern for the first time.
pub(crate) fn is_new(pattern: &impl Hash) -> bool {
    SEEN.with_borrow_mut(|seen| seen.is_new(pattern))
}

/// Memory of the evaluation that somebody holds: taken when this is made or copied, given back when it is dropped. An
/// evaluation that has none left is unwound.
#[derive(Debug)]
pub(crate) struct Held(u32);

impl Held {
    /// An array of so many items.
    #[inline]
    pub(crate) fn items(count: usize) -> Held {
        Held::bytes(count.saturating_mul(64).saturating_add(64))
    }

    /// An object of so many members. To make it is work as well.
    #[inline]
    pub(crate) fn members(count: usize) -> Held {
        take_steps(1 + count / 4);
        Held::bytes(count.saturating_mul(128).saturating_add(192))
    }

    /// A function with what it keeps of its surroundings.
    pub(crate) fn function() -> Held {
        Held::bytes(1024)
    }

    #[inline]
    fn bytes(bytes: usize) -> Held {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let left = HELD_BYTES_LEFT.get().saturating_sub(i64::from(bytes));
        if left < 0 {
            std::panic::resume_unwind(Box::new(Exhausted(OUT_OF_MEMORY)));
        }
        HELD_BYTES_LEFT.set(left);
        Held(bytes)
    }
}

/// Of something empty.
impl Default for Held {
    fn default() -> Held {
        Held::items(0)
    }
}

/// Values are equal whatever they take.
impl PartialEq for Held {
    fn eq(&self, _: &Held) -> bool {
        true
    }
}

impl Clone for Held {
    fn clone(&self) -> Held {
        let bytes = self.0 as usize;
        take_steps(1 + bytes / 256);
        Held::bytes(bytes)
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        HELD_BYTES_LEFT.set(HELD_BYTES_LEFT.get().saturating_add(i64::from(self.0)));
    }
}

/// Whether 2.0.6's rules hold.
pub(crate) fn is_states() -> bool {
    CURRENT.get().dialect == Dialect::States
}

/// One step of work, or several.
#[inline]
pub fn steps(count: usize) -> Result<(), String> {
    let left = STEPS_LEFT.get();
    match left.checked_sub(count as u64) {
        Some(left) => {
            STEPS_LEFT.set(left);
            Ok(())
        }
        None => Err(OUT_OF_STEPS.to_owned()),
    }
}

/// Takes steps where no error can be given, as in a comparison: an evaluation that has none left is unwound.
#[inline]
pub(crate) fn take_steps(count: usize) {
    if steps(count).is_err() {
        std::panic::resume_unwind(Box::new(Exhausted(OUT_OF_STEPS)));
    }
}

/// An array of so many items is about to be made where no error can be given.
pub(crate) fn take_items(items: usize) {
    take(items.saturating_mul(8));
}

/// A value's container of so many members is about to be copied where no error can be given.
pub(crate) fn take_container(members: usize) {
    take(members.saturating_add(1).saturating_mul(64));
}

fn take(bytes: usize) {
    if hold(bytes).is_err() {
        std::panic::resume_unwind(Box::new(Exhausted(OUT_OF_MEMORY)));
    }
}

/// Steps that an evaluation within this environment has left.
pub fn steps_left() -> u64 {
    STEPS_LEFT.get()
}

/// A string or array of so many bytes is about to be made.
pub fn hold(bytes: usize) -> Result<(), String> {
    let bytes = bytes as u64;
    let left = BYTES_LEFT.get();
    if bytes > CURRENT.get().value_bytes_max || bytes > left {
        return Err(OUT_OF_MEMORY.to_owned());
    }
    BYTES_LEFT.set(left - bytes);
    Ok(())
}

/// An array of so many items is about to be made.
pub fn hold_items(items: usize) -> Result<(), String> {
    hold(items.saturating_mul(8))
}

/// The time that `$now` and `$millis` tell.
pub(crate) fn now_millis() -> f64 {
    CURRENT.get().now_millis as f64
}

/// A number in `[0, 1)`, another one each time (SplitMix64).
pub(crate) fn random() -> f64 {
    let mut environment = CURRENT.get();
    environment.seed = environment.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    CURRENT.set(environment);
    let mut z = environment.seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}
