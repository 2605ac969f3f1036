//! Both kinds of place do the same.

#![cfg(test)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use blobs::{Blobs, Error, Place};
use futures::TryStreamExt as _;
use model::{Env, MediaId, ProjectId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const PROJECT: ProjectId = ProjectId(7);

fn id() -> MediaId {
    MediaId(Env::system().uuid())
}

async fn read(blobs: &Blobs, project: ProjectId, id: MediaId) -> Option<Vec<u8>> {
    let blob = blobs.read(project, id).await.unwrap()?;
    let pieces: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
    let bytes = pieces.concat();
    assert_eq!(blob.size, u64::try_from(bytes.len()).unwrap());
    Some(bytes)
}

async fn keeps_what_it_is_given(blobs: &Blobs) {
    let (one, two) = (id(), id());
    assert!(read(blobs, PROJECT, one).await.is_none());
    assert_eq!(blobs.size(PROJECT, one).await.unwrap(), None);
    let big = Bytes::from(vec![7_u8; 3_000_000]);
    blobs.put(PROJECT, one, big.clone()).await.unwrap();
    blobs
        .put(PROJECT, two, Bytes::from_static(b"two"))
        .await
        .unwrap();
    assert!(read(blobs, PROJECT, one).await.as_deref() == Some(&*big));
    assert_eq!(
        read(blobs, PROJECT, two).await.as_deref(),
        Some(&b"two"[..])
    );
    assert_eq!(blobs.size(PROJECT, two).await.unwrap(), Some(3));
    // The same id in another project is another file.
    assert!(read(blobs, ProjectId(8), one).await.is_none());
    for _ in 0..2 {
        blobs.delete(PROJECT, one).await.unwrap();
        assert!(read(blobs, PROJECT, one).await.is_none());
    }
    assert_eq!(
        read(blobs, PROJECT, two).await.as_deref(),
        Some(&b"two"[..])
    );
}

#[cfg(unix)]
#[test]
fn a_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("attachments");
    Blobs::open(&Place::Folder(path.clone())).unwrap();
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_keeps_what_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Folder(dir.path().join("new").join("attachments"));
    let blobs = Blobs::open(&place).unwrap();
    keeps_what_it_is_given(&blobs).await;
    // Another process finds it where it was put, and nothing else lies about.
    let id = id();
    blobs
        .put(PROJECT, id, Bytes::from_static(b"x"))
        .await
        .unwrap();
    let path = dir.path().join(format!("new/attachments/7/{id}"));
    assert_eq!(std::fs::read(path).unwrap(), b"x");
    let files = std::fs::read_dir(dir.path().join("new/attachments/7")).unwrap();
    assert_eq!(files.count(), 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Blobs::open(&Place::Folder(file.join("below")))
        .err()
        .unwrap();
    assert!(matches!(error, Error::Folder { .. }), "{error}");
}

/// A bucket in memory: keys and what was sent with them.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Bytes>>>);

async fn serve(State(bucket): State<Bucket>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let signature = parts.headers.get("authorization");
    let signature = signature
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !signature.contains("Credential=AKEXAMPLE/") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let key = parts.uri.path().to_owned();
    match parts.method {
        Method::PUT => {
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            bucket.0.lock().unwrap().insert(key, bytes);
            ([("etag", "\"1\"")], "").into_response()
        }
        Method::DELETE => {
            bucket.0.lock().unwrap().remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => match bucket.0.lock().unwrap().get(&key) {
            Some(bytes) => {
                let headers = [
                    ("etag", "\"1\""),
                    ("last-modified", "Tue, 31 Mar 2026 15:30:45 GMT"),
                ];
                (headers, bytes.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

async fn bucket() -> (Bucket, String) {
    let bucket = Bucket::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(serve).with_state(bucket.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (bucket, format!("http://{address}"))
}

fn place(endpoint: &str, key: &str) -> Place {
    let settings = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SOMETHING_ELSE", "ignored"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Place::Bucket {
        bucket: "help".to_owned(),
        prefix: "files/eu".to_owned(),
        settings: settings.into_iter().map(owned).collect(),
    }
}

#[tokio::test]
async fn a_bucket_keeps_what_it_is_given() {
    let (bucket, endpoint) = bucket().await;
    let blobs = Blobs::open(&place(&endpoint, "AKEXAMPLE")).unwrap();
    keeps_what_it_is_given(&blobs).await;
    let keys: Vec<String> = bucket.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("/help/files/eu/7/"), "{keys:?}");
}

#[tokio::test]
async fn a_bucket_that_refuses_is_an_error() {
    let (_, endpoint) = bucket().await;
    let blobs = Blobs::open(&place(&endpoint, "SOMEBODY")).unwrap();
    assert!(
        blobs
            .put(PROJECT, id(), Bytes::from_static(b"x"))
            .await
            .is_err()
    );
    assert!(blobs.read(PROJECT, id()).await.is_err());
    assert!(blobs.size(PROJECT, id()).await.is_err());
    assert!(blobs.delete(PROJECT, id()).await.is_err());
}

#[test]
fn a_place_shows_no_secret() {
    let shown = format!("{:?}", place("http://x", "AKEXAMPLE"));
    assert_eq!(shown, "Bucket(help/files/eu)");
}
