//! The BitTorrent engine: sessions, torrents, peers, trackers and web seeds on real sockets.
