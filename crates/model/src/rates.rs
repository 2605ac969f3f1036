//! How often something may be done (conventions.md 6, ai-conversations.md 9.1).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// So many in so long. Shown as `10/minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many, at least 1.
    pub count: u32,
    /// In how long.
    pub per: Per,
}

/// The lengths of time that rates are given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// 1 s
    Second,
    /// 60 s
    Minute,
    /// 3600 s
    Hour,
    /// 86 400 s
    Day,
}

impl Per {
    /// The length.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// A rate, or none at all. Shown as `10/minute` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// No limit.
    Off,
    /// At most this rate.
    At(Rate),
}

impl Limit {
    /// So many in so long.
    pub const fn at(count: u32, per: Per) -> Self {
        Self::At(Rate { count, per })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(rate) => write!(f, "{}/{}", rate.count, rate.per.name()),
        }
    }
}

/// A text that is not a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a rate: write for example 10/minute, 480/min, 100/day, or off")]
pub struct InvalidLimit(pub String);

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let invalid = || InvalidLimit(text.to_owned());
        let bare = text.trim().to_ascii_lowercase();
        if bare == "off" {
            return Ok(Self::Off);
        }
        let (count, per) = bare.split_once('/').ok_or_else(invalid)?;
        let count = count.trim().parse().map_err(|_| invalid())?;
        let per = match per.trim() {
            "s" | "sec" | "second" => Per::Second,
            "m" | "min" | "minute" => Per::Minute,
            "h" | "hour" => Per::Hour,
            "d" | "day" => Per::Day,
            _ => return Err(invalid()),
        };
        if count == 0 {
            return Err(invalid());
        }
        Ok(Self::at(count, per))
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One throttle: its name, its default, and what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// Name of the scope; also the setting that overrides it for a project.
    pub name: &'static str,
    /// The rate when nothing else is set.
    pub default: Limit,
    /// What it counts, for the documentation.
    pub doc: &'static str,
}

/// Turns of the assistant in a short time, research apart; counted for each user.
pub const AI_BURST: Throttle = Throttle {
    name: "ai_burst",
    default: Limit::at(10, Per::Minute),
    doc: "turns of the assistant, except research, for each user: short term",
};
/// Turns of the assistant in a long time, research apart; counted for each user.
pub const AI_SUSTAINED: Throttle = Throttle {
    name: "ai_sustained",
    default: Limit::at(100, Per::Day),
    doc: "turns of the assistant, except research, for each user: long term",
};
/// Research turns in a short time; counted for each user.
pub const AI_RESEARCH_BURST: Throttle = Throttle {
    name: "ai_research_burst",
    default: Limit::at(3, Per::Minute),
    doc: "research turns, for each user: short term",
};
/// Research turns in a long time; counted for each user.
pub const AI_RESEARCH_SUSTAINED: Throttle = Throttle {
    name: "ai_research_sustained",
    default: Limit::at(10, Per::Day),
    doc: "research turns, for each user: long term",
};
/// Any other request with a personal API key in a short time; counted for each key.
pub const API_BURST: Throttle = Throttle {
    name: "api_burst",
    default: Limit::at(480, Per::Minute),
    doc: "requests with a personal API key, for each key: short term",
};
/// Any other request with a personal API key in a long time; counted for each key.
pub const API_SUSTAINED: Throttle = Throttle {
    name: "api_sustained",
    default: Limit::at(4800, Per::Hour),
    doc: "requests with a personal API key, for each key: long term",
};

/// Replies and tickets that the team begins, in a short time; counted for each user.
pub const REPLY_BURST: Throttle = Throttle {
    name: "reply_burst",
    default: Limit::at(10, Per::Minute),
    doc: "replies to tickets and tickets begun by the team, for each user: short term",
};
/// Replies and tickets that the team begins, in a long time; counted for each user.
pub const REPLY_SUSTAINED: Throttle = Throttle {
    name: "reply_sustained",
    default: Limit::at(60, Per::Hour),
    doc: "replies to tickets and tickets begun by the team, for each user: long term",
};

