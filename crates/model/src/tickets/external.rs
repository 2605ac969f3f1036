//! What the customer's own backend may change of a ticket (tickets.md 15.1).

use super::{
    Assignee, AssigneeError, BusinessHours, Priority, Status, Ticket, TicketChange, normal_tags,
    promise,
};
use crate::Timestamp;
use crate::fields::{Choice, Field, Fields, List, Problems, Text};

/// Most tags of one request.
const TAGS_MAX: usize = 100;
/// Longest tag, in characters.
const TAG_MAX: usize = 200;

/// What is to be done with the tags of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TagsMode {
    Add,
    Set,
    Remove,
}

/// A change from outside.
#[derive(Clone, Debug)]
pub struct ExternalChange {
    fields: TicketChange,
    tags: Option<(Vec<String>, TagsMode)>,
    /// Whom the ticket is to be assigned to, if the member was there at all; whether it can be is said later than
    /// everything else.
    pub assignee: Option<Result<Option<Assignee>, AssigneeError>>,
}

impl ExternalChange {
    /// Reads the body of PATCH. Every broken rule is noted. `office` are the project's own office hours.
    pub fn read(
        fields: &Fields<'_>,
        now: Timestamp,
        office: Option<BusinessHours>,
        problems: &mut Problems,
    ) -> Self {
        let status = problems.take(fields.choice("status", Status::WORDS).optional());
        // The blank word is none here.
        let priorities = Choice::of(&["low", "medium", "high", "critical"]);
        let priority = problems.take(fields.read("priority", priorities).optional());
        let sla_due_at = problems.take(fields.datetime("sla_due_at").nullable());
        let snoozed_until = problems.take(fields.datetime("snoozed_until").nullable());
        let amount = promise::read_all(fields, now, office, problems);
        let sla_due_at = sla_due_at.and_then(Field::change).or(amount.map(Some));
        let change = TicketChange {
            status: status.flatten().and_then(Status::from_word),
            priority: priority.flatten().map(Priority::from_word),
            sla_due_at,
            snoozed_until: snoozed_until.and_then(Field::change),
            ..TicketChange::default()
        };
        Self {
            fields: change,
            tags: tags(fields, problems),
            assignee: fields.raw("assignee").map(Assignee::read),
        }
    }

    /// The change for a ticket as it is now; with `whole` also its tags and its assignee.
    pub fn of(&self, ticket: &Ticket, whole: bool) -> TicketChange {
        let mut change = self.fields.clone();
        if whole {
            change.assignee = self.assignee.and_then(Result::ok);
            change.tags = self.tags.as_ref().map(|(tags, mode)| {
                let mut now = match mode {
                    TagsMode::Set => Vec::new(),
                    TagsMode::Add | TagsMode::Remove => ticket.tags.clone(),
                };
                match mode {
                    TagsMode::Remove => now.retain(|tag| !tags.contains(tag)),
                    TagsMode::Add | TagsMode::Set => now.extend(tags.iter().cloned()),
                }
                normal_tags(now)
            });
        }
        change
    }
}

fn tags(fields: &Fields<'_>, problems: &mut Problems) -> Option<(Vec<String>, TagsMode)> {
    let tag = Text::new().max(TAG_MAX).allow_blank();
    let tags = problems.take(fields.read("tags", List::of(tag).max(TAGS_MAX)).optional());
    let mode = fields.choice("tags_mode", &["add", "set", "remove"]);
    let mode = match problems.take(mode.or("add"))? {
        "set" => TagsMode::Set,
        "remove" => TagsMode::Remove,
        _ => TagsMode::Add,
    };
    Some((normal_tags(tags??), mode))
}
