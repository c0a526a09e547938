//! The texts of UPnP: what a router says of itself, and what it is told to do.

use super::super::{Protocol, Wish};
use roxmltree::{Document, Node};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use url::{Position, Url};

/// Services that map ports, the best first.
const SERVICES: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];

/// The one of them that gives another port where the wished one is taken.
const CHOOSES_PORTS: &str = SERVICES[0];

/// The service that lets packets of IPv6 in.
const FIREWALL: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";

/// What maps ports in a router, or lets packets in.
pub(super) struct Control {
    kind: &'static str,
    /// Where it is asked.
    pub(super) path: String,
}

/// A request to a service.
pub(super) struct Call {
    /// The header that names it.
    pub(super) action: String,
    pub(super) body: String,
}

/// The question who is a router of a version.
pub(super) fn search(to: SocketAddr, version: u8) -> String {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {to}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
         ST: urn:schemas-upnp-org:device:InternetGatewayDevice:{version}\r\n\r\n"
    )
}

/// Where a device that answers describes itself.
pub(super) fn location(answer: &[u8]) -> Option<Url> {
    let text = std::str::from_utf8(answer).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?;
    let location = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("location").then_some(value.trim())
    })?;
    if status.starts_with("HTTP/1.1 200") { Url::parse(location).ok() } else { None }
}

/// The best service of a description that maps ports.
pub(super) fn service(description: &str) -> Option<Control> {
    first_of(&SERVICES, description)
}

/// The service of a description that lets packets of IPv6 in.
pub(super) fn firewall(description: &str) -> Option<Control> {
    first_of(&[FIREWALL], description)
}

fn first_of(kinds: &[&'static str], description: &str) -> Option<Control> {
    let document = Document::parse(description).ok()?;
    let services: Vec<Node<'_, '_>> =
        document.descendants().filter(|node| node.tag_name().name() == "service").collect();
    kinds.iter().copied().find_map(|kind| {
        let service = services.iter().find(|service| text(service, "serviceType") == Some(kind))?;
        // Whatever host stands in it: the router that was found is asked.
        let control = text(service, "controlURL")?;
        let base = Url::parse("http://router/").ok()?;
        Some(Control { kind, path: path(&base.join(control).ok()?).to_owned() })
    })
}

/// What a server is asked for by a URL.
pub(super) fn path(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

fn text<'a>(node: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|child| child.tag_name().name() == name)?.text().map(str::trim)
}

impl Control {
    /// Maps a port of ours, at `own`.
    pub(super) fn add(&self, wish: Wish, own: IpAddr) -> Call {
        let action = if self.kind == CHOOSES_PORTS { "AddAnyPortMapping" } else { "AddPortMapping" };
        let more = format!(
            "<NewInternalPort>{}</NewInternalPort><NewInternalClient>{own}</NewInternalClient>\
             <NewEnabled>1</NewEnabled><NewPortMappingDescription>starling</NewPortMappingDescription>\
             <NewLeaseDuration>{}</NewLeaseDuration>",
            wish.port,
            wish.lifetime.as_secs(),
        );
        self.call(action, wish, &more)
    }

    /// Takes a mapping back.
    pub(super) fn delete(&self, wish: Wish) -> Call {
        self.call("DeletePortMapping", wish, "")
    }

    /// Lets packets to our port, at `own`, in.
    pub(super) fn open(&self, wish: Wish, own: Ipv6Addr) -> Call {
        let arguments = format!(
            "<RemoteHost></RemoteHost><RemotePort>0</RemotePort><InternalClient>{own}</InternalClient>\
             <InternalPort>{}</InternalPort><Protocol>{}</Protocol><LeaseTime>{}</LeaseTime>",
            wish.port,
            wish.protocol.number(),
            wish.lifetime.as_secs(),
        );
        self.envelope("AddPinhole", &arguments)
    }

    /// Lets them in for longer.
    pub(super) fn keep_open(&self, pinhole: u16, wish: Wish) -> Call {
        let seconds = wish.lifetime.as_secs();
        let arguments = format!("<UniqueID>{pinhole}</UniqueID><NewLeaseTime>{seconds}</NewLeaseTime>");
        self.envelope("UpdatePinhole", &arguments)
    }

    /// Lets them in no longer.
    pub(super) fn shut(&self, pinhole: u16) -> Call {
        self.envelope("DeletePinhole", &format!("<UniqueID>{pinhole}</UniqueID>"))
    }

    fn call(&self, action: &str, wish: Wish, more: &str) -> Call {
        let protocol = match wish.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        let arguments = format!(
            "<NewRemoteHost></NewRemoteHost><NewExternalPort>{}</NewExternalPort>\
             <NewProtocol>{protocol}</NewProtocol>{more}",
            wish.external_port,
        );
        self.envelope(action, &arguments)
    }

    fn envelope(&self, action: &str, arguments: &str) -> Call {
        let kind = self.kind;
        let body = format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
             <u:{action} xmlns:u=\"{kind}\">{arguments}</u:{action}></s:Body></s:Envelope>",
        );
        Call { action: format!("\"{kind}#{action}\""), body }
    }
}