/// Suggested replies to tickets in a short time; counted for each user.
pub const SUGGEST_BURST: Throttle = Throttle {
    name: "suggest_burst",
    default: Limit::at(10, Per::Minute),
    doc: "suggested replies to tickets, for each user: short term",
};
/// Suggested replies to tickets in a long time; counted for each user.
pub const SUGGEST_SUSTAINED: Throttle = Throttle {
    name: "suggest_sustained",
    default: Limit::at(100, Per::Day),
    doc: "suggested replies to tickets, for each user: long term",
};

/// Requests to the public capture endpoints; counted for each address.
pub const CAPTURE: Throttle = Throttle {
    name: "capture",
    default: Limit::at(1200, Per::Minute),
    doc: "requests with events of a site's visitors, for each address",
};
/// Events of visitors that make or change a person; counted for each project.
pub const CAPTURE_PERSONS: Throttle = Throttle {
    name: "capture_persons",
    default: Limit::at(6000, Per::Minute),
    doc: "events of a site's visitors that change a person, for each project",
};

/// Attempts to sign in, and others by strangers that cost a password's hash; counted for each address.
pub const LOGIN_ADDRESS: Throttle = Throttle {
    name: "login_address",
    default: Limit::at(30, Per::Minute),
    doc: "attempts to sign in, for each address",
};
/// Attempts to sign in with one e-mail address, right or wrong: from one network, or in one browser that is known.
pub const LOGIN_EMAIL: Throttle = Throttle {
    name: "login_email",
    default: Limit::at(30, Per::Hour),
    doc: "attempts to sign in, for each e-mail address and network, or known browser",
};
/// Attempts to sign in with one e-mail address from all networks together, known browsers left out.
pub const LOGIN_EMAIL_ANYWHERE: Throttle = Throttle {
    name: "login_email_anywhere",
    default: Limit::at(100, Per::Hour),
    doc: "attempts to sign in, for each e-mail address",
};
/// Requests of one visitor of the widget; counted for each session, else for each address.
pub const WIDGET_VISITOR: Throttle = Throttle {
    name: "widget_visitor",
    default: Limit::at(30, Per::Minute),
    doc: "requests of the widget, for each visitor",
};
/// Requests of all visitors of the widget that only look; counted for each project.
pub const WIDGET_READS: Throttle = Throttle {
    name: "widget_reads",
    default: Limit::at(3600, Per::Hour),
    doc: "requests of the widget that only look, for each project",
};
/// Requests of all visitors of the widget that change something; counted for each project.
pub const WIDGET_WRITES: Throttle = Throttle {
    name: "widget_writes",
    default: Limit::at(3600, Per::Hour),
    doc: "requests of the widget that change something, for each project",
};
/// Links that a visitor has mailed; counted for each address.
pub const WIDGET_RESTORE_REQUESTS: Throttle = Throttle {
    name: "widget_restore_requests",
    default: Limit::at(3, Per::Hour),
    doc: "links for restoring a visitor's tickets, for each address of a mail",
};
/// Links that are used; counted for each address of the network.
pub const WIDGET_RESTORES: Throttle = Throttle {
    name: "widget_restores",
    default: Limit::at(10, Per::Minute),
    doc: "uses of such links, for each address of the network",
};
/// Requests of the customer's backend in a short time; counted for each key.
pub const EXTERNAL_BURST: Throttle = Throttle {
    name: "external_burst",
    default: Limit::at(120, Per::Minute),
    doc: "external requests with a project's secret, for each secret: short term",
};
/// Requests of the customer's backend in a long time; counted for each key.
pub const EXTERNAL_SUSTAINED: Throttle = Throttle {
    name: "external_sustained",
    default: Limit::at(1200, Per::Hour),
    doc: "external requests with a project's secret, for each secret: long term",
};

/// Invitations; counted for each user who invites.
pub const INVITES: Throttle = Throttle {
    name: "invites",
    default: Limit::at(100, Per::Hour),
    doc: "invitations, for each user who invites",
};

