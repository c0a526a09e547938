//! Blocks asked of a second source, once no wanted block is left that nobody was asked for.

use super::partial::{Block, Owner};
use super::{Ask, Picker};
use crate::contract::SourceKey;
use crate::limits;
use metainfo::{BlockIndex, BlockRequest};

/// What the end game has to know of the sources that hold a block.
pub(crate) trait Rivals {
    /// Whether `holder` is likely to bring the block so late that another source should be asked too.
    fn is_late(&self, holder: SourceKey, request: BlockRequest) -> bool;
    /// Whether `holder` is snubbed: it counts only half.
    fn is_snubbed(&self, holder: SourceKey) -> bool;
}

impl Picker {
    /// Asks the source for up to `count` blocks that others hold, the last ones of each piece first, because
    /// those come latest. Nothing happens before the end game.
    pub(crate) fn pick_again(
        &mut self,
        ask: &Ask<'_>,
        count: usize,
        rivals: &dyn Rivals,
        out: &mut Vec<BlockRequest>,
    ) {
        if !self.is_end_game() {
            return;
        }
        let goal = out.len() + count;
        for partial in self.partials.iter_mut() {
            let piece = partial.piece;
            let alone = matches!(partial.owner, Owner::Only(_)) && !ask.may_share();
            if alone || !partial.is_awaited() || !self.wanted.contains(piece) || !ask.may(piece) {
                continue;
            }
            for at in (0..partial.blocks.len()).rev() {
                if out.len() >= goal {
                    return;
                }
                let Some(request) = self.geometry.block(piece, BlockIndex(at as u32)) else { continue };
                if is_due(&partial.blocks[at], ask.source, request, rivals) {
                    partial.add_holder(BlockIndex(at as u32), ask.source);
                    out.push(request);
                }
            }
        }
    }
}

impl Ask<'_> {
    /// A source under suspicion does not take part in other sources' proof.
    fn may_share(&self) -> bool {
        self.pace != super::Pace::OnParole
    }
}

/// Whether one more source should be asked for a block.
pub(super) fn is_due(block: &Block, source: SourceKey, request: BlockRequest, rivals: &dyn Rivals) -> bool {
    let holders = block.holders().count();
    if block.received || holders == 0 || holders >= limits::HOLDERS || block.is_held_by(source) {
        return false;
    }
    let last = holders == limits::HOLDERS - 1;
    (!last || block.holders().all(|holder| rivals.is_snubbed(holder)))
        && block.holders().all(|holder| rivals.is_late(holder, request))
}
