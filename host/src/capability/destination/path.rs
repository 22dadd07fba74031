//! Path prefixes, and which paths no prefix can be trusted with.

use url::Url;

use super::{Error, PathError};

/// Reads a grant's path prefix: as it stands in parsed URLs, dot segments resolved and characters percent-encoded.
///
/// # Errors
/// It is not an absolute path, or one that servers read in more than one way.
pub fn prefix(text: &str) -> Result<String, Error> {
    normal(text).map_err(|reason| Error::Path { path: text.into(), reason })
}

pub(super) fn normal(path: &str) -> Result<String, PathError> {
    if !path.starts_with('/') {
        return Err(PathError::Relative);
    }
    if path.contains(['?', '#']) {
        return Err(PathError::Query);
    }
    if path.contains('*') {
        return Err(PathError::Wildcard);
    }
    // The URL parser would drop some of them.
    if path.contains(|char: char| char.is_control()) {
        return Err(PathError::Malformed);
    }
    let url = Url::parse(&format!("http://host{path}")).map_err(|_| PathError::Malformed)?;
    if is_ambiguous(url.path()) {
        return Err(PathError::Ambiguous);
    }
    Ok(url.path().into())
}

/// Whether the normalised `path` is `prefix` or below it; with a slash at the end of `prefix`, only below it. A path
/// that servers read in more than one way is within no prefix but `/`.
pub(super) fn is_within(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    let below = path.strip_prefix(prefix);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')) && !is_ambiguous(path)
}

/// What makes an escape ambiguous, in small letters behind its `%`: slash, backslash and dot; control characters, which
/// some drop; the bytes that begin overlong forms of ASCII; IIS' `%u002f`.
const ESCAPES: [&str; 9] = ["2f", "5c", "2e", "0", "1", "7f", "c0", "c1", "u"];

/// Whether servers differ in what this path means: [`ESCAPES`], made once or twice, and dot segments with parameters
/// (`/..;/`). The URL parser has resolved every plain form by then.
fn is_ambiguous(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_escape = |(at, _): (usize, &str)| {
        let mut rest = &lower[at + 1..];
        // `%252f` is `%2f` to whoever decodes twice.
        while let Some(again) = rest.strip_prefix("25") {
            rest = again;
        }
        ESCAPES.iter().any(|code| rest.starts_with(code))
    };
    lower.contains('\\')
        || lower.match_indices('%').any(is_escape)
        || lower.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}
