//! Tiny proxies on loopback that connect where they are told, or do not. Whatever the name of a host, they take it for
//! this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where everything comes from that a proxy passes on.
pub(crate) const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 9);

/// What a proxy heard, and how it is to behave.
#[derive(Default)]
pub(crate) struct Notes {
    /// Names and passwords as `user:password`, places as `host:port`, places of datagrams as `udp host:port`, once each.
    heard: Mutex<Vec<String>>,
    /// How often associations were ended.
    ended: watch::Sender<u32>,
    refuses_udp: AtomicBool,
}

impl Notes {
    pub(crate) fn note(&self, words: impl Into<String>) {
        self.heard.lock().unwrap().push(words.into());
    }

    fn note_login(&self, login: Option<String>) {
        self.heard.lock().unwrap().extend(login);
    }

    fn note_once(&self, words: String) {
        let mut heard = self.heard.lock().unwrap();
        if !heard.contains(&words) {
            heard.push(words);
        }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Ends every association.
    pub(crate) fn end_associations(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    /// Makes associations from now on, or none.
    pub(crate) fn take_udp(&self, on: bool) {
        self.refuses_udp.store(!on, Ordering::Relaxed);
    }
}

/// A running proxy; it ends when dropped.
pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    pub(crate) notes: Arc<Notes>,
    _tasks: JoinSet<()>,
}

/// What happens on one connection.
pub(crate) type Conversation = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// What it does with every connection that it accepts.
pub(crate) type Manner = fn(TcpStream, Arc<Notes>) -> Conversation;

impl TestProxy {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let notes = Arc::<Notes>::default();
        let told = Arc::clone(&notes);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = Arc::clone(&told);
                connections.spawn(async move { manner(stream, told).await });
            }
        });
        Self { address, notes, _tasks: tasks }
    }

    pub(crate) fn url(&self, scheme: &str, login: &str) -> String {
        format!("{scheme}://{login}{}", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.notes.heard()
    }
}

/// Where on this machine a host is: "at-127-0-0-7.example" at that address, others at the usual one.
fn ip_of(host: &str) -> IpAddr {
    let name = host.strip_prefix("at-").and_then(|name| name.strip_suffix(".example"));
    let literal =
        name.map_or_else(|| host.trim_matches(['[', ']']).to_owned(), |name| name.replace('-', "."));
    literal.parse().unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// Joins both ends.
async fn join(mut stream: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}

async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((FROM, 0).into())?;
    socket.connect((ip_of(host), port).into()).await
}

/// A SOCKS5 proxy that wants the password "right" if it is offered one.
pub(crate) fn socks(mut stream: TcpStream, notes: Arc<Notes>) -> Conversation {
    Box::pin(async move {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await?;
        let mut methods = vec![0; usize::from(head[1])];
        stream.read_exact(&mut methods).await?;
        let method = if methods.contains(&2) { 2 } else { 0 };
        stream.write_all(&[5, method]).await?;
        if method == 2 {
            let version = stream.read_u8().await?;
            let (user, password) = (text(&mut stream).await?, text(&mut stream).await?);
            let is_right = version == 1 && password == "right";
            notes.note(format!("{user}:{password}"));
            stream.write_all(&[1, u8::from(!is_right)]).await?;
            if !is_right {
                return Ok(());
            }
        }
        let mut request = [0; 4];
        stream.read_exact(&mut request).await?;
        let host = match request[3] {
            1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(stream.read_u128().await?)),
            3 => text(&mut stream).await?,
            other => panic!("address type {other}"),
        };
        let port = stream.read_u16().await?;
        match request[..3] {
            [5, 1, 0] => connect_command(stream, &notes, &host, port).await,
            [5, 3, 0] => associate_command(stream, &notes).await,
            _ => panic!("{request:?}"),
        }
    })
}

async fn connect_command(mut stream: TcpStream, notes: &Notes, host: &str, port: u16) -> std::io::Result<()> {
    notes.note(format!("{host}:{port}"));
    let connected = if host == "refused.example" { None } else { connect(host, port).await.ok() };
    // Its own end, as a name, which is legal and rare.
    let reply = if connected.is_some() { 0 } else { 5 };
    stream.write_all(&[5, reply, 0, 3, 1, b'x', 0, 80]).await?;
    if let Some(server) = connected { join(stream, server).await } else { Ok(()) }
}

