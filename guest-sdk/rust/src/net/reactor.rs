//! Runs a future in a call: polls it, waits for what it waits for, polls it again.

use std::{
    cell::RefCell,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use wasip2::{
    clocks::monotonic_clock::subscribe_duration,
    io::poll::{Pollable, poll},
};

std::thread_local! {
    /// Whoever waits, and for what. All of an instance runs on one thread.
    static WAITING: RefCell<Vec<(Rc<Pollable>, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// Something to wait for. Must be dropped before the stream or socket that it belongs to.
pub(super) struct Interest(Rc<Pollable>);

impl Interest {
    pub(super) fn new(pollable: Pollable) -> Self {
        Self(Rc::new(pollable))
    }

    /// Wakes the task once it is ready. Says so at once if it is.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.0.ready() {
            return Poll::Ready(());
        }
        WAITING.with_borrow_mut(|waiting| {
            let waker = context.waker().clone();
            match waiting.iter_mut().find(|(pollable, _)| Rc::ptr_eq(pollable, &self.0)) {
                Some(known) => known.1 = waker,
                None => waiting.push((Rc::clone(&self.0), waker)),
            }
        });
        Poll::Pending
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        // What it belongs to may not go before it.
        let gone = WAITING.with_borrow_mut(|waiting| {
            let place = waiting.iter().position(|(pollable, _)| Rc::ptr_eq(pollable, &self.0))?;
            Some(waiting.swap_remove(place))
        });
        drop(gone);
    }
}

/// Whether the task was woken since it was polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end.
///
/// # Panics
///
/// When the future waits for nothing that could ever happen.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        if !woken.0.swap(false, Ordering::Relaxed) {
            wait();
        }
    }
}

/// Waits until something is ready, and wakes those who waited for it.
fn wait() {
    let pollables: Vec<_> =
        WAITING.with_borrow(|waiting| waiting.iter().map(|(pollable, _)| Rc::clone(pollable)).collect());
    assert!(!pollables.is_empty(), "a future waits for nothing that could ever happen");
    let ready = poll(&pollables.iter().map(Rc::as_ref).collect::<Vec<_>>());
    let wakers = WAITING.with_borrow_mut(|waiting| {
        let mut index = 0..;
        let is_ready = |_: &mut (Rc<Pollable>, Waker)| index.next().is_some_and(|index| ready.contains(&index));
        waiting.extract_if(.., is_ready).map(|(_, waker)| waker).collect::<Vec<_>>()
    });
    drop(pollables);
    wakers.into_iter().for_each(Waker::wake);
}

/// Ends after a while.
pub struct Sleep(Interest);

/// Waits for so long.
pub fn sleep(duration: Duration) -> Sleep {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Sleep(Interest::new(subscribe_duration(nanoseconds)))
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context)
    }
}
