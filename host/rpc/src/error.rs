//! Why a call failed, in both dialects.

use daemon::{AddError, CommandError, EditError, RenameError};
use thiserror::Error;

/// The kinds of failure that JSON-RPC has a code for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum Kind {
    /// The text is no JSON.
    #[error("Parse error")]
    Parse,
    /// It is JSON and no call.
    #[error("Invalid Request")]
    Request,
    /// There is no such method.
    #[error("Method not found")]
    Method,
    /// The method cannot be called with this.
    #[error("Invalid params")]
    Params,
    /// It is our own fault.
    #[error("Internal error")]
    Internal,
    /// The token that was shown does not reach so far.
    #[error("not allowed with this token")]
    Forbidden,
    /// A change of the trackers changed nothing.
    #[error("error setting announce list")]
    AnnounceList,
    /// A list of trackers that cannot be read.
    #[error("Invalid tracker list")]
    TrackerList,
    /// A folder that does not begin at the root.
    #[error("path is not absolute")]
    RelativePath,
    /// What was to be added is nothing that can be added.
    #[error("unrecognized info")]
    Unrecognized,
    /// The system refused.
    #[error("system error")]
    System,
    /// A file that the torrent does not have.
    #[error("file index out of range")]
    FileIndex,
    /// A piece that the torrent does not have.
    #[error("piece index out of range")]
    PieceIndex,
    /// A server that we asked did not help.
    #[error("HTTP error from backend service")]
    Backend,
    /// A torrent file that is none.
    #[error("invalid or corrupt torrent file")]
    Corrupt,
    /// A blocklist without a rule.
    #[error("couldn't parse any valid blocklist rules")]
    Blocklist,
}

impl Kind {
    /// Its code in JSON-RPC.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Parse => -32_700,
            Self::Request => -32_600,
            Self::Method => -32_601,
            Self::Params => -32_602,
            Self::Internal => -32_603,
            Self::Forbidden => -32_001,
            Self::AnnounceList => 1,
            Self::TrackerList => 2,
            Self::RelativePath => 3,
            Self::Unrecognized => 4,
            Self::System => 5,
            Self::FileIndex => 6,
            Self::PieceIndex => 7,
            Self::Backend => 8,
            Self::Corrupt => 9,
            Self::Blocklist => 10,
        }
    }
}

/// A failure, and what there is to say about it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{}", self.legacy_text())]
pub(crate) struct RpcError {
    pub(crate) kind: Kind,
    /// More than the kind says.
    pub(crate) text: Option<String>,
    /// What was written of the result is told all the same.
    pub(crate) has_result: bool,
}

impl RpcError {
    /// A failure with a text for people, and for clients that look for its words.
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: Some(text.into()), has_result: false }
    }

    /// Parameters that cannot be used.
    pub(crate) fn params(text: impl Into<String>) -> Self {
        Self::new(Kind::Params, text)
    }

    /// The result is told beside the failure.
    pub(crate) fn with_result(mut self) -> Self {
        self.has_result = true;
        self
    }

    /// The `result` of the legacy dialect.
    pub(crate) fn legacy_text(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.kind.to_string())
    }
}

impl From<Kind> for RpcError {
    fn from(kind: Kind) -> Self {
        Self { kind, text: None, has_result: false }
    }
}

impl From<CommandError> for RpcError {
    fn from(error: CommandError) -> Self {
        let kind = match &error {
            CommandError::NotSaved(_) => Kind::System,
            CommandError::RelativePath(_) => Kind::RelativePath,
            CommandError::Invalid(_) => Kind::Params,
            CommandError::Closed => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<EditError> for RpcError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::TrackersUnchanged => Kind::AnnounceList.into(),
            EditError::InvalidTrackerList => Kind::TrackerList.into(),
            EditError::InvalidWebSeed(_) => Self::params(error.to_string()),
            EditError::FileIndexOutOfRange => Kind::FileIndex.into(),
            EditError::PieceIndexOutOfRange => Kind::PieceIndex.into(),
            EditError::Command(error) => error.into(),
        }
    }
}

impl From<RenameError> for RpcError {
    fn from(error: RenameError) -> Self {
        match error {
            RenameError::Command(error) => error.into(),
            RenameError::NoTorrent
            | RenameError::InvalidName
            | RenameError::NoSuchPath
            | RenameError::Exists
            | RenameError::Disk(_) => Self::new(Kind::System, error.to_string()),
        }
    }
}

impl From<AddError> for RpcError {
    fn from(error: AddError) -> Self {
        let text = error.to_string();
        let kind = match &error {
            AddError::Corrupt(_) => Kind::Corrupt,
            AddError::Unrecognized(_) => Kind::Unrecognized,
            AddError::Fetch { status: Some(status), .. } if !text.contains(&status.to_string()) => {
                return Self::new(Kind::Backend, format!("{text} (HTTP status {status})"));
            }
            AddError::Unreadable { .. } => {
                // Clients look for the kind in the text.
                let reason = text.split(" (os error").next().unwrap_or_default();
                return Self::new(Kind::Unrecognized, format!("{}: {reason}", Kind::Unrecognized));
            }
            AddError::Fetch { .. } => Kind::Backend,
            AddError::RelativePath(_) => Kind::RelativePath,
            AddError::FileIndexOutOfRange => Kind::FileIndex,
            AddError::PieceIndexOutOfRange => Kind::PieceIndex,
            AddError::NotSaved(_) => Kind::System,
            AddError::Closed => Kind::Internal,
        };
        Self::new(kind, text)
    }
}
