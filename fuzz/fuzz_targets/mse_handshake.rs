//! Both ends of the handshake of encrypted peers, with bytes from somebody who knows the rules or does not (MSE/PE).
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mse::{Handshake, Method};

const TORRENT: [u8; 20] = *b"abcdefghij0123456789";

#[derive(Arbitrary, Debug)]
struct Scene {
    /// The end under test opened the connection.
    opens: bool,
    plain: bool,
    rc4: bool,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// So many bytes of what an honest other end says.
    Honest(u16),
    /// Something else.
    Noise(Vec<u8>),
    /// The torrent that was asked for is here, or is not.
    Known(bool),
}

fuzz_target!(|scene: Scene| {
    let both = [(scene.plain, Method::Plain), (scene.rc4, Method::Rc4)];
    let methods: Vec<Method> = both.iter().filter(|(wanted, _)| *wanted).map(|(_, method)| *method).collect();
    let opener = Handshake::open(TORRENT, &methods, &[1; 68], 1);
    let acceptor = Handshake::accept(&methods, 2);
    let (mut subject, mut other) = if scene.opens { (opener, acceptor) } else { (acceptor, opener) };
    let mut honest = Vec::new();
    for step in scene.steps {
        match step {
            Step::Honest(count) => {
                other.poll_transmit(&mut honest);
                let count = usize::from(count).min(honest.len());
                subject.handle_bytes(&honest[..count]);
                honest.drain(..count);
            }
            Step::Noise(bytes) => subject.handle_bytes(&bytes),
            Step::Known(known) => {
                if subject.poll_lookup().is_some() {
                    subject.handle_lookup(known.then_some(TORRENT));
                }
            }
        }
        let mut answer = Vec::new();
        subject.poll_transmit(&mut answer);
        other.handle_bytes(&answer);
        if other.poll_lookup().is_some() {
            other.handle_lookup(Some(TORRENT));
        }
        if subject.poll_end().is_some() {
            return;
        }
    }
});
