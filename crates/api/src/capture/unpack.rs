//! The forms in which events are sent: JSON as it is, compressed with gzip, in base64, or both, alone or as the field
//! `data` of a form. Senders say in many ways which it is, and not always truly, so the bytes decide.

use crate::ApiError;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::bufread::GzDecoder;
use model::Code;
use std::io::Read as _;

/// The longest text that comes out, in bytes.
const TEXT_MAX: usize = 4 * 1024 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a body holds.
#[derive(Debug, PartialEq)]
pub(super) struct Packed {
    /// Text that begins like JSON.
    pub(super) json: Vec<u8>,
    /// The token, when it is a field of the form.
    pub(super) token: Option<String>,
}

/// Takes the JSON out of a body.
///
/// # Errors
/// 400 `parse_error`; 413 when more comes out than is read.
pub(super) fn unpack(bytes: Vec<u8>) -> Result<Packed, ApiError> {
    if is_packed(&bytes) && is_form(&bytes) {
        return unpack_form(&bytes);
    }
    Ok(Packed {
        json: unpack_data(bytes)?,
        token: None,
    })
}

fn unpack_form(bytes: &[u8]) -> Result<Packed, ApiError> {
    let (mut data, mut token) = (None, None);
    for (name, value) in form_urlencoded::parse(bytes).take(16) {
        match &*name {
            "data" => data = Some(value.into_owned()),
            "api_key" | "token" => token = Some(value.into_owned()),
            _ => {}
        }
    }
    let data = data.ok_or_else(|| malformed("the form has no field named data"))?;
    Ok(Packed {
        json: unpack_data(data.into_bytes())?,
        token: token.filter(|token| !token.is_empty()),
    })
}

fn unpack_data(bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if !is_packed(&bytes) {
        return Ok(bytes);
    }
    let bytes = if bytes.starts_with(&GZIP) {
        bytes
    } else {
        decode_base64(bytes)?
    };
    let bytes = if bytes.starts_with(&GZIP) {
        decompress(&bytes)?
    } else {
        bytes
    };
    if is_packed(&bytes) {
        return Err(malformed("expected an object or a list"));
    }
    Ok(bytes)
}

/// Whether the bytes begin unlike JSON.
fn is_packed(bytes: &[u8]) -> bool {
    !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn is_form(bytes: &[u8]) -> bool {
    let name = bytes.split(|byte| *byte == b'=').next().unwrap_or_default();
    const NAMES: [&[u8]; 7] = [
        b"data",
        b"api_key",
        b"token",
        b"compression",
        b"ip",
        b"ver",
        b"_",
    ];
    name.len() < bytes.len() && NAMES.contains(&name)
}

fn decode_base64(mut bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    // A plus sign that was not escaped in a form has become a space.
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    for byte in &mut bytes {
        match byte {
            b' ' | b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    BASE64
        .decode(bytes)
        .map_err(|_| malformed("expected JSON, gzip or base64"))
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut text = Vec::new();
    let most = u64::try_from(TEXT_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    GzDecoder::new(bytes)
        .take(most)
        .read_to_end(&mut text)
        .map_err(|_| malformed("the compressed data is damaged"))?;
    if text.len() > TEXT_MAX {
        return Err(ApiError::new(Code::RequestTooLarge));
    }
    Ok(text)
}

pub(super) fn malformed(what: &str) -> ApiError {
    ApiError::with_detail(Code::ParseError, format!("JSON parse error - {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn base64(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn status(bytes: &[u8]) -> u16 {
        unpack(bytes.to_vec()).unwrap_err().status().as_u16()
    }

    #[test]
    fn every_form_gives_the_same_text() {
        let text = "{\"a\":\"\u{f8}\u{ff}>>??~\"}".as_bytes();
        let escaped = |text: &str| {
            form_urlencoded::Serializer::new(String::new())
                .append_pair("data", text)
                .append_pair("token", "t")
                .finish()
        };
        let plain = base64(text);
        for (body, token) in [
            (text.to_vec(), None),
            ([b" \n", text].concat(), None),
            (gzip(text), None),
            (plain.clone().into_bytes(), None),
            (plain.trim_end_matches('=').to_owned().into_bytes(), None),
            (plain.replace('+', "-").replace('/', "_").into_bytes(), None),
            (base64(&gzip(text)).into_bytes(), None),
            (escaped(&plain).into_bytes(), Some("t")),
            (escaped(&base64(&gzip(text))).into_bytes(), Some("t")),
            (
                escaped(std::str::from_utf8(text).unwrap()).into_bytes(),
                Some("t"),
            ),
            (
                format!("compression=base64&data={plain}").into_bytes(),
                None,
            ),
        ] {
            let packed = unpack(body).unwrap();
            assert_eq!(packed.json.trim_ascii(), text);
            assert_eq!(packed.token.as_deref(), token);
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for body in [
            &b""[..],
            b"5",
            b"null",
            b"!",
            b"data=",
            b"data=%7",
            b"token=x",
            b"\x1f\x8bxx",
            b"AAAA",
        ] {
            assert_eq!(status(body), 400, "{body:?}");
        }
        let whole = gzip(b"{\"a\": 1}");
        assert_eq!(status(&whole[..whole.len() - 1]), 400);
    }

    #[test]
    fn a_bomb_stays_packed() {
        let mut bomb = vec![b' '; TEXT_MAX + 1];
        bomb[0] = b'{';
        let bomb = gzip(&bomb);
        assert!(bomb.len() < 10_000);
        assert_eq!(status(&bomb), 413);
        assert_eq!(status(base64(&bomb).as_bytes()), 413);
        // One layer is taken off, and no more.
        assert_eq!(status(&gzip(&gzip(b"{}"))), 400);
    }
}
