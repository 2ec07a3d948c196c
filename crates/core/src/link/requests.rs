//! Requests of one side that wait for their replies.

use alloc::vec::Vec;

use crate::id::RequestId;

/// A set of few, mostly of none: then it owns nothing, where an emptied tree keeps a leaf.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Vec<RequestId>);

impl Requests {
    /// False if it is there already.
    pub(super) fn insert(&mut self, id: RequestId) -> bool {
        let is_new = !self.0.contains(&id);
        self.0.extend(is_new.then_some(id));
        is_new
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: RequestId) -> bool {
        let Some(at) = self.0.iter().position(|open| *open == id) else { return false };
        self.0.swap_remove(at);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        true
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_none_owns_nothing() {
        let mut requests = Requests::default();
        assert!(requests.insert(RequestId(1)) && requests.insert(RequestId(2)) && !requests.insert(RequestId(1)));
        assert_eq!(requests.len(), 2);
        assert!(requests.remove(RequestId(1)) && !requests.remove(RequestId(1)));
        assert!(!requests.is_empty() && requests.remove(RequestId(2)) && requests.is_empty());
        assert_eq!(requests.0.capacity(), 0);
    }
}
