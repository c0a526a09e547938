//! Storage as its owner sees it, on a real folder, over the reference backend and the faulty one.

mod download;
mod faults;
mod files;
mod resume;
mod roots;
mod world;
