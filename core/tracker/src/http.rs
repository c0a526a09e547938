//! HTTP trackers: the URL to ask and the answer to read (BEP 3, 7, 23, 24, 31, 48).

mod response;
mod url;

pub use response::{parse_announce_response, parse_scrape_response};
pub use url::{announce_url, scrape_url};
