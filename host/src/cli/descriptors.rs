//! How many files and connections the process may have open. Systems give 1024 where nobody asks for more, which is not
//! enough for a host of many connectors, and too few to be shared with strangers.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many as the system lets this process have.
pub(super) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "cannot have more files and connections open than {current:?}");
    }
}
