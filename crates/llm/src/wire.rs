//! The two wire formats behind one face.

use crate::assembly::Assembly;
use crate::sse::Event;
use crate::{ChatRequest, Error, ProviderConfig, ProviderKind, anthropic, openai};
use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// A wire format, with what has been learnt about the server that speaks it.
#[derive(Debug)]
pub(crate) enum Wire {
    OpenAi(openai::Quirks),
    Anthropic(anthropic::Quirks),
}

impl Wire {
    pub(crate) fn new(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::OpenAi => Self::OpenAi(openai::Quirks::default()),
            ProviderKind::Anthropic => Self::Anthropic(anthropic::Quirks::default()),
        }
    }

    /// The endpoint. Slashes at the end of the base do not matter, nor does a part of the endpoint's path
    /// that is already there.
    pub(crate) fn endpoint(&self, base: &str) -> Result<Url, Error> {
        let wrong = |what: &str| Error::Config(format!("the base URL {what}"));
        let base = base.trim().trim_end_matches('/');
        let url = Url::parse(base).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must end with its path"));
        }
        let endpoint = match self {
            Self::OpenAi(_) => {
                let base = base.strip_suffix(openai::PATH).unwrap_or(base);
                format!("{base}{}", openai::PATH)
            }
            Self::Anthropic(_) => {
                let base = base.strip_suffix("/messages").unwrap_or(base);
                let base = base.strip_suffix("/v1").unwrap_or(base);
                format!("{base}{}", anthropic::PATH)
            }
        };
        Url::parse(&endpoint).map_err(|error| wrong(&format!("is not a URL: {error}")))
    }

    /// The headers of every request.
    pub(crate) fn headers(&self, config: &ProviderConfig) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("text/event-stream, application/json"),
        );
        let key = config.api_key.as_ref().map(|key| key.expose().trim());
        let key = key.filter(|key| !key.is_empty());
        let (name, value) = match self {
            Self::OpenAi(_) => (AUTHORIZATION, key.map(|key| format!("Bearer {key}"))),
            Self::Anthropic(_) => {
                let version = HeaderValue::from_static(anthropic::VERSION);
                headers.insert(HeaderName::from_static("anthropic-version"), version);
                (HeaderName::from_static("x-api-key"), key.map(str::to_owned))
            }
        };
        if let Some(value) = value {
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                Error::Config("the API key has characters that no key can have".into())
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The request's body, for an answer of at most `limit` tokens.
    pub(crate) fn body(
        &self,
        model: &str,
        request: &ChatRequest,
        limit: Option<u32>,
        stream: bool,
    ) -> Result<Bytes, Error> {
        let body = match self {
            Self::OpenAi(quirks) => openai::body(model, request, limit, stream, quirks),
            Self::Anthropic(quirks) => anthropic::body(model, request, limit, stream, quirks),
        };
        body.map(Bytes::from)
            .map_err(|error| Error::BadStream(format!("the request is no JSON: {error}")))
    }

    /// Learns from a refusal what the server does not understand, so that the next [`Wire::body`] avoids it.
    pub(crate) fn learn(&self, refusal: &str) {
        match self {
            Self::OpenAi(quirks) => quirks.learn(refusal),
            Self::Anthropic(quirks) => quirks.learn(refusal),
        }
    }

    /// The reader of this format.
    pub(crate) fn reader(&self) -> Reader {
        match self {
            Self::OpenAi(_) => Reader::OpenAi,
            Self::Anthropic(_) => Reader::Anthropic,
        }
    }
}

/// Reads answers of one format into an [`Assembly`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reader {
    OpenAi,
    Anthropic,
}

impl Reader {
    /// Takes one event of a stream.
    pub(crate) fn event(self, event: &Event<'_>, answer: &mut Assembly) -> Result<(), Error> {
        match self {
            Self::OpenAi => openai::event(&event.data, answer),
            Self::Anthropic => anthropic::event(&event.name, &event.data, answer),
        }
    }

    /// Takes a whole answer.
    pub(crate) fn whole(self, data: &[u8], answer: &mut Assembly) -> Result<(), Error> {
        let data = String::from_utf8_lossy(data);
        match self {
            Self::OpenAi => openai::whole(&data, answer),
            Self::Anthropic => anthropic::whole(&data, answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn base_urls_are_taken_as_people_write_them() {
        let openai = "https://h/v1/chat/completions";
        let anthropic = "https://h/v1/messages";
        for (kind, base, endpoint) in [
            (ProviderKind::OpenAi, "https://h/v1", openai),
            (ProviderKind::OpenAi, "https://h/v1/", openai),
            (ProviderKind::OpenAi, " https://h/v1// ", openai),
            (
                ProviderKind::OpenAi,
                "https://h/v1/chat/completions",
                openai,
            ),
            (
                ProviderKind::OpenAi,
                "https://h",
                "https://h/chat/completions",
            ),
            (ProviderKind::Anthropic, "https://h", anthropic),
            (ProviderKind::Anthropic, "https://h/", anthropic),
            (ProviderKind::Anthropic, "https://h/v1/", anthropic),
            (ProviderKind::Anthropic, "https://h/v1/messages", anthropic),
            (
                ProviderKind::Anthropic,
                "http://h:1/a",
                "http://h:1/a/v1/messages",
            ),
        ] {
            let url = Wire::new(kind).endpoint(base).unwrap();
            assert_eq!(url.as_str(), endpoint, "{base}");
        }
        for base in [
            "",
            "h/v1",
            "ftp://h",
            "http://",
            "http://me:secret@h/v1",
            "http://h/v1?a=b",
        ] {
            let error = Wire::new(ProviderKind::OpenAi).endpoint(base).unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{base}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn keys_are_sent_where_they_belong_and_shown_nowhere() {
        for (kind, name, value) in [
            (ProviderKind::OpenAi, "authorization", "Bearer k3y"),
            (ProviderKind::Anthropic, "x-api-key", "k3y"),
        ] {
            let wire = Wire::new(kind);
            let mut config = ProviderConfig::new(kind, "m");
            assert!(wire.headers(&config).unwrap().get(name).is_none());
            config.api_key = Some(Secret::new(" "));
            assert!(wire.headers(&config).unwrap().get(name).is_none());
            config.api_key = Some(Secret::new("k3y\n"));
            let headers = wire.headers(&config).unwrap();
            assert_eq!(headers.get(name).unwrap(), value);
            assert!(!format!("{headers:?} {config:?}").contains("k3y"));
            config.api_key = Some(Secret::new("k3\ny"));
            let error = wire.headers(&config).unwrap_err();
            assert!(!error.to_string().contains("k3"));
        }
    }
}
