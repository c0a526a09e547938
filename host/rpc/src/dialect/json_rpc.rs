//! JSON-RPC 2.0.

use crate::access::scope::{Scope, only_reads};
use crate::args::Args;
use crate::calls::Calls;
use crate::error::{Kind, RpcError};
use crate::json::Json;
use crate::limits::BATCH_BYTES;
use crate::names::canonical;
use serde_json::{Map, Value};

/// What a call asks for.
struct Call {
    method: String,
    args: Args,
    /// `None` for a notification.
    id: Option<Value>,
}

/// Answers one call; writes nothing for a notification.
pub(super) async fn answer(calls: &Calls, call: Value, scope: Scope, out: &mut Json) {
    let call = match read(call) {
        Ok(call) => call,
        Err((id, kind)) => return write_error(&id, &kind.into(), None, out),
    };
    let Some(id) = call.id else {
        if !only_reads(&call.method) {
            // Nobody waits for the outcome, good or bad.
            let mut unheard = Json::new(out.dialect());
            let _ = calls.run(&call.method, call.args, scope, &mut unheard).await;
        }
        return;
    };
    if out.len() > BATCH_BYTES {
        let error = RpcError::new(Kind::System, "the answers to this batch are too long; ask in several");
        return write_error(&id, &error, None, out);
    }
    let start = out.len();
    out.open_object();
    out.raw_key("jsonrpc").string("2.0");
    out.raw_key("result").open_object();
    let result = out.len() - 1;
    let outcome = calls.run(&call.method, call.args, scope, out).await;
    out.close_object();
    match outcome {
        Ok(()) => {
            out.raw_key("id").value(&id);
            out.close_object();
        }
        Err(error) => {
            let told = error.has_result.then(|| out.since(result));
            out.truncate(start);
            write_error(&id, &error, told.as_deref(), out);
        }
    }
}

/// Writes a failure, and what there is of a result.
pub(super) fn write_error(id: &Value, error: &RpcError, result: Option<&[u8]>, out: &mut Json) {
    out.object(|out| {
        out.raw_key("jsonrpc").string("2.0");
        out.raw_key("error").object(|out| {
            out.raw_key("code").integer(error.kind.code());
            out.raw_key("message").string(&error.kind.to_string());
            if error.text.is_some() || result.is_some() {
                out.raw_key("data").object(|out| {
                    if let Some(text) = &error.text {
                        out.raw_key("error_string").string(text);
                    }
                    if let Some(result) = result {
                        out.raw_key("result").written(result);
                    }
                });
            }
        });
        out.raw_key("id").value(id);
    });
}

/// Reads a call, or tells whom to answer with what.
fn read(call: Value) -> Result<Call, (Value, Kind)> {
    let Value::Object(mut members) = call else { return Err((Value::Null, Kind::Request)) };
    let id = members.remove("id");
    if !id.as_ref().is_none_or(|id| matches!(id, Value::String(_) | Value::Number(_) | Value::Null)) {
        return Err((Value::Null, Kind::Request));
    }
    let answer_to = id.clone().unwrap_or(Value::Null);
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err((answer_to, Kind::Request));
    }
    let Some(method) = members.get("method").and_then(Value::as_str).map(canonical) else {
        return Err((answer_to, Kind::Request));
    };
    match members.remove("params") {
        None => Ok(Call { method, args: Args::new(Map::new()), id }),
        Some(Value::Object(params)) => Ok(Call { method, args: Args::new(params), id }),
        Some(_) => Err((answer_to, Kind::Params)),
    }
}
