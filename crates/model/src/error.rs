//! Every error code a client can meet, as one table (conventions.md 4).
//!
//! The table is data: the HTTP layer takes status and type from it, and the page of error codes in the
//! documentation is printed from it.

use std::fmt;

/// One line of the error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code itself.
    pub code: Code,
    /// The text of `code` in the envelope.
    pub name: &'static str,
    /// HTTP status.
    pub status: u16,
    /// The text of `type` in the envelope.
    pub kind: &'static str,
    /// What `detail` says when nothing more exact is known.
    pub detail: &'static str,
    /// When it is sent and what to do, for the documentation.
    pub doc: &'static str,
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $status:literal $kind:literal $name:literal $detail:literal; )*) => {
        /// What went wrong, as clients match on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $variant, )* }

        /// The error table, in the order of the documentation.
        pub const TABLE: &[Entry] = &[ $( Entry {
            code: Code::$variant,
            name: $name,
            status: $status,
            kind: $kind,
            detail: $detail,
            doc: concat!($($doc),+),
        }, )* ];
    };
}

codes! {
    /// A value has the wrong form, or a rule about the whole body is broken.
    InvalidInput = 400 "validation_error" "invalid_input" "Invalid input.";
    /// Nobody has this e-mail address and this password. It is not told which of them is wrong.
    InvalidCredentials = 400 "validation_error" "invalid_credentials" "The e-mail address or the password is wrong.";
    /// A field that must be there is missing.
    Required = 400 "validation_error" "required" "This field is required.";
    /// A field, or the whole body, is `null` where that is not allowed.
    Null = 400 "validation_error" "null" "This field may not be null.";
    /// A text is empty, or only white space.
    Blank = 400 "validation_error" "blank" "This field may not be blank.";
    /// A text or a list is too long. Texts are counted in code points, after trimming.
    MaxLength = 400 "validation_error" "max_length" "This value is too long.";
    /// A value is not one of those that are possible.
    InvalidChoice = 400 "validation_error" "invalid_choice" "Not a valid choice.";
    /// Something with this value exists already.
    Unique = 400 "validation_error" "unique" "This value is taken already.";
    /// An object was expected.
    NotADict = 400 "validation_error" "not_a_dict" "Expected a dictionary of items.";
    /// A list was expected.
    NotAList = 400 "validation_error" "not_a_list" "Expected a list of items.";
    /// A list that must have an element has none.
    Empty = 400 "validation_error" "empty" "This list may not be empty.";
    /// A number is too small.
    MinValue = 400 "validation_error" "min_value" "This value is too small.";
    /// A number is too big.
    MaxValue = 400 "validation_error" "max_value" "This value is too big.";
    /// A text contains the character U+0000.
    NullCharacters = 400 "validation_error" "null_characters_not_allowed" "Null characters are not allowed.";
    /// The body cannot be read: malformed JSON or form.
    ParseError = 400 "invalid_request" "parse_error" "Malformed request.";
    /// No credentials were found in the request.
    NotAuthenticated = 401 "authentication_error" "not_authenticated" "Authentication credentials were not provided.";
    /// Credentials were found, and they are not valid.
    AuthenticationFailed = 401 "authentication_error" "authentication_failed" "Incorrect authentication credentials.";
    /// The project has used up its AI credits.
    QuotaLimitExceeded = 402 "server_error" "quota_limit_exceeded" "Your organization reached its AI credit usage limit.";
    /// The caller is known and may not do this; `detail` names what is missing.
    PermissionDenied = 403 "authentication_error" "permission_denied" "You do not have permission to perform this action.";
    /// There is no such thing, or not for this caller.
    NotFound = 404 "invalid_request" "not_found" "Not found.";
    /// The path exists and does not take this method; `Allow` lists those that it takes.
    MethodNotAllowed = 405 "invalid_request" "method_not_allowed" "Method not allowed.";
    /// `Accept` excludes every form the answer could have.
    NotAcceptable = 406 "invalid_request" "not_acceptable" "Could not satisfy the request Accept header.";
    /// The body did not arrive in time. Send it again.
    RequestTimeout = 408 "invalid_request" "request_timeout" "The request body was not received in time.";
    /// The state of the thing does not allow this now.
    Conflict = 409 "server_error" "conflict" "The request conflicts with the current state.";
    /// The position in a stream is no longer kept: read the thing itself instead.
    CursorExpired = 410 "invalid_request" "cursor_expired" "This position of the stream is no longer available. Read the conversation instead.";
    /// The body is longer than this server accepts.
    RequestTooLarge = 413 "invalid_request" "request_too_large" "Request body is too large.";
    /// The body is of a kind this endpoint does not read.
    UnsupportedMediaType = 415 "invalid_request" "unsupported_media_type" "Unsupported media type in request.";
    /// Too many requests; `Retry-After` says how many seconds to wait.
    Throttled = 429 "throttled_error" "throttled" "Request was throttled.";
    /// Something broke on our side. The log has the reason under the request's `X-Request-Id`.
    Error = 500 "server_error" "error" "A server error occurred.";
    /// The server cannot take the request now (storage busy or away, or shutting down); `Retry-After` says when to try again.
    Unavailable = 503 "server_error" "error" "A server error occurred.";
}

impl Code {
    /// This code's line of the table.
    pub const fn entry(self) -> &'static Entry {
        // The variants and the lines come from the same macro, in the same order.
        &TABLE[self as usize]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().name)
    }
}

/// A request that breaks a rule: what the client is told, and about which field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{detail}", attr.as_deref().map(|attr| format!("{attr}: ")).unwrap_or_default())]
pub struct FieldError {
    /// Which rule.
    pub code: Code,
    /// The sentence for people.
    pub detail: String,
    /// The field, nested names joined with `__`; `None` for a rule about the whole body.
    pub attr: Option<String>,
}

impl FieldError {
    /// A rule about the whole body.
    pub fn whole(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            attr: None,
        }
    }

    /// A rule about one field.
    pub fn at(attr: impl Into<String>, code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            attr: Some(attr.into()),
        }
    }

    /// A rule about one field, with the table's own sentence.
    pub fn plain(attr: impl Into<String>, code: Code) -> Self {
        Self::at(attr, code, code.entry().detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_finds_its_own_line() {
        for entry in TABLE {
            assert_eq!(entry.code.entry(), entry);
            assert!(!entry.doc.trim().is_empty());
            assert!(entry.detail.ends_with('.'));
        }
    }

    #[test]
    fn types_follow_the_status() {
        for entry in TABLE {
            let expected = match entry.status {
                401 | 403 => "authentication_error",
                402 | 409 | 500 | 503 => "server_error",
                429 => "throttled_error",
                400 if entry.code != Code::ParseError => "validation_error",
                _ => "invalid_request",
            };
            assert_eq!(entry.kind, expected, "{}", entry.name);
        }
    }
}
