mod abuse;
mod network;

use super::*;
