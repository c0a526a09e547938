//! What trackers answer, over HTTP and UDP (BEP 3, 7, 15, 23, 24, 31, 48).
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracker::http::{parse_announce_response, parse_scrape_response};
use tracker::udp::{UdpRequest, UdpResponse};

fuzz_target!(|body: &[u8]| {
    let _ = parse_announce_response(body);
    let _ = parse_scrape_response(body, &[7; 20]);
    let _ = UdpRequest::decode(body);
    for is_ipv6 in [false, true] {
        let _ = UdpResponse::decode(body, is_ipv6);
    }
});
