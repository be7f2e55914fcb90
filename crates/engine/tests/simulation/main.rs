//! The real engine over the real store, from one seed: the clock is ours, the workers are scripted, the store
//! fails before and after it writes, callers walk away, and the process dies between any two awaits.
//!
//! `cargo test -p engine --test simulation` runs a few hundred seeds, `SEEDS_COUNT=5000` so many,
//! `SEEDS=1000000..1005000` those, and `SEEDS=42` replays one; a failure prints the seed it died on.
//! `--profile simulation` is ten times as fast.

mod clocks;
mod faults;
mod journals;
mod machines;
mod map_runs;
mod pipelines;
mod properties;
mod stories;
mod upkeep;
mod workers;
mod world;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Goal: whatever fails, every execution that was acknowledged ends as if nothing had failed.
#[test]
fn ends_as_if_nothing_had_failed() {
    let seeds = seeds(0..200);
    let next = AtomicU64::new(seeds.start);
    let one_after_the_other = || {
        // Stores on a disk read much at once on threads of their own.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let _entered = runtime.enter();
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < seeds.end
        {
            let died = DiedOn(seed);
            let expected = World::new(seed, false).run();
            let found = World::new(seed, true).run();
            properties::same_ends(&expected, &found);
            std::mem::forget(died);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(one_after_the_other);
        }
    });
}

/// Tells which seed a panic belongs to.
struct DiedOn(u64);

impl Drop for DiedOn {
    fn drop(&mut self) {
        eprintln!(
            "seed {0}; replay with: SEEDS={0} cargo test -p engine --test simulation ends_as",
            self.0
        );
    }
}

fn seeds(usual: Range<u64>) -> Range<u64> {
    let number = |text: &str| text.parse().expect("SEEDS is a number or FROM..UNTIL");
    let Ok(asked) = std::env::var("SEEDS") else {
        return match std::env::var("SEEDS_COUNT") {
            Ok(count) => usual.start..usual.start + number(&count),
            Err(_) => usual,
        };
    };
    match asked.split_once("..") {
        Some((from, until)) => number(from)..number(until),
        None => number(&asked)..number(&asked) + 1,
    }
}