/// The port that a router chose by itself.
pub(super) fn reserved_port(answer: &str) -> Option<u16> {
    value(answer, "NewReservedPort")
}

/// What a router calls a pinhole.
pub(super) fn pinhole(answer: &str) -> Option<u16> {
    value(answer, "UniqueID")
}

/// Why a router refuses.
pub(super) fn error_code(answer: &str) -> Option<u16> {
    value(answer, "errorCode")
}

fn value(answer: &str, name: &str) -> Option<u16> {
    let document = Document::parse(answer).ok()?;
    let node = document.descendants().find(|node| node.tag_name().name() == name)?;
    node.text()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn description(services: &[&str]) -> String {
        let service = |kind: &&str| {
            format!("<service><serviceType>{kind}</serviceType><controlURL>/c?{kind}</controlURL></service>")
        };
        let list: Vec<String> = services.iter().map(service).collect();
        let list = list.concat();
        format!(
            "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><deviceList><device>\
             <serviceList>{list}</serviceList></device></deviceList></device></root>"
        )
    }

    #[test]
    fn the_best_service_is_chosen() {
        let kind = |services: &[&str]| service(&description(services)).map(|service| service.kind);
        assert_eq!(kind(&[SERVICES[2], SERVICES[1], "urn:x"]), Some(SERVICES[1]));
        assert_eq!(kind(&SERVICES), Some(SERVICES[0]));
        assert_eq!(kind(&["urn:schemas-upnp-org:service:Layer3Forwarding:1"]), None);
        assert!(service("<root").is_none() && service("").is_none());
    }

    #[test]
    fn wherever_the_control_url_points_the_router_is_asked() {
        for (control, path) in [("/c", "/c"), ("c/d", "/c/d"), ("http://10.0.0.1:80/x", "/x")] {
            let text = description(&[SERVICES[1]]).replace(&format!("/c?{}", SERVICES[1]), control);
            assert_eq!(service(&text).map(|service| service.path).as_deref(), Some(path));
        }
    }

    #[test]
    fn answers_of_devices() {
        let good = b"HTTP/1.1 200 OK\r\nSt: x\r\nLocation:  http://192.168.1.1:5000/d.xml\r\n\r\n";
        assert_eq!(location(good).map(String::from).as_deref(), Some("http://192.168.1.1:5000/d.xml"));
        assert_eq!(location(b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n"), None);
        assert_eq!(location(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(location(b"\xff\xfe"), None);
    }

    #[test]
    fn calls_name_the_service_and_its_version() {
        let wish = Wish {
            protocol: Protocol::Udp,
            port: 6881,
            external_port: 7000,
            lifetime: Duration::from_mins(1),
        };
        let of = |kind| Control { kind, path: String::new() };
        let call = of(SERVICES[1]).add(wish, [192, 168, 1, 2].into());
        assert_eq!(call.action, format!("\"{}#AddPortMapping\"", SERVICES[1]));
        let document = Document::parse(&call.body).expect("good XML");
        let value = |name| {
            let node = document.descendants().find(|node| node.tag_name().name() == name).expect(name);
            node.text().unwrap_or_default().to_owned()
        };
        assert_eq!((value("NewExternalPort"), value("NewInternalPort")), ("7000".into(), "6881".into()));
        assert_eq!((value("NewProtocol"), value("NewLeaseDuration")), ("UDP".into(), "60".into()));
        assert_eq!(value("NewInternalClient"), "192.168.1.2");
        assert!(of(SERVICES[0]).add(wish, [10, 0, 0, 1].into()).action.contains("#AddAnyPortMapping"));
        assert!(of(SERVICES[0]).delete(wish).action.contains("#DeletePortMapping"));
    }

    #[test]
    fn what_routers_answer() {
        assert_eq!(reserved_port("<a><NewReservedPort> 7001 </NewReservedPort></a>"), Some(7001));
        assert_eq!(error_code("<a><errorCode>718</errorCode></a>"), Some(718));
        assert_eq!(error_code("718"), None);
    }
}
