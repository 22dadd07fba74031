//! Which thread a connector's work runs on. Work that keeps a thread of the runtime busy goes on where only it is: on a thread
//! of its own. If it does not even make room between its turns, such as a guest that spins, the thread gets a low priority,
//! and the system interrupts it for everybody else. Once it has calmed down it comes back.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use prometheus_client::metrics::counter::Counter;
use std::sync::atomic::AtomicU64;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Seconds that work kept a thread busy.
pub(crate) type BusySeconds = Counter<f64, AtomicU64>;

/// How long work is watched before it is judged.
const WINDOW: Duration = Duration::from_millis(100);
/// So much of a window is too much on a thread that others need. A guest that spins is interrupted every 10 ms and then
/// goes on, so that it is found after a few turns.
const HOGS: Duration = Duration::from_millis(20);
/// A turn as long as this makes others wait. A guest that spins takes twice as long.
const LONG_TURN: Duration = Duration::from_millis(5);
/// So much of a long window, in however short turns, is nearly all of a processor. Lanes that only have much to do leave
/// more to the broker's connections, and keep their priority.
const MOST: Duration = Duration::from_millis(700);
/// It has calmed down when a whole long window saw no more than this.
const CALM_WINDOW: Duration = Duration::from_secs(1);
const CALM: Duration = Duration::from_millis(50);
/// What the system is told about a thread of its own: it gets about a tenth of what a normal one gets, if both want it.
const NICE: i32 = 10;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The threads that work of one host has for itself. They must not outlive the runtime, whose timers they use.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    _running: mpsc::Sender<Infallible>,
}

/// Ends when all clones of the [`Threads`] are gone, and all threads with them.
#[derive(Debug)]
pub(crate) struct ThreadsEnded(mpsc::Receiver<Infallible>);

impl Threads {
    pub(crate) fn new() -> (Self, ThreadsEnded) {
        let (running, ended) = mpsc::channel(1);
        (Self { _running: running }, ThreadsEnded(ended))
    }
}

impl ThreadsEnded {
    pub(crate) async fn wait(mut self) {
        let _: Option<Infallible> = self.0.recv().await;
    }
}

/// Runs work where it disturbs nobody. Dropped, the work is dropped, wherever it is.
pub(crate) fn placed<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    busy: BusySeconds,
    threads: Threads,
) -> impl Future<Output = T> + Send {
    moving(Box::pin(work), busy, threads)
}

async fn moving<T: Send + 'static>(mut work: Work<T>, busy: BusySeconds, threads: Threads) -> T {
    loop {
        work = match (Stay { work: Some(work), meter: Meter::of_a_worker(), busy: busy.clone() }).await {
            Turn::Done(done) => return done,
            Turn::Move(work) => work,
        };
        work = match on_own_thread(work, busy.clone(), threads.clone()).await {
            Turn::Done(done) => return done,
            Turn::Move(work) => work,
        };
    }
}

enum Turn<T> {
    Done(T),
    Move(Work<T>),
}

/// Polls work on this thread, until it is done or belongs on another one.
struct Stay<T> {
    work: Option<Work<T>>,
    meter: Meter,
    busy: BusySeconds,
}

impl<T> Future for Stay<T> {
    type Output = Turn<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Turn<T>> {
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let begun = Instant::now();
        let polled = work.as_mut().poll(context);
        let now = Instant::now();
        let took = now - begun;
        self.busy.inc_by(took.as_secs_f64());
        self.meter.heed(took);
        match polled {
            Poll::Ready(done) => Poll::Ready(Turn::Done(done)),
            Poll::Pending if self.meter.says_move(now, took) => Poll::Ready(Turn::Move(work)),
            Poll::Pending => {
                self.work = Some(work);
                Poll::Pending
            }
        }
    }
}

/// How busy work keeps a thread.
struct Meter {
    begun: Instant,
    busy: Duration,
    on_own_thread: bool,
    /// Whether the thread has a low priority.
    low: bool,
}

impl Meter {
    fn of_a_worker() -> Self {
        Self { begun: Instant::now(), busy: Duration::ZERO, on_own_thread: false, low: false }
    }

    fn of_an_own_thread() -> Self {
        Self { on_own_thread: true, ..Self::of_a_worker() }
    }

