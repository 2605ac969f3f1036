//! A due date that is given as an amount of time: plain, or in office hours (tickets.md 15.1).

use super::{BusinessHours, SlaUnit, due_after};
use crate::Timestamp;
use crate::error::{Code, FieldError};
use crate::fields::{Fields, Problems};
use serde_json::Value;

/// The due date that `sla_amount` comes to from `now` on, if it is there. `office` are the project's own office hours.
///
/// # Errors
/// The first broken rule of `sla_unit`, `sla_business_hours` and `sla_amount`.
pub fn read_promise(
    fields: &Fields<'_>,
    now: Timestamp,
    office: Option<BusinessHours>,
) -> Result<Option<Timestamp>, FieldError> {
    let (due, broken) = read(fields, now, office);
    broken.into_iter().next().map_or(Ok(due), Err)
}

/// As [`read_promise`], but every broken rule is noted.
pub(super) fn read_all(
    fields: &Fields<'_>,
    now: Timestamp,
    office: Option<BusinessHours>,
    problems: &mut Problems,
) -> Option<Timestamp> {
    let (due, broken) = read(fields, now, office);
    broken.into_iter().for_each(|error| problems.note(error));
    due
}

fn read(
    fields: &Fields<'_>,
    now: Timestamp,
    office: Option<BusinessHours>,
) -> (Option<Timestamp>, Vec<FieldError>) {
    let mut broken = Vec::new();
    let unit = fields.choice("sla_unit", SlaUnit::WORDS).or("hour");
    let unit = unit.map_err(|error| broken.push(error)).ok();
    let hours = match fields.raw("sla_business_hours") {
        None | Some(Value::Null) => Some(None),
        // Ours: by name, so that whoever gives none still gets plain time.
        Some(Value::String(word)) if word == "project" => Some(office),
        Some(hours) => BusinessHours::read(hours, "sla_business_hours")
            .map_err(|error| broken.push(error))
            .ok()
            .map(Some),
    };
    let amount = match fields.raw("sla_amount") {
        None => return (None, broken),
        Some(Value::Null) => Err(FieldError::plain("sla_amount", Code::Null)),
        Some(_) if fields.has("sla_due_at") => {
            Err(refusal("Give either sla_amount or sla_due_at."))
        }
        Some(value) => match number(value) {
            None => Err(refusal("A valid number is required.")),
            Some(amount) if amount <= 0.0 => Err(refusal("Ensure this value is greater than 0.")),
            Some(amount) => Ok(amount),
        },
    };
    let amount = amount.map_err(|error| broken.push(error)).ok();
    let (Some(amount), Some(unit), Some(hours)) =
        (amount, unit.and_then(SlaUnit::from_word), hours)
    else {
        return (None, broken);
    };
    let due = due_after(now, amount, unit, hours.as_ref());
    if due.is_none() {
        broken.push(refusal("The due date would be more than five years away."));
    }
    (due, broken)
}

fn refusal(detail: &str) -> FieldError {
    FieldError::at("sla_amount", Code::InvalidInput, detail)
}

/// A finite number, or a text of one.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}
