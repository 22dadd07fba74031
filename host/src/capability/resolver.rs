//! Names to addresses. Whoever connects asks once, checks what came, and dials exactly that: who answers differently the
//! next time gains nothing.

use std::{fmt, io, net::IpAddr, sync::Arc};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

/// How many names a connector may look up at once. Each takes one of the host's few hundred threads, for as long as the
/// name's servers keep the system's resolver waiting, and those may be the guest's friends.
const AT_ONCE: usize = 8;

type Answer = BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// Where a connector's names are looked up. Clones ask the same, and wait for each other.
#[derive(Clone)]
pub struct Resolver {
    ask: Arc<dyn Fn(String) -> Answer + Send + Sync>,
    places: Arc<Semaphore>,
}

impl Resolver {
    /// The machine's own resolver, with its hosts file and search domains.
    pub fn system() -> Self {
        Self::from_fn(|name| async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|at| at.ip()).collect()) })
    }

    /// Something else that answers.
    pub fn from_fn<A>(lookup: impl Fn(String) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        Self { ask: Arc::new(move |name| Box::pin(lookup(name))), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The addresses of `name`, as they came. Waits until few enough others are under way; one that was begun has its place
    /// until it is answered, and not only until its caller loses interest.
    ///
    /// # Errors
    /// There is no such name, or no answer.
    pub async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let place = self.places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let answer = (self.ask)(name.to_owned());
        let asking = tokio::spawn(async move {
            let _place = place;
            answer.await
        });
        asking.await.map_err(io::Error::other)?
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lookups_that_are_given_up_keep_their_places() {
        let (asked, answer) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let (count, wait) = (asked.clone(), answer.clone());
        let slow = Resolver::from_fn(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let wait = wait.clone();
            async move {
                wait.notified().await;
                Ok(vec!["1.1.1.1".parse().unwrap()])
            }
        });
        for n in 0..5 * AT_ONCE {
            let name = format!("{n}.x.example");
            assert!(tokio::time::timeout(Duration::from_millis(5), slow.lookup(&name)).await.is_err());
        }
        assert_eq!(asked.load(Ordering::SeqCst), AT_ONCE);
        answer.notify_waiters();
        let answered = async {
            while asked.load(Ordering::SeqCst) <= AT_ONCE {
                tokio::task::yield_now().await;
            }
            answer.notify_one();
        };
        assert_eq!(tokio::join!(slow.lookup("last.x.example"), answered).0.unwrap().len(), 1);
    }
}
