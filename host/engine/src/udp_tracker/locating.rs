//! Trackers whose names a proxy looks up.
//!
//! Their address shows when they answer: a tracker is asked for a connection by its name, and where the answer comes from
//! is where it is. All else goes there.

use crate::limits::{LOCATED_LIFE, MAX_LOCATED};
use crate::proxy::Place;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::oneshot;
use tracker::udp::{UdpRequest, UdpResponse};

/// Names that are asked for, and those that are known.
#[derive(Debug, Default)]
pub(super) struct Locating {
    /// By the transaction of the question.
    asked: BTreeMap<u32, (Place, oneshot::Sender<SocketAddr>)>,
    known: BTreeMap<Place, (SocketAddr, Instant)>,
}

impl Locating {
    /// Somebody wants to know where a place is. What is to be sent to it, if that is not known.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        place: &Place,
        reply: oneshot::Sender<SocketAddr>,
    ) -> Option<Vec<u8>> {
        self.asked.retain(|_, (_, reply)| !reply.is_closed());
        self.known.retain(|_, (_, until)| *until > now);
        if let Some((address, _)) = self.known.get(place) {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(*address);
            return None;
        }
        if self.asked.len() >= MAX_LOCATED {
            return None;
        }
        let transaction = fastrand::u32(..);
        self.asked.insert(transaction, (place.clone(), reply));
        Some(UdpRequest::Connect { transaction }.encode())
    }

    /// Takes an answer to such a question. False: it is none.
    pub(super) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        let Some(response) = UdpResponse::decode(bytes, from.is_ipv6()) else { return false };
        let Some((place, reply)) = self.asked.remove(&response.transaction()) else { return false };
        let _ = reply.send(from);
        if self.known.len() < MAX_LOCATED {
            self.known.insert(place, (from, now + LOCATED_LIFE));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(to: &[u8]) -> Vec<u8> {
        let transaction = u32::from_be_bytes(to[12..16].try_into().unwrap());
        UdpResponse::Connect { transaction, connection: 7 }.encode(false)
    }

    #[test]
    fn a_tracker_is_where_its_answer_comes_from() {
        let (mut locating, now) = (Locating::default(), Instant::now());
        let (place, from) = (Place::new("tracker.example", 80).unwrap(), "192.0.2.1:80".parse().unwrap());
        let (reply, mut answered) = oneshot::channel();
        let packet = locating.ask(now, &place, reply).expect("a question");
        let foreign = UdpResponse::Connect { transaction: 1, connection: 7 }.encode(false);
        assert!(!locating.handle_datagram(now, from, &foreign) && !locating.handle_datagram(now, from, b"x"));
        assert!(locating.handle_datagram(now, from, &answer(&packet)));
        assert_eq!(answered.try_recv(), Ok(from));
        assert!(!locating.handle_datagram(now, from, &answer(&packet)), "each question is answered once");
        let (reply, mut answered) = oneshot::channel();
        assert_eq!(locating.ask(now, &place, reply), None);
        assert_eq!(answered.try_recv(), Ok(from), "it is known");
        let (reply, _answered) = oneshot::channel();
        assert!(locating.ask(now + LOCATED_LIFE, &place, reply).is_some(), "for a while");
    }
}
