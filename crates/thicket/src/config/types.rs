//! The kinds of value that a setting can have, and how they are written.

use api::address::Networks;
use bus::RedisUrl;
use mail::SmtpUrl;
use model::rates::Limit;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A value that can be read from the text of a setting.
pub(crate) trait Setting: Sized {
    /// Reads the text.
    ///
    /// # Errors
    /// What was expected instead, or why the value cannot be.
    fn parse(text: &str) -> Result<Self, &'static str>;
}

/// An optional setting: the empty text, which is also its default, means none.
impl<T: Setting> Setting for Option<T> {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::parse(text).map(Some)
        }
    }
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("expected a path");
        }
        Ok(text.into())
    }
}

impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected a number with a unit, such as 500ms, 30s, 5m, 1h or 30d";
        let (number, unit) = number_and_unit(text).ok_or(EXPECTED)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(EXPECTED),
        };
        number
            .checked_mul(millis)
            // Further than this, moments in microseconds would overflow.
            .filter(|millis| *millis <= 100 * 366 * 86_400_000)
            .map(Self::from_millis)
            .ok_or("expected at most 36600d")
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub usize);

impl Setting for Size {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected a size such as 512KiB, 20MiB or 1GiB";
        let (number, unit) = number_and_unit(text).ok_or(EXPECTED)?;
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(EXPECTED),
        };
        number
            .checked_mul(factor)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or(EXPECTED)
    }
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// `on`, or `true` in the file.
    On,
    /// `off`, or `false` in the file.
    Off,
}

impl Setting for Switch {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => Err("expected on or off"),
        }
    }
}

/// A number from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

impl Setting for Count {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self).ok_or("expected a whole number from 1 on")
    }
}

/// A number of tokens, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tokens(pub(crate) u32);

impl Setting for Tokens {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self).ok_or("expected a whole number from 1 on")
    }
}

/// Where to listen: a host (name or address) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Name or address, without the brackets of IPv6.
    pub host: String,
    /// 0 picks a free port.
    pub port: u16,
}

impl Setting for Listen {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "expected an address and a port, such as 127.0.0.1:8080 or [::]:8080";
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let port = port.parse().map_err(|_| EXPECTED)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
                .ok_or(EXPECTED)?,
            None if host.is_empty() || host.contains([':', '/', ' ']) => return Err(EXPECTED),
            None => host,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// The base of absolute links: `http://` or `https://`, kept without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl(pub String);

impl BaseUrl {
    /// The name or address in it, without port.
    pub(crate) fn host(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let authority = rest.split('/').next()?;
        let place = authority.rsplit('@').next()?;
        match place.strip_prefix('[') {
            Some(_) => None,
            None => place.split(':').next(),
        }
    }
}

impl Setting for BaseUrl {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an http:// or https:// URL without query or fragment";
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(EXPECTED)?;
        let unusual = |c: char| c.is_whitespace() || c.is_control() || "?#\"<>\\".contains(c);
        if rest.is_empty() || rest.starts_with('/') || rest.contains(unusual) {
            return Err(EXPECTED);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// The URL of a PostgreSQL database. Its password is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(pub String);

impl Setting for DatabaseUrl {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected a postgres:// URL (leave it out for the embedded database)")
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords also travel as query parameters, so nothing after the host's at-sign is assumed safe.
        let host = self.0.rsplit_once('@').map_or("…", |(_, host)| host);
        let host = host.split_once('?').map_or(host, |(host, _)| host);
        write!(f, "postgres://…@{host}")
    }
}

/// A value that must not be seen: its `Debug` shows only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The value itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Setting for Secret {
    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A secret that a key is made of, so it must not be short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LongSecret(Secret);

impl LongSecret {
    /// The value itself.
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl Setting for LongSecret {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() < store::sealed::MIN_SECRET_CHARS {
            return Err("expected a text of 16 characters or more");
        }
        Secret::parse(text).map(Self)
    }
}

/// Defines a setting that is one of a few words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $expected:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),* }

        impl Setting for $name {
            fn parse(text: &str) -> Result<Self, &'static str> {
                match text { $($text => Ok(Self::$variant),)* _ => Err($expected) }
            }
        }
    };
}

