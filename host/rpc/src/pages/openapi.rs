//! The pages described for programs (`OpenAPI` 3.1).

use crate::http::reply::{self, Reply};
use hyper::StatusCode;

const DESCRIPTION: &str = include_str!("../../page/openapi.json");

/// The description.
pub(crate) fn reply() -> Reply {
    reply::content(StatusCode::OK, "application/json; charset=UTF-8", DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use super::DESCRIPTION;
    use serde_json::Value;

    #[test]
    fn it_is_json_and_names_every_page() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        for path in ["/events", "/metrics", "/healthz", "/openapi.json", "/transmission/rpc"] {
            assert!(description["paths"][path].is_object(), "{path}");
        }
    }
}
