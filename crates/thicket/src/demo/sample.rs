//! The file with the sample of a desk: colleagues, macros, and tickets as stories of what happened to them.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value};

const SAMPLE: &str = include_str!("../../demo/desk.json");
/// Whoever has this name in the sample is the person who looks at the demonstration.
pub(super) const ME: &str = "me";
/// Whoever has this name is none of the team.
pub(super) const ASSISTANT: &str = "ai";

#[derive(Clone)]
pub(super) struct Desk {
    /// Colleagues; their steps name them by what stands before the `@`.
    pub(super) agents: Vec<Agent>,
    pub(super) macros: Vec<Reply>,
    pub(super) stories: Vec<Story>,
}

/// The sample, as it is in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agents: Vec<Agent>,
    macros: Vec<Reply>,
    tickets: Vec<Story>,
    /// Solved long ago: days, question, answer, and who gave it.
    earlier: Vec<(u32, String, String, String)>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) email: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) content: String,
    pub(super) actions: Map<String, Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    pub(super) name: String,
    pub(super) email: String,
    /// What else is known of the person.
    #[serde(default)]
    pub(super) about: Map<String, Value>,
    #[serde(default)]
    pub(super) channel: Channel,
    pub(super) subject: Option<String>,
    pub(super) url: Option<String>,
    pub(super) browser: Option<String>,
    #[serde(default)]
    pub(super) verified: bool,
    pub(super) priority: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// In so many minutes from now, or so many ago.
    pub(super) due: Option<i32>,
    /// Out of sight for so many minutes from now.
    pub(super) snooze: Option<u32>,
    /// The team has seen all of it.
    #[serde(default)]
    pub(super) read: bool,
    /// Who has solved it, after its last step.
    pub(super) solved: Option<String>,
    pub(super) story: Vec<Step>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Channel {
    #[default]
    Widget,
    Email,
}

/// What somebody did, so many minutes ago.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) at: u32,
    pub(super) customer: Option<String>,
    pub(super) ai: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) reply: Option<String>,
    pub(super) note: Option<String>,
    pub(super) assign: Option<String>,
    pub(super) status: Option<String>,
    pub(super) escalation: Option<String>,
}

/// Reads the file.
///
/// # Errors
/// It is not what this program reads.
pub(super) fn read() -> anyhow::Result<Desk> {
    let file: File = serde_json::from_str(SAMPLE).context("the sample tickets")?;
    let mut stories: Vec<Story> = file.earlier.into_iter().map(earlier).collect();
    stories.extend(file.tickets);
    Ok(Desk {
        agents: file.agents,
        macros: file.macros,
        stories,
    })
}

/// A short story that came to its end days ago. Spread over the day, so that a report looks like one.
fn earlier((days, question, answer, by): (u32, String, String, String)) -> Story {
    let begun = days * 24 * 60 + days * 97 % 540;
    let is_ai = by == ASSISTANT;
    let took = if is_ai { 0 } else { 12 + days * 53 % 330 };
    let asked = Step {
        at: begun,
        customer: Some(question),
        ..Step::default()
    };
    let answered = Step {
        at: begun.saturating_sub(took),
        ai: is_ai.then(|| answer.clone()),
        agent: (!is_ai).then(|| by.clone()),
        reply: (!is_ai).then_some(answer),
        ..Step::default()
    };
    let number = 100 + begun % 900;
    Story {
        name: format!("Visitor {number}"),
        email: format!("visitor{number}@example.org"),
        tags: vec!["question".to_owned()],
        solved: Some(by),
        story: vec![asked, answered],
        ..Story::default()
    }
}
