//! One body, one or many calls, one answer: the two dialects around the calls.

mod json_rpc;
mod legacy;

use crate::access::scope::Scope;
use crate::calls::Calls;
use crate::error::Kind;
use crate::json::Json;
use crate::limits::{BATCH_CALLS, JSON_DEPTH};
use crate::names::Dialect;
use serde_json::Value;

/// Answers a body. `None` means that there is nothing to say: every call in it was a notification.
pub(crate) async fn answer(calls: &Calls, body: &[u8], scope: Scope) -> Option<Vec<u8>> {
    let parsed = if is_too_deep(body) { None } else { serde_json::from_slice(body).ok() };
    let mut out = Json::new(Dialect::JsonRpc);
    match parsed {
        None => json_rpc::write_error(&Value::Null, &Kind::Parse.into(), None, &mut out),
        Some(Value::Object(call)) if !call.contains_key("jsonrpc") => {
            let mut out = Json::new(Dialect::Legacy);
            legacy::answer(calls, call, scope, &mut out).await;
            return Some(out.into_bytes());
        }
        Some(Value::Array(batch)) if (1..=BATCH_CALLS).contains(&batch.len()) => {
            out.open_array();
            let empty = out.len();
            for call in batch {
                json_rpc::answer(calls, call, scope, &mut out).await;
            }
            if out.len() == empty {
                return None;
            }
            out.close_array();
        }
        Some(Value::Array(_)) => json_rpc::write_error(&Value::Null, &Kind::Request.into(), None, &mut out),
        Some(call) => json_rpc::answer(calls, call, scope, &mut out).await,
    }
    (out.len() > 0).then(|| out.into_bytes())
}

/// Are brackets nested deeper than any call needs? Told without building anything.
fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert!(!is_too_deep(b"[[[{}]]]"));
        assert!(is_too_deep("[".repeat(JSON_DEPTH + 1).as_bytes()));
        assert!(!is_too_deep("[]".repeat(JSON_DEPTH + 1).as_bytes()));
        let quoted = format!("\"{}\\\"{}\"", "[".repeat(100), "{".repeat(100));
        assert!(!is_too_deep(quoted.as_bytes()));
    }
}
