//! Documents and datagrams as others send them.

use bencode::{DictWriter, ListWriter};

/// A torrent file of so many files in pieces of 1 MiB.
pub fn torrent_file(files: u32) -> Vec<u8> {
    let mut list = ListWriter::new();
    for number in 0..files {
        let mut path = ListWriter::new();
        path.bytes(format!("folder {}", number / 100)).bytes(format!("file {number}.bin"));
        let mut file = DictWriter::new();
        file.integer("length", 1 << 20).list("path", &path);
        list.dict(&file);
    }
    let mut info = DictWriter::new();
    info.list("files", &list)
        .bytes("name", "bench")
        .integer("piece length", 1 << 20)
        .bytes("pieces", vec![7; 20 * files as usize]);
    let mut torrent = DictWriter::new();
    torrent.bytes("announce", "http://tracker.example/announce").dict("info", &info);
    torrent.encode()
}

/// A tracker's answer with so many peers in compact form.
pub fn announce_response(peers: u32) -> Vec<u8> {
    let mut compact = Vec::new();
    for number in 0..peers {
        compact.extend((0x2d00_0000 + number * 257).to_be_bytes());
        compact.extend(6881u16.to_be_bytes());
    }
    let mut answer = DictWriter::new();
    answer
        .integer("complete", 10)
        .integer("incomplete", 90)
        .integer("interval", 1800)
        .bytes("peers", compact);
    answer.encode()
}

/// The target of a client's announce to an HTTP tracker.
pub fn announce_target() -> String {
    "/announce?info_hash=%12%34%56%78%9a%bc%de%f1%23%45%67%89%ab%cd%ef%124Vx%9a&peer_id=-SR0100-abcdefghijkl\
     &port=6881&uploaded=0&downloaded=0&left=1073741824&compact=1&numwant=80&event=started&key=1a2b3c4d"
        .to_owned()
}

/// A query of the DHT: `find_node` or `get_peers` for a target, from a node of that id.
pub fn dht_query(method: &str, id: [u8; 20], target: [u8; 20]) -> Vec<u8> {
    let target_key = if method == "find_node" { "target" } else { "info_hash" };
    let mut arguments = DictWriter::new();
    arguments.bytes("id", id).bytes(target_key, target);
    let mut query = DictWriter::new();
    query.dict("a", &arguments).bytes("q", method).bytes("t", "aa").bytes("y", "q");
    query.encode()
}
