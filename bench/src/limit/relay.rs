//! The bare relay: what the model sends goes on to the client, byte for byte and piece by piece.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The request header that says where the model is.
pub(crate) const MODEL: &str = "x-model";

type Upstream = Client<HttpConnector, Body>;

pub(super) fn router() -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    Router::new()
        .route("/relay", post(relay))
        .with_state(client)
}

async fn relay(State(client): State<Upstream>, mut request: Request) -> Response {
    let address = request
        .headers()
        .get(MODEL)
        .and_then(|address| address.to_str().ok());
    let address = address.unwrap_or_default();
    let Ok(uri) = format!("http://{address}/v1/chat/completions").parse() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    request.headers_mut().remove(header::HOST);
    match client.request(request).await {
        Ok(answer) => {
            let kind = HeaderValue::from_static("text/event-stream");
            (
                [(header::CONTENT_TYPE, kind)],
                Body::new(answer.into_body()),
            )
                .into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
