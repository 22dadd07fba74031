//! Whether a request is granted, and if not, which grant would allow it. Pure: a URL, a method and grants in.

use std::fmt::Write as _;

use ::http::Method;
use url::Url;

use super::{Error, PATH_SHOWN, message, shortened};
use crate::capability::{
    decision::Denial,
    destination::{self, Grant, Target},
};

/// The longest host name, in bytes: DNS has no longer ones, and errors repeat it.
const HOST_LIMIT: usize = 253;
/// How many of the grants for a host a refusal names.
const GRANTS_SHOWN: usize = 5;

/// What grants are compared with.
///
/// # Errors
/// The request can't be sent at all: a tunnel, a URL with a user name, or one that is not `http` or `https`, or has an
/// endless host or method.
pub(super) fn target(method: &Method, url: &Url) -> Result<Target, Error> {
    message::check_method(method)?;
    if url.host_str().is_some_and(|host| host.len() > HOST_LIMIT) {
        return Err(Error::InvalidRequest(format!("the host of the URL is longer than {HOST_LIMIT} bytes")));
    }
    if *method == Method::CONNECT {
        return Err(Error::InvalidRequest("CONNECT makes a tunnel, which is not available".into()));
    }
    if destination::has_user(url) {
        return Err(Error::InvalidRequest("the URL has a user name in it; use an `authorization` header".into()));
    }
    Target::of(url).ok_or_else(|| Error::InvalidRequest("the URL must start with http:// or https://".into()))
}

/// The first of `grants` that covers origin, method and path, by its place among them.
pub(super) fn decide(grants: &[Grant], method: &Method, target: &Target) -> Result<usize, Denial> {
    let covers =
        |grant: &Grant| grant.covers_origin(target) && grant.covers_method(method) && grant.covers_path(target);
    if let Some(at) = grants.iter().position(covers) {
        return Ok(at);
    }
    let near: Vec<&Grant> = grants.iter().filter(|grant| grant.covers_origin(target)).collect();
    let suggestion = Grant::for_origin(target);
    if near.is_empty() {
        return Err(Denial::new(String::new(), &suggestion));
    }
    let mut why = format!(", only {}", listed(&near));
    if let Some(path) = near.iter().find(|grant| grant.covers_method(method)) {
        // Everything but the path would do.
        let same_methods = limit_methods(suggestion.clone(), path.methods().map(<[Method]>::to_vec));
        if let Ok(suggestion) = same_methods.clone().with_path(above(&target.path)) {
            return Err(Denial::new(why, &suggestion));
        }
        let _ =
            write!(why, "; servers differ in what `{}` means, so no path prefix covers it", shortened(&target.path));
        return Err(Denial::new(why, &same_methods));
    }
    let path = near.iter().find(|grant| grant.covers_path(target)).map_or(above(&target.path), |grant| grant.path());
    let suggestion = limit_methods(suggestion, Some(vec![method.clone()]));
    let suggestion = suggestion.clone().with_path(path).unwrap_or(suggestion);
    Err(Denial::new(why, &suggestion))
}

fn limit_methods(grant: Grant, methods: Option<Vec<Method>>) -> Grant {
    match methods {
        Some(methods) => grant.clone().with_methods(methods).unwrap_or(grant),
        None => grant,
    }
}

/// The path, or of a long one the start: a suggestion has to be a line that one can read.
fn above(path: &str) -> &str {
    let long = path.get(..PATH_SHOWN).filter(|start| start.len() < path.len());
    let slash = long.and_then(|start| start.rfind('/'));
    slash.and_then(|slash| path.get(..=slash)).unwrap_or(path)
}

fn listed(grants: &[&Grant]) -> String {
    let mut shown: Vec<_> = grants.iter().take(GRANTS_SHOWN).map(ToString::to_string).collect();
    if let more @ 1.. = grants.len().saturating_sub(GRANTS_SHOWN) {
        shown.push(format!("{more} more"));
    }
    shown.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(grants: &[Grant], method: &str, url: &str) -> Result<(), String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let target = target(&method, &Url::parse(url).unwrap()).unwrap();
        let decided = decide(grants, &method, &target);
        decided.map(drop).map_err(|Denial { why, suggestion }| format!("{why} + {suggestion}"))
    }

    #[test]
    fn a_refusal_suggests_the_least_that_would_allow_it() {
        let grants = [
            Grant::parse("https://x.example/ingest/").unwrap().with_methods(vec![Method::POST]).unwrap(),
            Grant::parse("https://y.example/only").unwrap(),
            Grant::parse("https://z.example").unwrap().with_methods(vec![Method::GET, Method::HEAD]).unwrap(),
        ];
        let x = r#", only { url = "https://x.example", methods = ["POST"], path = "/ingest/" }"#;
        let y = r#", only { url = "https://y.example", path = "/only" }"#;
        let z = r#", only { url = "https://z.example", methods = ["GET", "HEAD"] }"#;
        let table = [
            ("POST", "https://x.example/ingest/a", Ok(())),
            ("GET", "https://z.example/anything?at=all", Ok(())),
            ("POST", "https://new.example:8443/in?k=secret", Err(r#" + "https://new.example:8443""#.to_owned())),
            ("POST", "http://x.example/ingest/", Err(r#" + "http://x.example""#.to_owned())),
            (
                "GET",
                "https://x.example/ingest/a",
                Err(format!(r#"{x} + {{ url = "https://x.example", methods = ["GET"], path = "/ingest/" }}"#)),
            ),
            (
                "POST",
                "https://x.example/admin",
                Err(format!(r#"{x} + {{ url = "https://x.example", methods = ["POST"], path = "/admin" }}"#)),
            ),
            (
                "GET",
                "https://x.example/admin",
                Err(format!(r#"{x} + {{ url = "https://x.example", methods = ["GET"], path = "/admin" }}"#)),
            ),
            ("GET", "https://y.example/", Err(format!(r#"{y} + "https://y.example""#))),
            (
                "POST",
                "https://z.example/",
                Err(format!(r#"{z} + {{ url = "https://z.example", methods = ["POST"] }}"#)),
            ),
            (
                "POST",
                "https://x.example/ingest/..%2fadmin",
                Err(format!(
                    "{x}; servers differ in what `/ingest/..%2fadmin` means, so no path prefix covers it + \
                     {{ url = \"https://x.example\", methods = [\"POST\"] }}"
                )),
            ),
        ];
        for (method, url, expected) in table {
            assert_eq!(decided(&grants, method, url), expected, "{method} {url}");
        }
    }

    #[test]
    fn what_can_not_be_sent_is_not_even_decided() {
        let table = [
            ("CONNECT", "https://x.example/"),
            ("GET", "https://me:secret@x.example/"),
            ("GET", "https://me@x.example/"),
            ("GET", "https://:secret@x.example/"),
            ("GET", "ftp://x.example/"),
            ("GET", "file:///etc/passwd"),
            ("GET", "data:text/plain,hello"),
        ];
        for (method, url) in table {
            let error = target(&method.parse().unwrap(), &Url::parse(url).unwrap()).unwrap_err();
            assert!(matches!(error, Error::InvalidRequest(_)), "{method} {url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
