//! Who is to blame when the guest breaks. A chunk that does it is halved until the one record stands alone; that one is
//! condemned when the guest has survived another call since. A guest that survives nothing is to blame itself.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    chunk::{Chunk, Trouble},
    deliver::{Called, Deliverer},
    edge::{End, Processor, Stage},
};
use crate::record::OnReject;

/// So often a chunk may break the guest before it is taken apart: the first time may have been chance.
const BREAKS_BEFORE_SPLIT: u32 = 2;
/// So many records in a row may be condemned with no call in between that the guest survived, if there is nothing else
/// to try it with.
const CONDEMNED_BLINDLY: usize = 3;

impl<P: Processor> Deliverer<'_, P> {
    pub(super) async fn broken(&mut self, chunk: &mut Chunk, reason: String) -> Called {
        self.metrics.failed.trap.inc_by(chunk.len() as u64);
        chunk.breaks += 1;
        let since = *chunk.broken_since.get_or_insert(chunk.tried);
        tracing::error!(
            topic = %self.policy.topic, records = chunk.len(), breaks = chunk.breaks, %reason, "the guest broke"
        );
        let trouble = Trouble { reason, after: None, general: true };
        if chunk.breaks < BREAKS_BEFORE_SPLIT {
            return Called::Again(trouble);
        }
        let reason = chunk.trouble.insert(trouble).reason.clone();
        if chunk.len() > 1 {
            return Called::Split;
        }
        // Where the connector stops at a bad record, no record can be wronged.
        let stops = self.policy.on_reject == OnReject::Stop;
        if stops || self.ledger.has_lived_since(since) {
            self.ledger.condemned(1);
            return self.settle(chunk.reject(Stage::Trap, &reason)).await.map_or(Called::Settled, Called::End);
        }
        Called::Suspect
    }

    /// The guest survived a call: what it did not survive is to blame. `Some`: nobody settles any more.
    pub(super) async fn guest_lives(&mut self) -> Option<End> {
        self.ledger.guest_lives();
        if self.suspects() > 0 { self.condemn_suspects().await } else { None }
    }

    async fn condemn_suspects(&mut self) -> Option<End> {
        let (guilty, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.suspect);
        self.waiting = VecDeque::from(others);
        let mut settlements = Vec::with_capacity(guilty.len());
        for mut chunk in guilty {
            let reason = chunk.trouble.take().map(|trouble| trouble.reason).unwrap_or_default();
            settlements.extend(chunk.reject(Stage::Trap, &reason));
        }
        self.settle(settlements).await
    }

    /// So many suspects, and nothing that the guest survived, make the guest the suspect. A parked lane tries two after
    /// the first pause, and one more after every other one: if the oldest ones are bad indeed, it gets past them.
    pub(super) fn suspects_allowed(&self) -> usize {
        if self.subscribed { 3 } else { 2 + self.ledger.fruitless() }
    }

    pub(super) fn suspects(&self) -> usize {
        self.waiting.iter().filter(|chunk| chunk.suspect).count()
    }

    /// The guest survives nothing that there is, so that it is not the records' fault, and they are kept until it survives
    /// something. Unless they are so few that chance may have brought them together: then they are condemned.
    pub(super) async fn suspect_the_guest(&mut self) -> Option<End> {
        let suspects = self.suspects();
        if suspects == self.waiting.len() && suspects + self.ledger.condemned_in_a_row() <= CONDEMNED_BLINDLY {
            self.ledger.condemned(suspects);
            return self.condemn_suspects().await;
        }
        let last = self.waiting.iter().rfind(|chunk| chunk.suspect).and_then(|chunk| chunk.trouble.as_ref());
        let reason = last.map(|trouble| &*trouble.reason).unwrap_or_default();
        let reason = format!("the component breaks on everything, tried with {suspects} records one by one: {reason}");
        for chunk in &mut self.waiting {
            chunk.suspect = false;
            chunk.due = Instant::now() + self.policy.max_backoff;
        }
        if !self.subscribed {
            self.ledger.guest_survived_nothing();
        }
        if self.policy.hold && self.subscribed {
            tracing::error!(topic = %self.policy.topic, %reason);
            return None;
        }
        Some(End::Parked { reason })
    }
}
