//! One queue: its attributes, and the messages in it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Time;
use crate::input::{number, text};

/// The attributes every queue has from the start.
const DEFAULTS: [(&str, &str); 6] = [
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("SqsManagedSseEnabled", "true"),
    ("VisibilityTimeout", "30"),
];

pub(super) struct Queue {
    pub name: String,
    pub arn: String,
    /// What can be set, with defaults filled in.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub created: Time,
    pub modified: Time,
    pub purged: Option<Time>,
    /// In the order in which they were sent.
    pub messages: BTreeMap<u64, Message>,
    sent: u64,
}

#[derive(Clone)]
pub(super) struct Message {
    pub id: String,
    pub body: String,
    /// As the sender gave them.
    pub attributes: Value,
    pub sent: Time,
    /// When it can be received (again).
    pub visible: Time,
    pub receives: u32,
    pub first_received: Option<Time>,
}

impl Queue {
    pub(super) fn new(name: &str, arn: String, now: Time) -> Self {
        Self {
            name: name.to_owned(),
            arn,
            attributes: DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            tags: BTreeMap::new(),
            created: now,
            modified: now,
            purged: None,
            messages: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(super) fn attribute_number(&self, name: &str) -> Option<i64> {
        self.attributes.get(name)?.parse().ok()
    }

    pub(super) fn attribute_seconds(&self, name: &str) -> Duration {
        let seconds = self.attribute_number(name).unwrap_or(0).max(0);
        Duration::from_secs(seconds as u64)
    }

    /// Where messages go after how many receives.
    pub(super) fn redrive(&self) -> Option<(String, u32)> {
        let policy: Value = serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let target = text(&policy, "deadLetterTargetArn")?.to_owned();
        let receives = u32::try_from(number(&policy, "maxReceiveCount")?).ok()?;
        Some((target, receives))
    }

    /// Drops messages older than the retention period.
    pub(super) fn expire(&mut self, now: Time) {
        let retention = self.attribute_seconds("MessageRetentionPeriod");
        self.messages.retain(|_, message| now.since(message.sent) < retention);
    }

    pub(super) fn add(&mut self, message: Message) -> u64 {
        self.sent += 1;
        self.messages.insert(self.sent, message);
        self.sent
    }

    /// How many messages can be received, are being worked on, and are not to be seen yet.
    pub(super) fn counts(&self, now: Time) -> (usize, usize, usize) {
        let (mut visible, mut in_flight, mut delayed) = (0, 0, 0);
        for message in self.messages.values() {
            if message.visible <= now {
                visible += 1;
            } else if message.receives > 0 {
                in_flight += 1;
            } else {
                delayed += 1;
            }
        }
        (visible, in_flight, delayed)
    }
}
