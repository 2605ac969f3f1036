//! Traces for whoever collects them: `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go (OTLP over HTTP, protobuf).
//!
//! Spans of ours have the target `otel` and say what was done and how long it took: requests, turns, calls of the model,
//! writes. They have no text of anybody and no secret, and the lines of the log are none of them. Everything else about
//! the export is said by the variables of the OpenTelemetry specification.

use anyhow::Context as _;
use model::traces::TraceParent;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// Any of them switches the export on.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];
/// The target of the spans that are exported.
const TARGET: &str = "otel";
/// What is still to be sent when the server stops may take so long.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The export of traces.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins, if the environment names a collector.
    ///
    /// # Errors
    /// What it names is no address, or no HTTP client can be had.
    pub(crate) fn start(runtime: &Handle) -> anyhow::Result<Option<Self>> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ENDPOINTS.iter().any(is_set) {
            return Ok(None);
        }
        // Whoever has chosen a provider of TLS before has chosen well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .context("traces cannot be sent")?,
            runtime: runtime.clone(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Some(Self(provider)))
    }

    /// What hands the spans over.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let is_ours = |it: &tracing::Metadata<'_>| it.is_span() && it.target() == TARGET;
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("thicket"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_ours).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left. Blocks, while the runtime has to go on elsewhere.
    pub(crate) fn finish(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WORDS) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Makes a span part of the caller's trace, and says which trace it is part of.
pub(crate) fn join(
    span: &Span,
    parent: Option<TraceParent<'_>>,
    state: Option<&str>,
) -> Option<String> {
    if let Some(parent) = parent {
        let mut carrier = HashMap::from([("traceparent".to_owned(), parent.text().to_owned())]);
        carrier.extend(state.map(|it| ("tracestate".to_owned(), it.to_owned())));
        // An error says that nobody exports traces.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
    }
    let id = span.context().span().span_context().trace_id();
    let theirs = || parent.map(|it| it.trace_id().to_owned());
    match id == TraceId::INVALID {
        true => theirs(),
        false => Some(id.to_string()),
    }
}

/// The headers that tell whom we ask which trace the present span belongs to.
pub(crate) fn headers() -> Vec<(&'static str, String)> {
    let mut carrier = HashMap::new();
    let context = Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    ["traceparent", "tracestate"]
        .into_iter()
        .filter_map(|name| Some((name, carrier.remove(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Who we are: the environment's words (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) come first.
fn resource() -> Resource {
    let names_service = std::env::var_os("OTEL_SERVICE_NAME").is_some()
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|it| it.contains("service.name="));
    let resource = Resource::builder();
    let resource = if names_service {
        resource
    } else {
        resource.with_service_name("thicket")
    };
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    resource.with_attribute(version).build()
}

/// Sends on the server's runtime: the exporter's own thread has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Client {
    // As the macro of the trait writes it.
    fn send_bytes<'life, 'answer>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'life: 'answer,
        Self: 'answer,
    {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let status = answer.status();
            let answer = Response::builder()
                .status(status)
                .body(answer.bytes().await?)?;
            Ok::<_, HttpError>(answer)
        });
        Box::pin(async move { sent.await? })
    }
}
