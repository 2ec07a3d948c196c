#![no_main]

use tertulia_testkit::fuzz::{frame, read};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let cost = allocation_counter::measure(|| read(input));
    assert_eq!(cost.count_total, 0, "decoding allocates nothing");
    frame(input);
});
