//! HTTP as a caller sees it: who is refused with what, in which order, and how answers are dressed.

pub(crate) mod body;
pub(crate) mod gate;
pub(crate) mod packing;
pub(crate) mod reply;
pub(crate) mod rules;
pub(crate) mod web;
