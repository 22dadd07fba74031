//! What a grant says about TLS: whom to trust, who we are, and the oldest version. It holds for HTTP and for the TLS that
//! the host does on sockets.

use std::{
    io,
    path::Path,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};

/// The public authorities, which most connectors share.
static PUBLIC: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));

/// Sessions that one client keeps, to take them up again: of four servers. Room for them is taken at once, and a host has
/// several clients for each connector.
const SESSIONS: usize = 32;

/// How TLS is spoken under a grant. The default is what grants have that say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The authorities to trust, and no others. Empty: the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// For a server that asks its clients for a certificate.
    pub identity: Option<TlsIdentity>,
    /// The oldest version.
    pub min: TlsVersion,
}

/// A client certificate with its chain, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate, then those that it is signed by.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: Arc<PrivateKeyDer<'static>>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    #[default]
    V1_2,
    /// 1.3
    V1_3,
}

/// Not a version that the host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the versions are `1.2` and `1.3`")]
pub struct UnknownVersion;

impl FromStr for TlsVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(UnknownVersion),
        }
    }
}

impl TlsVersion {
    /// As files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

impl TlsOptions {
    /// Reads PEM files: of the authorities, and of a client certificate and its key.
    ///
    /// # Errors
    /// A file can't be read, or has no certificate (or key) in it. The text names the file, and the key of the config.
    pub fn read(authorities: Option<&Path>, identity: Option<(&Path, &Path)>, min: TlsVersion) -> io::Result<Self> {
        let authorities = authorities.map(|path| certificates("ca_cert", path)).transpose()?.unwrap_or_default();
        let identity = identity.map(|(chain, key)| {
            let read = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("client_key", key, &error));
            Ok::<_, io::Error>(TlsIdentity { chain: certificates("client_cert", chain)?, key: Arc::new(read?) })
        });
        Ok(Self { authorities, identity: identity.transpose()?, min })
    }

    /// The settings of a client that also trusts `extra` where it trusts the public authorities.
    ///
    /// # Errors
    /// An authority is not a certificate, or a client certificate is of no use with its key.
    pub(crate) fn client(&self, extra: &[CertificateDer<'static>]) -> io::Result<ClientConfig> {
        let Self { authorities, identity, min } = self;
        let public = authorities.is_empty();
        let roots = if public { with(&PUBLIC, extra) } else { with(&Arc::new(RootCertStore::empty()), authorities) };
        let roots =
            roots.map_err(|error| io::Error::other(format!("a certificate in `ca_cert` is of no use: {error}")))?;
        let versions: &[_] = match min {
            TlsVersion::V1_2 => &[&TLS12, &TLS13],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let client = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(versions)
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let mut client = match identity {
            None => client.with_no_client_auth(),
            Some(TlsIdentity { chain, key }) => {
                client.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| {
                    io::Error::other(format!("`client_cert` and `client_key` are of no use together: {error}"))
                })?
            }
        };
        client.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(client)
    }
}

/// These authorities and others.
fn with(roots: &Arc<RootCertStore>, others: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = roots.clone();
    for other in others {
        Arc::make_mut(&mut roots).add(other.clone())?;
    }
    Ok(roots)
}

fn certificates(key: &str, path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| unusable(key, path, &error))?;
    if certificates.is_empty() {
        return Err(unusable(key, path, &"there is no PEM certificate in it"));
    }
    Ok(certificates)
}

fn unusable(key: &str, path: &Path, reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("`{key}` names `{}`: {reason}", path.display()))
}
