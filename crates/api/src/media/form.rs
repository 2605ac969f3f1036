//! The form that a file comes in.

use crate::{ApiError, body};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use model::error::{Code, FieldError};
use model::media::SIZE_MAX;
use std::time::Duration;

/// How long a form may take to arrive: a big file over a slow line.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(300);
/// What a form may have besides the file, in bytes.
const AROUND: usize = 64 * 1024;
/// Parts that are looked at.
const MOST_PARTS: usize = 20;

/// A file that has arrived.
pub(super) struct Upload {
    /// As the client named it; may be empty.
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// Takes a form in: the first file under the name `image` or `file`.
///
/// # Errors
/// 408, 413, 415, and 400 for a form that cannot be read or has no such file.
pub(super) async fn receive(body: Body, headers: &HeaderMap) -> Result<Upload, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map_or("", |value| value.to_str().unwrap_or_default());
    let is_form = content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"));
    if !is_form {
        let shown: String = content_type.chars().take(200).collect();
        let detail = format!("Unsupported media type \"{shown}\" in request.");
        return Err(ApiError::with_detail(Code::UnsupportedMediaType, detail));
    }
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let most = usize::try_from(SIZE_MAX).unwrap_or(usize::MAX);
    let bytes = body::receive_within(body, headers, most + AROUND, RECEIVE_TIMEOUT).await?;
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let mut form = multer::Multipart::new(stream, boundary);
    for _ in 0..MOST_PARTS {
        let Some(part) = form.next_field().await.map_err(malformed)? else {
            break;
        };
        let is_wanted = matches!(part.name(), Some("image" | "file"));
        let name = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(malformed)?;
        if let (true, Some(name)) = (is_wanted, name) {
            if bytes.len() > most {
                return Err(ApiError::new(Code::RequestTooLarge));
            }
            if bytes.is_empty() {
                let detail = "The submitted file is empty.";
                return Err(FieldError::at("file", Code::Empty, detail).into());
            }
            return Ok(Upload { name, bytes });
        }
    }
    let detail = "A file must be provided as 'image' or 'file'.";
    Err(FieldError::at("file", Code::Required, detail).into())
}

fn malformed(error: multer::Error) -> ApiError {
    let detail = format!("Multipart form parse error - {error}");
    ApiError::with_detail(Code::ParseError, detail)
}
