//! What a session could not settle. Most of it goes back to the broker and comes again; what must not go back once more is
//! kept and worked off while the lane is parked.

use std::collections::VecDeque;

use super::{chunk::Chunk, ledger::Ledger, settle::Unsettled};
use crate::{broker::Receipt, record::Order};

/// A record that the broker has sent so often is not given back: it would send it a few times more (6 in all by default,
/// restarts of the host included) and then block the subscription for good.
const DELIVERIES_BEFORE_KEEPING: u32 = 2;

/// So often records that the guest did not survive may go back all the same.
const DELIVERIES_FOR_COMPANY: u32 = 3;

/// Chunks that were not written, and rejected records whose dead letters could not be published.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) chunks: VecDeque<Chunk>,
    pub(crate) letters: Unsettled,
}

impl Held {
    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum::<usize>() + self.letters.len()
    }

    /// Whether nothing here can show that the guest works, and the broker may send it a few times more: in the company of
    /// newer records, one of which may show it.
    pub(crate) fn needs_company(&self, ledger: &Ledger) -> bool {
        let may_go_back =
            |chunk: &Chunk| chunk.owed.iter().all(|owed| ledger.deliveries(&owed.receipt) <= DELIVERIES_FOR_COMPANY);
        let tried = ledger.fruitless() > self.chunks.len();
        tried && self.letters.is_empty() && self.chunks.iter().all(may_go_back)
    }

    /// Lets go of what may come again: a chunk that broke the guest stays, so that what is known of it is not lost, and
    /// so do records that were sent too often. Where the order counts, whatever stands before one that stays, stays too.
    pub(crate) fn keep(mut self, ledger: &Ledger) -> Self {
        let stays = |broken: bool, receipt: &Receipt| broken || ledger.deliveries(receipt) >= DELIVERIES_BEFORE_KEEPING;
        let mut stays_behind = false;
        for chunk in self.chunks.iter_mut().rev() {
            let broken = chunk.has_broken();
            match chunk.batch.order {
                Order::Any | Order::ByKey => chunk.retain(|receipt| stays(broken, receipt)),
                Order::Strict if stays_behind => {}
                Order::Strict => chunk.truncate_behind_last(|receipt| stays(broken, receipt)),
            }
            stays_behind |= !chunk.is_empty();
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self
    }
}