async fn associate_command(mut stream: TcpStream, notes: &Notes) -> std::io::Result<()> {
    if notes.refuses_udp.load(Ordering::Relaxed) {
        return stream.write_all(&[5, 7, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    notes.note("associate");
    let (inside, outside) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind((FROM, 0)).await?);
    let [high, low] = inside.local_addr()?.port().to_be_bytes();
    let mut ended = notes.ended.subscribe();
    ended.mark_unchanged();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, high, low]).await?;
    let (mut from_inside, mut from_outside) = (vec![0; 65_536], vec![0; 65_536]);
    let (mut client, mut end) = (None, [0]);
    loop {
        tokio::select! {
            received = inside.recv_from(&mut from_inside) => {
                let (length, from) = received?;
                client = Some(from);
                let (host, port, payload) = unwrap(&from_inside[..length]);
                notes.note_once(format!("udp {host}:{port}"));
                // Unreachable is what a datagram may be.
                let _ = outside.send_to(payload, (ip_of(&host), port)).await;
            }
            received = outside.recv_from(&mut from_outside) => {
                let (Ok((length, SocketAddr::V4(from))), Some(client)) = (received, client) else { continue };
                let header = [&[0, 0, 0, 1][..], &from.ip().octets(), &from.port().to_be_bytes()].concat();
                inside.send_to(&[&header[..], &from_outside[..length]].concat(), client).await?;
            }
            _ = stream.read(&mut end) => return Ok(()),
            _ = ended.changed() => return Ok(()),
        }
    }
}

fn unwrap(datagram: &[u8]) -> (String, u16, &[u8]) {
    assert_eq!(datagram[..3], [0, 0, 0]);
    let (host, rest) = match datagram[3] {
        1 => (Ipv4Addr::from(<[u8; 4]>::try_from(&datagram[4..8]).unwrap()).to_string(), &datagram[8..]),
        4 => {
            let ip = Ipv6Addr::from(<[u8; 16]>::try_from(&datagram[4..20]).unwrap());
            (format!("[{ip}]"), &datagram[20..])
        }
        3 => {
            let end = 5 + usize::from(datagram[4]);
            (String::from_utf8(datagram[5..end].to_vec()).unwrap(), &datagram[end..])
        }
        other => panic!("address type {other}"),
    };
    (host, u16::from_be_bytes([rest[0], rest[1]]), &rest[2..])
}

async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

pub(crate) async fn request_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// An HTTP proxy that makes tunnels, with the password "right" if it is given one.
pub(crate) fn tunnels(mut stream: TcpStream, notes: Arc<Notes>) -> Conversation {
    Box::pin(async move {
        let head = request_head(&mut stream).await?;
        let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let login = authorization(&head);
        // Basic authentication of "u" and "wrong".
        let is_wrong = login.as_deref() == Some("Basic dTp3cm9uZw==");
        notes.note_login(login);
        notes.note(place);
        if is_wrong || place.starts_with("locked.example") {
            return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        }
        let (host, port) = place.rsplit_once(':').unwrap();
        match connect(host, port.parse().unwrap()).await {
            Ok(server) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await?;
                join(stream, server).await
            }
            Err(_) => stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await,
        }
    })
}

pub(crate) fn authorization(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: "))?;
    Some(line[21..].to_owned())
}

/// An HTTP proxy that makes no tunnels, and answers requests that name their server.
pub(crate) fn requests_only(mut stream: TcpStream, notes: Arc<Notes>) -> Conversation {
    Box::pin(async move {
        let head = request_head(&mut stream).await?;
        notes.note_login(authorization(&head));
        if head.starts_with("CONNECT ") {
            return stream.write_all(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
        }
        notes.note(head.split(' ').nth(1).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nproxy!").await
    })
}

/// No proxy at all.
pub(crate) fn babble(mut stream: TcpStream, _: Arc<Notes>) -> Conversation {
    Box::pin(async move { stream.write_all(b"SSH-2.0-x\r\n").await })
}
