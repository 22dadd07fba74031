//! AWS Signature Version 4, made by AWS's own crate. This module decides what is signed: all headers that are known by
//! then, the path in the form that the service will see it, and the body or the statement that it is not signed.

use std::{fmt, str, time::SystemTime};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tracing::Dispatch;

use super::super::Error;
use crate::capability::destination::{Scheme, Target};

/// The headers of a signature.
pub(super) static HEADERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Headers by which S3 reads an object wherever these keys may read one, and writes it to where the URL says.
pub(super) static OTHER_OBJECT: [HeaderName; 2] =
    [HeaderName::from_static("x-amz-copy-source"), HeaderName::from_static("x-amz-rename-source")];

/// What S3 percent-encodes in a path.
const S3: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The keys that requests are signed with.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Which key it is. Not secret by itself, and of no use to whoever reads a log.
    pub access_key_id: SecretString,
    /// The key.
    pub secret_access_key: SecretString,
    /// What temporary keys bring along.
    pub session_token: Option<SecretString>,
}

/// Signs requests for one service in one region.
#[derive(Clone)]
pub struct Signer {
    service: String,
    region: String,
    keys: Keys,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, region, keys: _ } = self;
        f.debug_struct("Signer").field("service", service).field("region", region).finish_non_exhaustive()
    }
}

/// The body of a request, as far as it is signed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Payload<'a> {
    Whole(&'a [u8]),
    Unsigned,
}

impl Signer {
    /// Signs for a service such as `s3` in a region such as `eu-central-1`.
    pub fn new(service: impl Into<String>, region: impl Into<String>, keys: Keys) -> Self {
        Self { service: service.into(), region: region.into(), keys }
    }

    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether temporary keys are in use.
    pub fn is_temporary(&self) -> bool {
        self.keys.session_token.is_some()
    }

    /// Whether the service takes a body that is not signed, because TLS vouches for it.
    pub(in super::super) fn takes_unsigned(&self, target: &Target) -> bool {
        match target.scheme {
            Scheme::Https => self.is_s3(),
            Scheme::Http | Scheme::Tcp | Scheme::Udp => false,
        }
    }

    fn is_s3(&self) -> bool {
        matches!(self.service.as_str(), "s3" | "s3-object-lambda" | "s3-outposts")
    }

    pub(super) fn sign(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        payload: Payload<'_>,
        time: SystemTime,
    ) -> Result<(), Error> {
        // The crate traces requests with their headers, those that we have added among them.
        let signed = tracing::dispatcher::with_default(&Dispatch::none(), || {
            self.signature(method, uri, headers, payload, time)
        });
        let signed = signed.map_err(|reason| Error::InvalidRequest(format!("the host can't sign this: {reason}")))?;
        headers.extend(signed);
        Ok(())
    }

    /// The headers of the signature.
    fn signature(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        payload: Payload<'_>,
        time: SystemTime,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let signable: Result<Vec<_>, String> = headers.iter().map(text).collect();
        let body = match payload {
            Payload::Whole(bytes) => SignableBody::Bytes(bytes),
            Payload::Unsigned => SignableBody::UnsignedPayload,
        };
        let request = SignableRequest::new(method.as_str(), self.canonical(uri), signable?.into_iter(), body);
        let Keys { access_key_id, secret_access_key, session_token } = &self.keys;
        let identity = Credentials::new(
            access_key_id.expose_secret(),
            secret_access_key.expose_secret(),
            session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            None,
            "config",
        );
        let identity = identity.into();
        let params = v4::SigningParams::builder().identity(&identity).region(&self.region).name(&self.service);
        let params = params.time(time).settings(self.settings()).build().map_err(|error| error.to_string())?;
        let params = SigningParams::V4(params);
        let output = request.and_then(|request| sign(request, &params)).map_err(|error| error.to_string())?;
        let (added, _) = output.into_parts().0.into_parts();
        let header = |(name, value): (&'static str, &str)| {
            let mut value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            Ok((HeaderName::from_static(name), value))
        };
        added.iter().map(|added| header((added.name(), added.value()))).collect()
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self.is_s3() {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }

    /// The URL as the service makes it out. S3 decodes the path and encodes it in its own way, so that `/day=1/a` is
    /// `/day%3D1/a` there; others encode it again as it came, and the crate does the same.
    fn canonical(&self, uri: &Uri) -> String {
        let path = if self.is_s3() {
            let segment = |segment| percent_encode(&percent_decode_str(segment).collect::<Vec<u8>>(), S3).to_string();
            uri.path().split('/').map(segment).collect::<Vec<_>>().join("/")
        } else {
            uri.path().to_owned()
        };
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{scheme}://{authority}{path}{query}")
    }
}

/// A header as the crate takes it.
fn text<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> Result<(&'a str, &'a str), String> {
    let value = str::from_utf8(value.as_bytes()).map_err(|_| format!("the header `{name}` is not UTF-8"))?;
    Ok((name.as_str(), value))
}
