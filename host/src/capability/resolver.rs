//! Names to addresses. Whoever connects asks once, checks what came, and dials exactly that: who answers differently the
//! next time gains nothing.

use std::{fmt, io, net::IpAddr, sync::Arc};

use futures::future::BoxFuture;

type Answer = BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// Where names are looked up. Clones ask the same.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(String) -> Answer + Send + Sync>);

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
        Self(Arc::new(move |name| Box::pin(lookup(name))))
    }

    /// The addresses of `name`, as they came.
    ///
    /// # Errors
    /// There is no such name, or no answer.
    pub async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)(name.to_owned()).await
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
