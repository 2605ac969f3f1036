//! The trace that a request belongs to, as its caller says (W3C Trace Context).

/// The longest `tracestate` that is taken over, in bytes; a longer one is dropped, as the specification allows.
pub const STATE_MAX: usize = 512;

/// What the header `traceparent` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    text: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Reads a header; `None` when it is malformed, and is to be ignored.
    pub fn read(text: &'a str) -> Option<Self> {
        let is_hex = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|it| it != b'0');
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may say more; the first says nothing else, and `ff` is none.
        let may_say_more = version != "00";
        let is_valid = is_hex(version, 2)
            && version != "ff"
            && is_id(trace, 32)
            && is_id(span, 16)
            && is_hex(flags, 2)
            && (may_say_more || parts.next().is_none());
        is_valid.then_some(Self { text })
    }

    /// The header's text.
    pub const fn text(self) -> &'a str {
        self.text
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(self) -> &'a str {
        self.text.get(3..35).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_no_trace() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = TraceParent::read(good).unwrap();
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = format!("01{}-more", &good[2..]);
        assert!(TraceParent::read(&later).is_some());
        for text in [
            String::new(),
            "-".repeat(60),
            good.to_uppercase(),
            format!("{good}-"),
            format!("{good}0"),
            format!("ff{}", &good[2..]),
            good[..54].to_owned(),
            good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            good.replace("4bf9", "4bfg"),
            format!("\u{e4}{}", &good[1..]),
        ] {
            assert_eq!(TraceParent::read(&text), None, "{text}");
        }
    }
}