/// Which log lines are written: a level, or directives such as `info,store=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter(pub String);

impl Setting for LogFilter {
    fn parse(text: &str) -> Result<Self, &'static str> {
        tracing_subscriber::EnvFilter::builder()
            .parse(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|_| "expected a log level or filter, such as info or warn,store=debug")
    }
}

impl Setting for RedisUrl {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| {
            "expected a redis://, rediss:// or redis-cluster:// URL, such as redis://127.0.0.1:6379/0"
        })
    }
}

impl Setting for Networks {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse()
            .map_err(|_| "expected addresses or networks, such as 127.0.0.1,10.0.0.0/8")
    }
}

impl Setting for Limit {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse()
            .map_err(|_| "expected a rate such as 10/minute, 480/min or 100/day, or off")
    }
}

/// The bucket that uploaded files are kept in: `s3://bucket` or `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketUrl {
    pub bucket: String,
    /// What the keys of all objects begin with, without slashes at its ends; may be empty.
    pub prefix: String,
}

impl Setting for BucketUrl {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an s3:// URL, such as s3://bucket/prefix";
        let rest = text.strip_prefix("s3://").ok_or(EXPECTED)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_plain) || prefix.contains(['?', '#']) {
            return Err(EXPECTED);
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }
}

impl Setting for SmtpUrl {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| {
            "expected an smtp:// or smtps:// URL, such as smtps://user:password@mail.example.com"
        })
    }
}

impl Setting for mail::From {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(
            |_| "expected a mail address, such as help@example.com or Example <help@example.com>",
        )
    }
}

choice! {
    /// What answers a customer.
    Provider, "expected extractive, openai or anthropic" {
        /// The best passages of the project's knowledge, quoted; no language model.
        Extractive = "extractive",
        /// Any endpoint that speaks OpenAI's chat completions.
        OpenAi = "openai",
        /// Anthropic's messages.
        Anthropic = "anthropic",
    }
}

choice! {
    /// The form of log lines.
    LogFormat, "expected text or json" {
        /// For people.
        Text = "text",
        /// One JSON object a line, for machines.
        Json = "json",
    }
}

choice! {
    /// Which status codes the four endpoints answer on which published contract and observation differ.
    StatusCodes, "expected published or observed" {
        /// As the published contract says.
        Published = "published",
        /// As the original was seen to answer.
        Observed = "observed",
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
            ("30 s", 30_000),
        ] {
            assert_eq!(
                Duration::parse(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "30S",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(Size::parse("20MiB"), Ok(Size(20 * 1024 * 1024)));
        assert_eq!(Size::parse("1024"), Ok(Size(1024)));
        assert_eq!(Size::parse("64KiB"), Ok(Size(65_536)));
        for text in ["", "0", "20MB", "MiB", "-1", "99999999999GiB"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_needs_a_port() {
        let listen = |host: &str, port| {
            Ok(Listen {
                host: host.into(),
                port,
            })
        };
        assert_eq!(Listen::parse("127.0.0.1:8080"), listen("127.0.0.1", 8080));
        assert_eq!(Listen::parse("localhost:0"), listen("localhost", 0));
        assert_eq!(Listen::parse("[::1]:80"), listen("::1", 80));
        for text in [
            "",
            "8080",
            ":8080",
            "127.0.0.1",
            "::1:80",
            "[::1]",
            "[x]:80",
            "a:65536",
            "http://a:1",
        ] {
            assert!(Listen::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_public_url_is_a_base() {
        assert_eq!(
            BaseUrl::parse("https://help.example.com/"),
            Ok(BaseUrl("https://help.example.com".into()))
        );
        for text in [
            "help.example.com",
            "ftp://x",
            "https://",
            "https:///x",
            "https://x/?a",
            "http://a b",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let url =
            DatabaseUrl::parse("postgres://u:hunter2@db.example.com/thicket?password=hunter2")
                .unwrap();
        assert_eq!(format!("{url:?}"), "postgres://…@db.example.com/thicket");
        let url = DatabaseUrl::parse("postgres:///thicket?password=hunter2").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
        let secret = Secret::parse("hunter2").unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
    }
}
