//! What is held, told to others: all rows first, then those that have changed (SPEC.md, "DIGEST and FETCH").

use alloc::vec::Vec;

use crate::id::{LinkId, RequestId};
use crate::limits;
use crate::machine::Output;
use crate::wire::Frame;
use crate::wire::field::{List, encode_items};
use crate::wire::meeting::{Digest, Row};
use crate::wire::option::Options;

/// Sends rows, in as many DIGESTs as it takes: one, if there are none.
pub(crate) fn send_rows(link: LinkId, rows: &[Row], out: &mut Vec<Output>) {
    let mut rows = rows.iter().copied();
    loop {
        let (count, items) = encode_items(rows.by_ref(), limits::ROWS_MAX);
        let digest = Digest { rows: List::over(count, &items), options: Options::NONE };
        out.push(Output::Send { link, frame: Frame::from(digest).encode(RequestId::EVENT) });
        if rows.len() == 0 {
            return;
        }
    }
}
