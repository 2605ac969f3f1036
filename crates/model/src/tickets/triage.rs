//! What the assistant makes of a ticket (tickets.md 2.1).

use super::{Ticket, TriageResult};
use serde_json::{Map, Value, json};

/// What has come of looking at a ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triage {
    /// `None` while it is being looked at.
    pub result: Option<TriageResult>,
    /// `how_to`, `diagnostic`, `account_billing` or `unactionable`.
    pub ticket_type: Option<&'static str>,
    /// How sure the answer is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Drafts written, or times it was begun.
    pub attempts: i64,
    /// Why people are to look at it; `None` leaves what there is.
    pub escalation_reason: Option<String>,
}

impl Triage {
    /// The member `ai_triage` of a ticket.
    fn to_json(&self) -> Value {
        let mut triage = Map::new();
        let status = if self.result.is_some() {
            "done"
        } else {
            "in_progress"
        };
        triage.insert("status".to_owned(), json!(status));
        triage.insert("result".to_owned(), json!(self.result));
        triage.insert("ticket_type".to_owned(), json!(self.ticket_type));
        let confidence = self.confidence.map(|it| (it * 100.0).round() / 100.0);
        triage.insert("confidence".to_owned(), json!(confidence));
        triage.insert("attempts".to_owned(), json!(self.attempts));
        Value::Object(triage)
    }
}

impl Ticket {
    /// Notes what was made of it. The assistant has solved what it answered last, and nothing that it gave to people.
    pub fn take_triage(&mut self, triage: &Triage) {
        self.ai_triage = Some(triage.to_json().to_string());
        match triage.result {
            Some(TriageResult::Persisted) => self.ai_resolved = true,
            Some(TriageResult::SkippedUnactionable) | None => {}
            Some(_) => self.ai_resolved = false,
        }
        if let Some(reason) = &triage.escalation_reason {
            self.escalation_reason.get_or_insert_with(|| reason.clone());
        }
    }

    /// Nobody wants to know any more what would have come of it.
    pub fn leave_triage(&mut self) {
        let is_running = self.ai_triage.as_deref().is_some_and(|triage| {
            let triage: Value = serde_json::from_str(triage).unwrap_or_default();
            triage["status"] == "in_progress"
        });
        if is_running {
            self.ai_triage = None;
        }
    }

    /// Whether the assistant may answer this customer itself: nobody of the team was asked for.
    pub fn may_be_answered(&self) -> bool {
        self.escalation_reason.is_none() && self.merged_into_id.is_none()
    }
}
