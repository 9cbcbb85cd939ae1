//! The body of a queue message: which job to do. The job itself stays in the database.

use serde::{Deserialize, Serialize};

use crate::job::JobId;

/// Members may be added; a worker ignores those it does not know, so that old workers read new messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobMessage {
    pub job_id: JobId,
    /// The request that submitted the job; absent from the messages of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl JobMessage {
    pub fn to_body(&self) -> String {
        let mut body = serde_json::json!({ "job_id": self.job_id });
        if let Some(request_id) = &self.request_id {
            body["request_id"] = request_id.as_str().into();
        }
        body.to_string()
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
        let message = JobMessage { job_id: JobId::fresh(), request_id: Some("r-1".to_owned()) };
        let mut body: serde_json::Value = serde_json::from_str(&message.to_body()).unwrap();
        body["priority"] = 7.into();
        assert_eq!(JobMessage::from_body(&body.to_string()).unwrap(), message);
    }

    #[test]
    fn a_message_of_an_earlier_version_has_no_request_id() {
        let job_id = JobId::fresh();
        let body = format!(r#"{{"job_id":"{job_id}"}}"#);
        assert_eq!(JobMessage::from_body(&body).unwrap(), JobMessage { job_id, request_id: None });
        assert_eq!(JobMessage { job_id, request_id: None }.to_body(), body);
    }
}
