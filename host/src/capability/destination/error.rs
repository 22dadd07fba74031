//! Why a text is not a grant. No text of an error repeats any part of a URL: a config may have put a secret into it.

/// Why a text is not a grant, or not a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A URL begins with `https://` or `http://`.
    #[error("the URL lacks its scheme")]
    NoScheme,
    /// The text is not a URL.
    #[error("this is not a URL: {0}")]
    Url(url::ParseError),
    /// A scheme that there are no grants for.
    #[error("the scheme must be `http`, `https`, `tcp` or `udp`")]
    Scheme,
    /// `tcp` or `udp` where requests are granted.
    #[error("the scheme must be `http` or `https`")]
    NotHttp,
    /// `http` or `https` where sockets are granted.
    #[error("the scheme must be `tcp` or `udp`")]
    NotSocket,
    /// Whoever is granted a host is granted all its users.
    #[error("the URL must not hold a user or password")]
    User,
    /// A query or fragment can't be limited.
    #[error("the URL must not hold a query or fragment")]
    Query,
    /// Nothing listens there.
    #[error("port 0 cannot be reached")]
    Port,
    /// Sockets have no port of their own.
    #[error("a grant of sockets needs a port")]
    NoPort,
    /// A range of ports that is upside down.
    #[error("the range of ports ends before it begins")]
    PortOrder,
    /// An IPv4 address in hexadecimal, octal, or with fewer than four numbers.
    #[error("the address is not written as four decimal numbers")]
    OddAddress,
    /// Digits behind an address that are too large a number for the length of a prefix.
    #[error("a slash and digits behind an address are the length of its prefix, 0 to 32, or 128 for IPv6")]
    PrefixLength,
    /// A range that begins somewhere within.
    #[error("the address is not the first one of its range")]
    HostBits,
    /// Something behind the port of a socket.
    #[error("a grant of sockets has no path")]
    SocketPath,
    /// Methods or a path on a grant of sockets.
    #[error("only grants of HTTP have `{0}`")]
    OnlyHttp(&'static str),
    /// A pattern or range where one destination is wanted.
    #[error("this stands for more than one destination")]
    NotOne,
    /// `0.0.0.0` or `::`.
    #[error("this address means every address and names none")]
    Unspecified,
    /// A `*` somewhere else than as the whole first label of a name with at least two more.
    #[error("`*` can only stand for names below a domain")]
    Wildcard,
    /// The path at the end of the URL is not a prefix.
    #[error("the path of the URL {0}")]
    UrlPath(PathError),
    /// The path beside the URL is not a prefix.
    #[error("`{path}` {reason}")]
    Path {
        /// As written.
        path: String,
        /// What is wrong with it.
        reason: PathError,
    },
    /// Both the URL and `path` name a path.
    #[error("`path` stands beside a URL that has a path")]
    PathTwice,
    /// Not an HTTP method, or one in small letters, which would never match.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// An empty list of methods.
    #[error("`methods = []` grants nothing")]
    NoMethods,
    /// Neither an IP address nor a range of them.
    #[error("`{0}` is not a range of IP addresses")]
    Range(String),
}

/// What is wrong with a path prefix. The texts follow the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Paths are absolute.
    #[error("does not begin with `/`")]
    Relative,
    /// More than a path.
    #[error("holds a query or fragment")]
    Query,
    /// A prefix needs none.
    #[error("holds a `*`")]
    Wildcard,
    /// Servers differ in what it means.
    #[error("holds an encoded slash, backslash or dot, which servers read in more than one way")]
    Ambiguous,
    /// The URL parser refuses it.
    #[error("cannot stand in a URL")]
    Malformed,
}
