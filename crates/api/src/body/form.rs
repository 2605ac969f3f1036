//! Form bodies: every field a text, of equal names the last counts.

use crate::ApiError;
use bytes::Bytes;
use model::Code;
use serde_json::{Map, Value};

/// The most fields of a form, against bodies that are made to be slow.
const MOST_FIELDS: usize = 1000;

pub(super) fn urlencoded(bytes: &[u8]) -> Value {
    form_urlencoded::parse(bytes)
        .take(MOST_FIELDS)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect::<Map<_, _>>()
        .into()
}

/// Text fields only; files are passed over.
pub(super) async fn multipart(bytes: Bytes, content_type: &str) -> Result<Value, ApiError> {
    let malformed = |error: multer::Error| {
        let detail = format!("Multipart form parse error - {error}");
        ApiError::with_detail(Code::ParseError, detail)
    };
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let mut form = multer::Multipart::new(stream, boundary);
    let mut fields = Map::new();
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(malformed)? else {
            break;
        };
        let name = field.name().map(str::to_owned);
        let is_file = field.file_name().is_some();
        let content = field.bytes().await.map_err(malformed)?;
        if let (Some(name), false) = (name, is_file) {
            let text = String::from_utf8_lossy(&content).into_owned();
            fields.insert(name, Value::String(text));
        }
    }
    Ok(Value::Object(fields))
}
