//! Tracker announce and scrape over HTTP and UDP, both ends, without input or output.
