//! The HTTP client: TLS, proxies and limits in one place.

use crate::{Error, failure};
use reqwest::{Client, ClientBuilder, Url, redirect};
use rustls::crypto::{CryptoProvider, ring};
use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

/// A client for one endpoint. It keeps connections alive, follows no redirect (which could carry the key to
/// another host) and reaches a loopback address directly, whatever proxy the environment names.
pub(crate) fn client(endpoint: &Url, connect_timeout: Duration) -> Result<Client, Error> {
    install_crypto();
    let builder = || -> ClientBuilder {
        let builder = Client::builder()
            .user_agent(concat!("thicket/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect_timeout)
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true);
        if is_loopback(endpoint) {
            builder.no_proxy()
        } else {
            builder
        }
    };
    let client = builder().build().or_else(|error| {
        if endpoint.scheme() == "https" {
            return Err(error);
        }
        // A container without certificates still reaches a plain http server.
        let builder = builder();
        match trusting_nobody() {
            Ok(tls) => builder.tls_backend_preconfigured(tls).build(),
            Err(_) => Err(error),
        }
    });
    client.map_err(|error| {
        let cause = failure::transport(error);
        Error::Config(format!("the HTTP client cannot be built: {cause}"))
    })
}

/// TLS by *ring*, unless the process has chosen another provider before.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Err means that somebody else was faster: theirs will do.
        let _ = ring::default_provider().install_default();
    });
}

/// TLS that accepts no certificate at all.
fn trusting_nobody() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("");
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised() {
        for (url, loopback) in [
            ("http://localhost:11434/v1", true),
            ("http://model.localhost", true),
            ("http://127.0.0.1:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:80", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
            ("https://api.openai.com", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }

    #[test]
    fn a_client_without_certificates_can_be_built() {
        install_crypto();
        let builder = Client::builder().tls_backend_preconfigured(trusting_nobody().unwrap());
        assert!(builder.build().is_ok());
    }
}
