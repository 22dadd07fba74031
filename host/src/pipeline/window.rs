//! How many unanswered records the broker hands out at most, learned from what arrives: it can't be asked, and setting
//! it has no effect on today's brokers. A lane that holds a whole window must not wait for its flush timer, because
//! nothing more will come.

use std::time::Duration;

use tokio::time::Instant;

/// The broker's default, a good first guess: if it is wrong, more records come and correct it.
const FIRST_GUESS: usize = 10;
/// How long nothing may come before a guess is believed.
pub(super) const GRACE: Duration = Duration::from_millis(5);
/// Records that come this soon after an answer were waiting for it.
pub(super) const SOON: Duration = Duration::from_millis(20);

/// Whether the broker has more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// It may have.
    Open,
    /// It looks as if it had not; wait [`GRACE`] and see.
    Maybe,
    /// It has not.
    Full,
}

/// The estimate.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    believed: bool,
    stall: Option<Stall>,
}

/// The flush timer went off with this many records in hand: perhaps because the window is smaller than thought.
#[derive(Debug)]
struct Stall {
    size: usize,
    first_after: Option<Instant>,
    came: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { size: FIRST_GUESS, believed: false, stall: None }
    }

    pub(super) fn fill(&self, in_hand: usize) -> Fill {
        match (in_hand >= self.size, self.believed) {
            (false, _) => Fill::Open,
            (true, false) => Fill::Maybe,
            (true, true) => Fill::Full,
        }
    }

    /// Whether so many records are half of a window that is known.
    pub(super) fn is_half(&self, records: usize) -> bool {
        self.believed && records >= self.size.div_ceil(2)
    }

    /// A record came, and there are now `in_hand` unanswered ones. It may have waited for an answer, or not: then it was
    /// not the window that held it back, and what looked like one may have been the size of a burst.
    pub(super) fn received(&mut self, in_hand: usize, waited: bool, now: Instant) {
        if in_hand > self.size {
            self.size = in_hand;
            self.believed = false;
        }
        if in_hand == 1 && !waited {
            self.believed = false;
            self.stall = None;
        }
        self.check_stall(in_hand, now);
    }

    /// Nothing came for [`GRACE`] after `fill` said [`Fill::Maybe`].
    pub(super) fn nothing_came(&mut self) {
        self.believed = true;
    }

    /// The flush timer went off with `in_hand` unanswered records.
    pub(super) fn timer_flushed(&mut self, in_hand: usize) {
        self.stall = (in_hand < self.size).then_some(Stall { size: in_hand, first_after: None, came: 0 });
    }

    /// If a burst follows the answers to a timed flush, the broker was holding records back: its window is as small as
    /// what was in hand then.
    fn check_stall(&mut self, in_hand: usize, now: Instant) {
        let Some(stall) = &mut self.stall else { return };
        if in_hand > stall.size {
            self.stall = None;
            return;
        }
        let first = *stall.first_after.get_or_insert(now);
        if now.duration_since(first) > SOON {
            self.stall = None;
            return;
        }
        stall.came += 1;
        if stall.came >= stall.size.div_ceil(2).max(2) {
            self.size = stall.size;
            self.believed = true;
            self.stall = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive_up_to(window: &mut Window, from: usize, to: usize, now: Instant) {
        for in_hand in from..=to {
            window.received(in_hand, true, now);
        }
    }

    #[test]
    fn the_default_window_is_believed_after_one_pause() {
        let mut window = Window::new();
        receive_up_to(&mut window, 1, 9, Instant::now());
        assert_eq!(window.fill(9), Fill::Open);
        window.received(10, true, Instant::now());
        assert_eq!(window.fill(10), Fill::Maybe);
        window.nothing_came();
        assert_eq!(window.fill(10), Fill::Full);
    }

    #[test]
    fn a_larger_window_shows_itself() {
        let mut window = Window::new();
        receive_up_to(&mut window, 1, 10, Instant::now());
        window.nothing_came();
        receive_up_to(&mut window, 11, 64, Instant::now());
        assert_eq!(window.fill(63), Fill::Open);
        assert_eq!(window.fill(64), Fill::Maybe);
    }

    #[test]
    fn a_smaller_window_is_learned_from_one_timed_flush() {
        let mut window = Window::new();
        let now = Instant::now();
        receive_up_to(&mut window, 1, 4, now);
        window.timer_flushed(4);
        receive_up_to(&mut window, 1, 2, now + Duration::from_millis(3));
        assert_eq!(window.fill(4), Fill::Full);
        assert_eq!(window.fill(3), Fill::Open);
    }

    #[test]
    fn slow_traffic_does_not_look_like_a_small_window() {
        let mut window = Window::new();
        let now = Instant::now();
        receive_up_to(&mut window, 1, 4, now);
        window.timer_flushed(4);
        window.received(1, true, now + Duration::from_millis(50));
        window.received(2, true, now + Duration::from_millis(100));
        window.received(3, true, now + Duration::from_millis(101));
        assert_eq!(window.fill(4), Fill::Open);
    }

    #[test]
    fn bursts_do_not_look_like_windows_of_their_size() {
        let mut window = Window::new();
        let now = Instant::now();
        receive_up_to(&mut window, 1, 40, now);
        window.nothing_came();
        assert!(window.is_half(20));
        // All is answered, nothing came soon after that, and then the next burst.
        window.received(1, false, now);
        assert!(!window.is_half(20));
        receive_up_to(&mut window, 2, 40, now);
        assert_eq!(window.fill(40), Fill::Maybe);

        receive_up_to(&mut window, 1, 4, now);
        window.timer_flushed(4);
        window.received(1, false, now);
        receive_up_to(&mut window, 2, 4, now);
        assert_eq!(window.fill(4), Fill::Open);
    }
}
