//! The reply without a language model: the best macro, passage or earlier answer, as a draft that somebody could send.
//! The same ticket and knowledge always give the same reply.

use super::candidates::{Candidate, CandidateKind};
use super::gather::Material;
use super::{Reply, Verdict};
use crate::extractive::excerpt_of;
use model::text::Query;

/// Below this score nothing fits.
pub(crate) const FITS: f64 = 0.12;
/// From this score on a reply may be sent unseen.
pub(crate) const SURE: f64 = 0.3;

/// Whether a candidate is close enough to make a reply of it.
pub fn fits(candidate: &Candidate) -> bool {
    candidate.score >= FITS
}

/// Whether a candidate is close enough to be sent without anybody looking at it.
pub fn is_sure(candidate: &Candidate) -> bool {
    candidate.score >= SURE
}

/// Who signs, for the variables of macros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    /// Their whole name.
    pub name: String,
    /// Their first name.
    pub first_name: String,
}

/// The reply that the best candidate makes; a polite word when none fits.
pub(crate) fn reply(
    material: &Material,
    query: &Query,
    candidates: &[Candidate],
    agent: Option<&Agent>,
) -> Reply {
    if !query.asks {
        return without_answer(material, Verdict::Unactionable);
    }
    let Some(best) = candidates.first().filter(|best| fits(best)) else {
        return without_answer(material, Verdict::Nothing);
    };
    let verdict = if is_sure(best) {
        Verdict::Good
    } else {
        Verdict::Doubtful
    };
    Reply {
        text: text(material, query, best, agent),
        sources: vec![best.to_source()],
        verdict,
        ticket_type: Some("how_to"),
        confidence: Some(best.score.clamp(0.0, 1.0)),
        attempts: 1,
    }
}

/// A holding reply, which rests on nothing.
pub(crate) fn without_answer(material: &Material, verdict: Verdict) -> Reply {
    let said = match verdict {
        Verdict::Unactionable => {
            "Thank you for your message. If there is anything else, just write to us."
        }
        _ => {
            "Thank you for your message. We are looking into it and will get back to you as soon as we know more."
        }
    };
    Reply {
        text: format!("{}\n\n{said}", greeting(material)),
        sources: Vec::new(),
        verdict,
        ticket_type: match verdict {
            Verdict::Unactionable => Some("unactionable"),
            _ => None,
        },
        confidence: None,
        attempts: 0,
    }
}

fn greeting(material: &Material) -> String {
    match &material.customer_name {
        Some(name) => format!("Hi {name},"),
        None => "Hello,".to_owned(),
    }
}

fn text(material: &Material, query: &Query, best: &Candidate, agent: Option<&Agent>) -> String {
    match best.kind {
        CandidateKind::Macro => filled(&best.text, material, agent),
        CandidateKind::Ticket => format!("{}\n\n{}", greeting(material), best.text.trim()),
        CandidateKind::Article => {
            let said = excerpt_of(query, &best.to_passage());
            let mut text = format!("{}\n\n{}", greeting(material), said.trim());
            if let Some(url) = &best.url {
                let title = best.title.replace(['[', ']'], "");
                let url = url.replace('(', "%28").replace(')', "%29");
                text.push_str(&format!("\n\nYou can read more here: [{title}]({url})"));
            }
            text
        }
    }
}

/// A macro with its variables filled in (tickets.md 16.2). Where the customer's name is not known the greeting goes without;
/// lines that nobody can sign are left out.
fn filled(content: &str, material: &Material, agent: Option<&Agent>) -> String {
    let number = material.ticket.number.to_string();
    let customer = material.ticket.trait_text("name");
    let customer = customer.or_else(|| material.customer_name.clone());
    let mut text = content.replace("{{ticket.number}}", &number);
    text = match customer {
        Some(name) => text.replace("{{customer.name}}", &name),
        None => text
            .replace(" {{customer.name}}", "")
            .replace("{{customer.name}}", ""),
    };
    match agent.filter(|agent| !agent.name.is_empty()) {
        Some(agent) => text
            .replace("{{agent.name}}", &agent.name)
            .replace("{{agent.first_name}}", &agent.first_name),
        None => {
            let lines = text.lines().filter(|line| !line.contains("{{agent."));
            lines.collect::<Vec<_>>().join("\n").trim().to_owned()
        }
    }
}
