//! The numbers at `/metrics`, in Prometheus' text form.
//!
//! Requests are labelled with the route's template, never with the path: a path holds ids, and there is no end of
//! them.

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const REQUESTS: &str = "thicket_http_requests_total";
const REQUEST_SECONDS: &str = "thicket_http_request_duration_seconds";
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];

const SUM_UP_EVERY: Duration = Duration::from_secs(5);

/// The process' recorder, which is installed at the first call. `None` when another one was installed before.
fn handle() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, BUCKETS);
        let recorder = builder.ok()?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        metrics::describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
        metrics::describe_histogram!(
            REQUEST_SECONDS,
            "Time until the answer's headers, in seconds, by method and route."
        );
        Some(handle)
    });
    handle.as_ref()
}

/// Begins to record. Without it, what happens before the first reading of `/metrics` would not be counted.
pub(crate) fn install() {
    handle();
}

/// Sums up every few seconds what was recorded: until then each sample takes memory, and nobody may ever read
/// `/metrics`.
pub(crate) async fn sum_up(shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SUM_UP_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Some(handle) = handle() {
            handle.run_upkeep();
        }
    }
}

/// Everything recorded so far.
pub(crate) fn render() -> String {
    let Some(handle) = handle() else {
        return String::new();
    };
    handle.run_upkeep();
    handle.render()
}

/// Records one answered request.
pub(crate) fn record(method: &Method, route: &Arc<str>, status: StatusCode, elapsed: Duration) {
    let method = known(method);
    let route = metrics::SharedString::from(Arc::clone(route));
    let status = status.as_u16().to_string();
    metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!(REQUEST_SECONDS, "method" => method, "route" => route).record(elapsed);
}

/// Clients can invent methods, so only the usual ones become labels.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