    /// Lowers the priority of a thread of its own, for good, if the work makes no room on it.
    fn heed(&mut self, took: Duration) {
        let crowds = took >= LONG_TURN || self.busy + took >= MOST;
        if self.on_own_thread && !self.low && crowds {
            lower_priority();
            self.low = true;
        }
    }

    /// Counts a turn that ended now, and says whether the work belongs elsewhere.
    fn says_move(&mut self, now: Instant, took: Duration) -> bool {
        self.busy += took;
        let window = if self.on_own_thread { CALM_WINDOW } else { WINDOW };
        let over = now - self.begun >= window;
        let moves = if self.on_own_thread { over && self.busy <= CALM } else { self.busy >= HOGS };
        if over {
            (self.begun, self.busy) = (now, Duration::ZERO);
        }
        moves
    }
}

/// Polls work on a thread of its own, until it is done or has calmed down. If there is no thread to be had, it goes on
/// where it was.
async fn on_own_thread<T: Send + 'static>(work: Work<T>, busy: BusySeconds, threads: Threads) -> Turn<T> {
    let (ended, turn) = oneshot::channel();
    // A closure that could not be started would be dropped with what it owns.
    let slot = Arc::new(Mutex::new(Some(work)));
    let (theirs, runtime) = (slot.clone(), Handle::current());
    let take = |slot: &Mutex<Option<Work<T>>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let spawned = thread::Builder::new().name("busy-connector".into()).spawn(move || {
        let Some(work) = take(&theirs) else { return };
        let stay = Stay { work: Some(work), meter: Meter::of_an_own_thread(), busy };
        run(&runtime, stay, ended);
        drop(threads);
    });
    match spawned {
        Ok(_) => match turn.await {
            Ok(Ok(turn)) => turn,
            Ok(Err(panic)) => resume_unwind(panic),
            // The thread answers before it ends.
            Err(_) => std::future::pending().await,
        },
        Err(error) => match take(&slot) {
            Some(work) => {
                tracing::warn!(%error, "no thread to be had for a connector that keeps one busy");
                Turn::Move(work)
            }
            None => std::future::pending().await,
        },
    }
}

/// Ends early, with the work dropped, when nobody waits for it any more.
fn run<T: Send>(runtime: &Handle, stay: Stay<T>, mut ended: oneshot::Sender<thread::Result<Turn<T>>>) {
    let turn = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                turn = stay => Some(turn),
                () = ended.closed() => None,
            }
        })
    }));
    if let Some(turn) = turn.transpose() {
        // If nobody waits any more, it is dropped.
        let _ = ended.send(turn);
    }
}

/// Of this thread; on Linux, priorities are those of threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "could not lower the priority of a thread");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    fn thread_name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn quick_work_stays_where_it_is() {
        let here = thread_name();
        let work = async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            thread_name()
        };
        assert_eq!(placed(work, BusySeconds::default(), Threads::new().0).await, here);
    }

    #[tokio::test]
    async fn work_that_keeps_a_thread_busy_gets_one_of_its_own_and_comes_back_when_it_is_calm() {
        let here = thread_name();
        let busy = BusySeconds::default();
        let work = async {
            while thread_name() != "busy-connector" {
                spin(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
            while thread_name() == "busy-connector" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            thread_name()
        };
        assert_eq!(placed(work, busy.clone(), Threads::new().0).await, here);
        assert!(busy.get() >= HOGS.as_secs_f64());
    }

    #[tokio::test]
    async fn work_on_its_own_thread_ends_with_whoever_waits_for_it() {
        let (alive, ended) = oneshot::channel::<()>();
        let (threads, threads_ended) = Threads::new();
        let spinning = tokio::spawn(placed(
            async move {
                let _alive = alive;
                loop {
                    spin(Duration::from_millis(5));
                    tokio::task::yield_now().await;
                }
            },
            BusySeconds::default(),
            threads,
        ));
        tokio::time::sleep(Duration::from_millis(100)).await;
        spinning.abort();
        ended.await.unwrap_err();
        threads_ended.wait().await;
    }

    #[tokio::test]
    async fn a_panic_on_its_own_thread_is_a_panic_of_the_work() {
        let work = async {
            while thread_name() != "busy-connector" {
                spin(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
            panic!("on purpose");
        };
        let ended = tokio::spawn(placed::<()>(work, BusySeconds::default(), Threads::new().0)).await;
        let panic = ended.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    }
}