/// Every throttle that a project can set for itself.
pub const THROTTLES: &[Throttle] = &[
    AI_BURST,
    AI_SUSTAINED,
    AI_RESEARCH_BURST,
    AI_RESEARCH_SUSTAINED,
    API_BURST,
    API_SUSTAINED,
    REPLY_BURST,
    REPLY_SUSTAINED,
    SUGGEST_BURST,
    SUGGEST_SUSTAINED,
    WIDGET_VISITOR,
    WIDGET_READS,
    WIDGET_WRITES,
    WIDGET_RESTORE_REQUESTS,
    WIDGET_RESTORES,
    EXTERNAL_BURST,
    EXTERNAL_SUSTAINED,
];

/// Whole seconds to wait, rounded up, at least 1: what `Retry-After` says.
pub fn retry_after_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + part).max(1)
}

/// The detail of a 429 of the general throttles.
pub fn throttled_detail(wait: Duration) -> String {
    format!("Request was throttled. {}", expected(wait))
}

/// The detail of a 429 of the assistant's throttles: tells people when to come back, in their own units.
pub fn ai_throttled_detail(wait: Duration, research: bool) -> String {
    let seconds = wait.as_secs();
    let when = match seconds {
        0..60 => format!("in {}", plural(seconds.max(1), "second")),
        60..3600 => format!("in {}", plural(seconds / 60, "minute")),
        _ => "later today".to_owned(),
    };
    let what = if research {
        "You've reached the limit of Research mode, which is in beta and has tighter limits."
    } else {
        "You've reached the assistant's usage limit."
    };
    format!("{what} Please try again {when}. {}", expected(wait))
}

fn expected(wait: Duration) -> String {
    format!(
        "Expected available in {}.",
        plural(retry_after_seconds(wait), "second")
    )
}

fn plural(number: u64, unit: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows_rates() {
        for (text, shown) in [
            ("10/minute", "10/minute"),
            ("480/min", "480/minute"),
            (" 3/m ", "3/minute"),
            ("1/s", "1/second"),
            ("100/day", "100/day"),
            ("4800/hour", "4800/hour"),
            ("OFF", "off"),
        ] {
            assert_eq!(
                text.parse::<Limit>()
                    .map(|limit| limit.to_string())
                    .as_deref(),
                Ok(shown)
            );
        }
        for text in [
            "",
            "10",
            "10/",
            "/minute",
            "0/minute",
            "-1/minute",
            "10/week",
            "1.5/day",
            "10/minutes and more",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_default_reads_back_as_itself() {
        for throttle in THROTTLES {
            assert_eq!(
                throttle.default.to_string().parse(),
                Ok(throttle.default),
                "{}",
                throttle.name
            );
        }
    }

    #[test]
    fn the_wait_is_told_rounded_up_and_in_the_singular() {
        for (millis, detail) in [
            (
                60_000,
                "Request was throttled. Expected available in 60 seconds.",
            ),
            (
                59_001,
                "Request was throttled. Expected available in 60 seconds.",
            ),
            (
                1_000,
                "Request was throttled. Expected available in 1 second.",
            ),
            (1, "Request was throttled. Expected available in 1 second."),
            (0, "Request was throttled. Expected available in 1 second."),
        ] {
            assert_eq!(throttled_detail(Duration::from_millis(millis)), detail);
        }
    }

    #[test]
    fn the_assistants_wait_is_told_in_peoples_units() {
        for (seconds, when) in [
            (0, "in 1 second."),
            (59, "in 59 seconds."),
            (60, "in 1 minute."),
            (3599, "in 59 minutes."),
            (3600, "later today."),
        ] {
            let wait = Duration::from_secs(seconds);
            let ordinary = ai_throttled_detail(wait, false);
            let research = ai_throttled_detail(wait, true);
            assert!(ordinary.contains(when), "{ordinary}");
            assert!(research.contains(when), "{research}");
            assert!(research.contains("Research mode") && research.contains("beta"));
            assert!(!ordinary.contains("Research mode") && !ordinary.contains("beta"));
            assert!(ordinary.contains("Expected available in"));
        }
    }
}
