//! The legacy dialect: `{"method", "arguments", "tag"}` and `{"arguments", "result", "tag"}`.

use crate::access::scope::Scope;
use crate::args::Args;
use crate::calls::Calls;
use crate::error::{Kind, RpcError};
use crate::json::Json;
use crate::names::canonical;
use serde_json::{Map, Value};

/// Answers one call. A failure is told in `result`; HTTP knows nothing of it.
pub(super) async fn answer(calls: &Calls, mut call: Map<String, Value>, scope: Scope, out: &mut Json) {
    let method = call.get("method").and_then(Value::as_str).map(canonical).unwrap_or_default();
    let args = match call.remove("arguments") {
        Some(Value::Object(members)) => Args::new(members),
        _ => Args::default(),
    };
    out.open_object();
    out.raw_key("arguments").open_object();
    let start = out.len();
    let outcome = calls.run(&method, args, scope, out).await;
    if outcome.as_ref().is_err_and(|error| !error.has_result) {
        out.truncate(start);
    }
    out.close_object();
    out.raw_key("result").string(&outcome.map_or_else(|error| text(&error), |()| "success".to_owned()));
    if let Some(tag) = call.get("tag").filter(|tag| tag.is_i64() || tag.is_u64()) {
        out.raw_key("tag").value(tag);
    }
    out.close_object();
}

/// Clients look for words of Transmission.
fn text(error: &RpcError) -> String {
    match error.kind {
        Kind::Method => "no method name".to_owned(),
        _ => error.legacy_text(),
    }
}
