//! The line of leases by itself.

use super::*;
use crate::registry::leases::Leases;
use crate::registry::slot::Slot;
use crate::registry::slots::{SlotId, Slots};
use core::net::{IpAddr, Ipv4Addr};

#[test]
fn registry_9_though_the_clock_is_late_leases_are_over_in_the_order_of_their_ends() {
    let (mut slots, mut leases) = (Slots::default(), Leases::default());
    let mut hold = |seed| {
        let signed = draft(seed, "Friday").sign(1, UNTIL, &reach(1, &[]), &identity(seed)).unwrap();
        slots.insert(Slot::new(&decode_all(&signed).unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST)))
    };
    let [renewed, short, long] = [1, 2, 3].map(&mut hold);
    for (slot, ends) in [(renewed, 10), (short, 20), (long, 50), (renewed, 30)] {
        leases.arm(slot, Instant(ends), &mut slots);
    }
    leases.assert_invariants(&slots);
    let mut over = |now| -> Vec<SlotId> {
        core::iter::from_fn(|| {
            let slot = leases.due(Instant(now), &mut slots)?;
            leases.disarm(slot, &slots.remove(slot).unwrap());
            Some(slot)
        })
        .collect()
    };
    assert_eq!(over(9), []);
    assert_eq!(over(40), [short, renewed]);
    assert_eq!(over(50), [long]);
}
