//! `port-test`.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use crate::error::{Kind, RpcError};
use crate::json::Json;
use daemon::Family;

/// The families by their names on the wire.
const FAMILIES: [(&str, Family); 2] = [("ipv4", Family::V4), ("ipv6", Family::V6)];

impl Calls {
    /// Can peers outside reach us?
    pub(super) async fn port_test(&self, args: &Args, out: &mut Json) -> Outcome {
        let wanted = args.text("ip_protocol");
        let family = FAMILIES.into_iter().find(|(name, _)| wanted == Some(name));
        if family.is_none() && args.get("ip_protocol").is_some_and(|value| !value.is_null()) {
            return Err(RpcError::new(Kind::Params, "`ip_protocol` is `ipv4` or `ipv6`"));
        }
        let is_open = self.daemon.test_port(family.map(|(_, family)| family)).await;
        let is_open = is_open.map_err(|error| RpcError::new(Kind::Backend, error.to_string()))?;
        out.key("port_is_open").boolean(is_open);
        if let Some((name, _)) = family {
            out.key("ip_protocol").string(name);
        }
        Ok(())
    }
}
