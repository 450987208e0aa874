//! Fuzzes every parser of untrusted input. A target asserts what must hold for any input, and returns
//! whether the parser accepted it. An ordinary test run uses the same inputs each time. More inputs,
//! different each time:
//! `FUZZ_INPUTS=10000000 cargo test --release -p fuzz-tests -- --ignored --nocapture`.
//!
//! To add one: a file in `targets`, and a line in [`TARGETS`]. An input that fails becomes a seed.
#![expect(clippy::unwrap_used, reason = "a target that cannot go on has found something")]
mod generator;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Instant, SystemTime};

use generator::Generator;
use targets::{changes, names, parameters, push_options, quarantine, ssh_keys, tokens};

/// A parser under test.
struct Target {
    name: &'static str,
    /// Inputs to start from.
    seeds: &'static [&'static [u8]],
    /// Words that are special to the parser.
    words: &'static [&'static str],
    /// Panics if an assertion fails; returns whether the parser accepted the input.
    run: fn(&[u8]) -> bool,
}

const TARGETS: &[Target] = &[
    parameters::TARGET,
    changes::TARGET,
    names::GL_REPOSITORY,
    names::GIT_PATH,
    ssh_keys::TARGET,
    push_options::TARGET,
    quarantine::TARGET,
    tokens::TARGET,
];

/// The number of inputs of each target in an ordinary test run.
const INPUTS: usize = 20_000;

/// Runs a target, and returns the number of accepted inputs.
fn feed(target: &Target, seed: u64, inputs: usize) -> usize {
    let mut generator = Generator::new(seed, target.seeds, target.words);
    let mut taken = 0;
    for number in 0..inputs {
        let input = generator.next_input(number);
        let Ok(yes) = catch_unwind(AssertUnwindSafe(|| (target.run)(&input))) else {
            panic!("{} failed with b\"{}\" (seed {seed})", target.name, input.escape_ascii());
        };
        taken += usize::from(yes);
    }
    taken
}

/// Checks that some inputs are accepted and some are rejected.
fn check(target: &Target, seed: u64, inputs: usize) -> usize {
    let taken = feed(target, seed, inputs);
    assert!((inputs / 100..inputs).contains(&taken), "{} has taken {taken} of {inputs}", target.name);
    taken
}

#[test]
fn random_input_causes_no_panic() {
    for target in TARGETS {
        let taken = check(target, 1, INPUTS);
        println!("{}: {taken} of {INPUTS} taken", target.name);
    }
}

#[test]
#[ignore = "long: see docs/CONTRIBUTING.md"]
fn long_run() {
    let inputs = std::env::var("FUZZ_INPUTS").map_or(10_000_000, |number| number.parse().unwrap());
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let each = inputs / TARGETS.len() + 1;
    let started = Instant::now();
    std::thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(move || {
                let started = Instant::now();
                let taken = check(target, seed, each);
                println!("{}: {taken} of {each} taken, {:.1?}", target.name, started.elapsed());
            });
        }
    });
    println!("{} inputs from seed {seed}: {:.1?}", each * TARGETS.len(), started.elapsed());
}
