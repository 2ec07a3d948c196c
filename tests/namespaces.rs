//! Two machines on one cable: no route leads anywhere else, and one of them may have a VPN, or neither IPv4.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use serde_json::json;
use support::namespaces::{Families, Machines};

#[test]
fn who_listens_at_an_address_of_the_cable_is_met_from_the_other_machine() {
    for families in [Families::Both, Families::Four, Families::Six] {
        let Some(machines) = Machines::connect(families) else { return };
        let listen = format!("{}:7473", machines.address(0));
        let mut ada = machines.start(0, "ada", &["--no-registry", "host", "T", "--lecture", "--listen", &listen]);
        ada.wait("ready");
        let mut bea = machines.start(1, "bea", &["--no-registry", "join", &listen]);
        bea.wait("ready");
        ada.send(&json!({"command": "say", "text": "over the cable"}));
        assert_eq!(bea.wait("message")["text"], "over the cable", "{families:?}");
    }
}
