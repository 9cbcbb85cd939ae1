//! The body of a queue message: which job to do. The job itself stays in the database.

use serde::{Deserialize, Serialize};

use crate::job::JobId;

/// Members may be added; a worker ignores those it does not know, so that old workers read new messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobMessage {
    pub job_id: JobId,
}

impl JobMessage {
    pub fn to_body(&self) -> String {
        serde_json::json!({ "job_id": self.job_id }).to_string()
    }

    pub fn from_body(body: &str) -> Result<JobMessage, serde_json::Error> {
        serde_json::from_str(body)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_with_members_of_a_later_version_is_still_read() {
        let message = JobMessage { job_id: JobId::fresh() };
        let mut body: serde_json::Value = serde_json::from_str(&message.to_body()).unwrap();
        body["request_id"] = "r-1".into();
        assert_eq!(JobMessage::from_body(&body.to_string()).unwrap(), message);
    }
}
