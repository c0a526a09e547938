//! The info dict over one connection (BEP 9): asked for, received, given.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::Connection;
use super::receive::Judged;
use crate::limits::{METADATA_AHEAD, METADATA_ASKED, METADATA_TIMES, METADATA_WAITING, price};
use crate::message::Message;
use crate::metadata::{self, Metadata};
use crate::{Fact, Violation};
use metainfo::BLOCK_LENGTH;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// What was asked of the peer, and what the peer asked of us.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The peer's number of these messages, if it takes them.
    pub(super) number: Option<u8>,
    /// Pieces that the peer owes us.
    asked: BTreeSet<u32>,
    /// Pieces that we owe the peer.
    waiting: VecDeque<u32>,
    /// Pieces given or promised so far.
    given: u32,
}

impl Connection {
    /// Asks for a piece; told as rejected at once where that is in vain.
    pub(super) fn ask_metadata(&mut self, now: Instant, piece: u32) {
        match self.exchange.number {
            Some(number) if self.exchange.asked.len() < METADATA_ASKED => {
                if self.exchange.asked.insert(piece) {
                    self.send(now, &Message::Extended(number, &metadata::request(piece)));
                }
            }
            _ => self.facts.push_back(Fact::MetadataRejected(piece)),
        }
    }

    pub(super) fn on_metadata(&mut self, now: Instant, content: &[u8]) -> Judged {
        match metadata::decode(content).ok_or(Violation::BadExtension)? {
            Metadata::Request(piece) => self.on_metadata_request(now, piece),
            Metadata::Data(piece, total_size, bytes) => {
                if bytes.len() > BLOCK_LENGTH as usize {
                    return Err(Violation::Oversized);
                }
                let Some(piece) = self.answered(piece) else {
                    let left = self.unrequested_blocks_left.checked_sub(1);
                    self.unrequested_blocks_left = left.ok_or(Violation::Unrequested)?;
                    return Ok(());
                };
                let total_size = total_size.and_then(|size| u32::try_from(size).ok());
                self.facts.push_back(Fact::Metadata { piece, total_size, bytes: bytes.to_vec() });
                Ok(())
            }
            Metadata::Reject(piece) => {
                if let Some(piece) = self.answered(piece) {
                    self.facts.push_back(Fact::MetadataRejected(piece));
                } else {
                    let left = self.unrequested_rejects_left.checked_sub(1);
                    self.unrequested_rejects_left = left.ok_or(Violation::Flood)?;
                }
                Ok(())
            }
            Metadata::Unknown => self.pay(now, price::PLAIN),
        }
    }

    /// The piece, if it was asked for.
    fn answered(&mut self, piece: i64) -> Option<u32> {
        u32::try_from(piece).ok().filter(|piece| self.exchange.asked.remove(piece))
    }

    /// A request waits until the peer has read what went before; what leads to nothing has its price.
    fn on_metadata_request(&mut self, now: Instant, piece: i64) -> Judged {
        let pieces =
            self.config.metadata.as_ref().map_or(0, |info| info.len().div_ceil(BLOCK_LENGTH as usize));
        let known = u32::try_from(piece).ok().filter(|piece| (*piece as usize) < pieces);
        let most = METADATA_TIMES.saturating_mul(pieces as u32);
        match known {
            Some(piece) if self.exchange.given < most && self.exchange.waiting.len() < METADATA_WAITING => {
                self.exchange.given += 1;
                self.exchange.waiting.push_back(piece);
                self.give_metadata(now);
            }
            _ => {
                self.pay_churn(now, price::METADATA)?;
                if let Some(number) = self.exchange.number {
                    self.send(now, &Message::Extended(number, &metadata::reject(piece)));
                }
            }
        }
        Ok(())
    }

    /// Lines up pieces that wait, as far as the peer reads.
    pub(super) fn give_metadata(&mut self, now: Instant) {
        let Some(info) = self.config.metadata.clone() else { return };
        while self.outbox.unwritten() < METADATA_AHEAD
            && let Some(piece) = self.exchange.waiting.pop_front()
        {
            if let (Some(number), Some(message)) = (self.exchange.number, metadata::data(&info, piece)) {
                self.send(now, &Message::Extended(number, &message));
            }
        }
    }
}
