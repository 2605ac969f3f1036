//! How often a caller may come (conventions.md 6, ai-conversations.md 9.1).

use crate::{ApiError, App, Call};
use model::rates::{self, Limit, Rate, Throttle};
use std::time::Duration;

impl App {
    /// Counts a request under the general throttles, which are for keys only. Authorisation does it, unless
    /// the handler has said that it does it itself.
    ///
    /// # Errors
    /// 429.
    pub async fn throttle(&self, call: &Call) -> Result<(), ApiError> {
        let Some(key) = &call.caller.key else {
            return Ok(());
        };
        let subject = key.id.to_string();
        self.count(call, [&rates::API_BURST, &rates::API_SUSTAINED], &subject)
            .await
            .map_err(ApiError::throttled)
    }

    /// Counts a turn of the assistant, in place of the general throttles. The short rate is tested first.
    ///
    /// # Errors
    /// 429, in words that say whether it was about research.
    pub async fn throttle_ai(&self, call: &Call, research: bool) -> Result<(), ApiError> {
        let is_exempt =
            |project: &store::projects::ProjectForUser| project.project.settings.ai_limits_exempt;
        if call.project.as_deref().is_some_and(is_exempt) {
            return Ok(());
        }
        let throttles = if research {
            [&rates::AI_RESEARCH_BURST, &rates::AI_RESEARCH_SUSTAINED]
        } else {
            [&rates::AI_BURST, &rates::AI_SUSTAINED]
        };
        let subject = call.user_id().to_string();
        self.count(call, throttles, &subject).await.map_err(|wait| {
            ApiError::throttled_with(wait, rates::ai_throttled_detail(wait, research))
        })
    }

    /// Counts a reply to a ticket, or a ticket that the team begins, besides the general throttles.
    ///
    /// # Errors
    /// 429.
    pub async fn throttle_replies(&self, call: &Call) -> Result<(), ApiError> {
        let subject = call.user_id().to_string();
        let throttles = [&rates::REPLY_BURST, &rates::REPLY_SUSTAINED];
        self.count(call, throttles, &subject)
            .await
            .map_err(ApiError::throttled)
    }

    /// Counts a suggested reply, besides the general throttles.
    ///
    /// # Errors
    /// 429.
    pub async fn throttle_suggestions(&self, call: &Call) -> Result<(), ApiError> {
        if call.project()?.settings.ai_limits_exempt {
            return Ok(());
        }
        let subject = call.user_id().to_string();
        let throttles = [&rates::SUGGEST_BURST, &rates::SUGGEST_SUSTAINED];
        self.count(call, throttles, &subject)
            .await
            .map_err(ApiError::throttled)
    }

    /// Counts what somebody does of whom nothing is known but `subject`, under a rate that only the server sets.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn throttle_stranger(
        &self,
        throttle: &Throttle,
        subject: &str,
    ) -> Result<(), ApiError> {
        let own = self.config.rates.get(throttle.name).copied();
        match own.unwrap_or(throttle.default) {
            Limit::At(rate) if self.config.rate_limits => self
                .limits
                .check(throttle.name, rate, subject)
                .await
                .map_err(ApiError::throttled),
            _ => Ok(()),
        }
    }

    /// Counts under each of these throttles in turn, until one refuses.
    async fn count(
        &self,
        call: &Call,
        throttles: [&Throttle; 2],
        subject: &str,
    ) -> Result<(), Duration> {
        let is_unthrottled = call.caller.key.as_ref().is_some_and(|key| key.unthrottled);
        if !self.config.rate_limits || is_unthrottled {
            return Ok(());
        }
        let project = call.project.as_deref();
        let rate = |throttle: &Throttle| -> Option<(&'static str, Rate)> {
            let own = project.and_then(|project| project.project.settings.limit(throttle));
            match own.unwrap_or_else(|| self.config.limit(throttle)) {
                Limit::Off => None,
                Limit::At(rate) => Some((throttle.name, rate)),
            }
        };
        let counted: Vec<_> = throttles.into_iter().filter_map(rate).collect();
        self.limits.check_all(&counted, subject).await
    }
}
