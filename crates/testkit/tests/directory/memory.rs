//! What a registry takes of the memory.

use allocation_counter::measure;
use tertulia_testkit::stock::{Publication, Stock};

#[test]
fn a_record_takes_no_more_than_a_kilobyte_with_all_by_which_it_is_found_and_its_publishers_link() {
    let records = 20_000;
    let mut kept = None;
    let cost = measure(|| {
        let mut stock = Stock::default();
        for number in 0..records {
            stock.add(number, &Publication::numbered(number));
        }
        kept = Some(stock);
    });
    assert_eq!(kept.map(|stock| stock.server.len()), Some(records));
    let each = cost.bytes_max / records as u64;
    println!("{each} bytes a record");
    assert!(each <= 1_000, "{each} bytes a record");
}
