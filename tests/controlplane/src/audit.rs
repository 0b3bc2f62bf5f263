//! Reading the audit log: who asked the API server for what, and what they were told.
//!
//! Tests use it to show that something did *not* happen, such as a write by an idle operator.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// One answered request. Fields that the API server left out are empty or zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditEvent {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// Path and query of the request.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked.
    pub user: AuditUser,
    /// The client's `User-Agent` header.
    pub user_agent: String,
    /// The object that was asked for.
    pub object_ref: AuditObject,
    /// How the request ended.
    pub response_status: AuditStatus,
    /// When it was answered: RFC 3339 with microseconds, UTC.
    pub stage_timestamp: String,
}

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuditUser {
    /// For a `ServiceAccount`, `system:serviceaccount:<namespace>:<name>`.
    pub username: String,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditObject {
    /// The plural name, such as `leases`.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for lists and for names that the server makes.
    pub name: String,
    /// Empty for the core group.
    pub api_group: String,
}

/// How a request ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuditStatus {
    /// The HTTP status code.
    pub code: u16,
}

impl AuditEvent {
    /// Whether the request was one that changes something, whether or not it succeeded.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }
}

/// Reads an audit log that [`crate::Builder::audit_log`] named, oldest first. A last line that is still
/// being written is left out; a log that does not exist yet is empty.
pub fn read(path: &Path) -> Result<Vec<AuditEvent>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete
        .lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("{} line {}", path.display(), index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_line_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        assert_eq!(read(&path).unwrap(), []);
        fs::write(&path, "{\"verb\":\"patch\",\"user\":{\"username\":\"a\"}}\n{\"verb\":\"ge").unwrap();
        let events = read(&path).unwrap();
        assert_eq!(events.len(), 1);
        assert!(events[0].is_write());
        assert_eq!(events[0].user.username, "a");
    }
}
