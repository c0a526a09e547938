//! The order of judgement, and what a refusal tells.

use super::{Caller, Gate, Page, Verdict};
use crate::access::credentials::salted;
use crate::access::scope::Scope;
use crate::base64;
use crate::http::rules::HttpSettings;
use hyper::Request;
use hyper::http::request::Parts;

const LOOPBACK: Caller = Caller::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:9091");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn status(gate: &Gate, head: Parts) -> u16 {
    match gate.judge(&head, LOOPBACK).await {
        Verdict::Refused(reply) => {
            assert!(
                !reply.headers().contains_key("x-transmission-session-id"),
                "a refusal tells no session id"
            );
            reply.status().as_u16()
        }
        Verdict::Repeat(reply) => reply.status().as_u16(),
        Verdict::Web(_) | Verdict::Page(_) | Verdict::Call(_) => 200,
    }
}

fn locked() -> HttpSettings {
    HttpSettings {
        authentication_required: true,
        username: "ana".into(),
        password: salted("pw"),
        ..HttpSettings::default()
    }
}

fn basic(plain: &str) -> String {
    let mut out = Vec::new();
    base64::encode(plain.as_bytes(), &mut out);
    format!("Basic {}", String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn each_check_comes_before_the_next() {
    let gate = Gate::new(HttpSettings::default());
    let id = gate.session_id();
    let session = ("x-transmission-session-id", id.as_str());
    let evil = ("host", "evil.example");
    for (method, path, headers, expected) in [
        ("OPTIONS", "/anything", &[evil][..], 200),
        ("GET", "/", &[evil], 301),
        ("GET", "/transmission", &[], 301),
        ("GET", "/transmission/", &[], 301),
        ("GET", "/transmission/web", &[], 301),
        ("GET", "/transmission/web/index.html", &[evil], 200),
        ("POST", "/transmission/web/index.html", &[], 405),
        ("POST", "/transmission/rpc", &[evil, session], 421),
        ("POST", "/transmission/nonsense", &[evil, session], 421),
        ("POST", "/transmission/nonsense", &[session], 404),
        ("POST", "/transmission/rpcs", &[session], 404),
        ("POST", "/transmission/rpc", &[], 409),
        ("GET", "/transmission/rpc", &[], 409),
        ("GET", "/transmission/rpc", &[session], 405),
        ("PUT", "/transmission/rpc", &[session], 405),
        ("POST", "/transmission/rpc", &[session], 200),
        ("POST", "/transmission/rpc/", &[session], 200),
        ("POST", "/transmission//rpc", &[session], 200),
        ("POST", "/transmission/rpc", &[session, ("origin", "http://evil.example")], 403),
        ("POST", "/transmission/rpc", &[session, ("origin", "http://localhost:9091")], 200),
        ("GET", "/healthz", &[evil], 200),
        ("GET", "/metrics", &[evil], 421),
        ("GET", "/metrics", &[("origin", "http://evil.example")], 403),
        ("POST", "/metrics", &[], 405),
        ("GET", "/events", &[], 200),
    ] {
        assert_eq!(status(&gate, head(method, path, headers)).await, expected, "{method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn addresses_off_the_whitelist_get_nothing_at_all() {
    let gate = Gate::new(HttpSettings { whitelist: "10.0.0.*".into(), ..HttpSettings::default() });
    for path in ["/", "/healthz", "/transmission/web/", "/transmission/rpc"] {
        assert_eq!(status(&gate, head("GET", path, &[])).await, 403, "{path}");
    }
    assert_eq!(status(&gate, head("OPTIONS", "/", &[])).await, 403);
    let verdict = gate.judge(&head("GET", "/transmission/web/", &[]), Caller::Socket).await;
    assert!(matches!(verdict, Verdict::Web(_)), "a unix socket has no address");
}

#[tokio::test]
async fn a_password_is_asked_before_anything_is_told() {
    let gate = Gate::new(locked());
    for path in ["/", "/transmission/web/", "/transmission/rpc", "/metrics"] {
        assert_eq!(status(&gate, head("GET", path, &[])).await, 401, "{path}");
    }
    assert_eq!(status(&gate, head("GET", "/healthz", &[])).await, 200);
    let right = basic("ana:pw");
    let auth = ("authorization", right.as_str());
    assert_eq!(status(&gate, head("POST", "/transmission/rpc", &[auth])).await, 409);
    assert_eq!(status(&gate, head("POST", "/transmission/rpc", &[auth, ("host", "any.name")])).await, 409);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_lock_their_own_address_only() {
    let settings = HttpSettings {
        anti_brute_force_enabled: true,
        anti_brute_force_threshold: 20,
        whitelist_enabled: false,
        ..locked()
    };
    let gate = Gate::new(settings);
    let (wrong, right) = (basic("ana:guess"), basic("ana:pw"));
    for _ in 0..20 {
        assert_eq!(status(&gate, head("GET", "/", &[("authorization", &wrong)])).await, 401);
    }
    let login = head("GET", "/", &[("authorization", &right)]);
    assert_eq!(status(&gate, login.clone()).await, 403);
    let other = Caller::Address("10.1.1.1".parse().unwrap());
    let Verdict::Refused(reply) = gate.judge(&login, other).await else { panic!("a redirect is a refusal") };
    assert_eq!(reply.status(), 301, "another address may log in");
}

#[tokio::test]
async fn tokens_narrow_what_their_holder_may_do() {
    let token =
        crate::access::scope::Token { name: "grafana".into(), scope: Scope::ReadOnly, secret: salted("tok") };
    for authentication_required in [false, true] {
        let gate =
            Gate::new(HttpSettings { tokens: vec![token.clone()], authentication_required, ..locked() });
        let asked = head("GET", "/metrics", &[("authorization", "Bearer tok")]);
        let verdict = gate.judge(&asked, LOOPBACK).await;
        assert!(matches!(verdict, Verdict::Page(Page::Metrics)));
        assert_eq!(status(&gate, head("GET", "/metrics", &[("authorization", "Bearer no")])).await, 401);
    }
}
