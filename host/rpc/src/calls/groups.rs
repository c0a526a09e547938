//! Bandwidth groups.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use crate::error::RpcError;
use crate::json::Json;
use daemon::Group;
use serde_json::Value;

impl Calls {
    pub(super) fn group_get(&self, args: &Args, out: &mut Json) {
        let asked = args.get("name").or_else(|| args.get("group"));
        let is_asked = |group: &Group| match asked {
            Some(Value::String(name)) => *name == group.name,
            Some(Value::Array(names)) => names.iter().any(|name| name.as_str() == Some(group.name.as_str())),
            _ => true,
        };
        out.key("group").list(self.daemon.groups().iter().filter(|group| is_asked(group)), |out, group| {
            out.object(|out| {
                out.key("honors_session_limits").boolean(group.honors_session_limits);
                out.key("name").string(&group.name);
                out.key("speed_limit_down").unsigned(group.down_limit.kilobytes_per_second.into());
                out.key("speed_limit_down_enabled").boolean(group.down_limit.enabled);
                out.key("speed_limit_up").unsigned(group.up_limit.kilobytes_per_second.into());
                out.key("speed_limit_up_enabled").boolean(group.up_limit.enabled);
            });
        });
    }

    pub(super) async fn group_set(&self, args: &Args) -> Outcome {
        let name = args.text("name").map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| RpcError::params("No group name given"))?;
        let known = self.daemon.groups().into_iter().find(|group| group.name == name);
        let mut group = known.unwrap_or_else(|| Group::new(name.to_owned()));
        let set = |value: Option<bool>, place: &mut bool| *place = value.unwrap_or(*place);
        set(args.boolean("honors_session_limits"), &mut group.honors_session_limits);
        set(args.boolean("speed_limit_down_enabled"), &mut group.down_limit.enabled);
        set(args.boolean("speed_limit_up_enabled"), &mut group.up_limit.enabled);
        let set = |value: Option<u32>, place: &mut u32| *place = value.unwrap_or(*place);
        set(args.count("speed_limit_down"), &mut group.down_limit.kilobytes_per_second);
        set(args.count("speed_limit_up"), &mut group.up_limit.kilobytes_per_second);
        Ok(self.daemon.set_group(group).await?)
    }
}
