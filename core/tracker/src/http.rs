//! HTTP trackers: the URL to ask and the answer to read (BEP 3, 7, 23, 24, 31, 48).

mod url;

pub use url::{announce_url, scrape_url};
