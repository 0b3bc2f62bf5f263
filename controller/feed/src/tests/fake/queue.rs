//! A queue in memory: at least once, in any order, out of sight for half a minute once it was given out.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use soc2_aws::{AwsError, EventQueue, QueueMessage};
use soc2_posture::finding::Finding;
use tokio::time::Instant;

use super::Fake;

/// How long a message is out of sight.
pub(crate) const HIDDEN: Duration = Duration::from_secs(30);
/// How long a receive waits.
const WAIT: Duration = Duration::from_secs(20);

/// A message that is in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    visible_at: Instant,
    pub(crate) received: u32,
}

impl Fake {
    /// Puts a message into the queue. Gives its id.
    pub(crate) fn send(&self, body: impl Into<String>) -> String {
        let mut cloud = self.cloud();
        cloud.sent += 1;
        let id = format!("m{}", cloud.sent);
        let message = Message { id: id.clone(), body: body.into(), visible_at: Instant::now(), received: 0 };
        cloud.queue.push(message);
        id
    }

    /// Puts an event of a finding, as the cloud has it now, into the queue.
    pub(crate) fn tell(&self, index: usize) -> String {
        let body = event(&self.cloud().rows[index].finding);
        self.send(body)
    }

    /// Messages that are in the queue.
    pub(crate) fn queued(&self) -> Vec<Message> {
        self.cloud().queue.clone()
    }
}

/// A finding as EventBridge tells of it.
pub(crate) fn event(finding: &Finding) -> String {
    let finding: Value = json!({
        "Id": finding.id, "ProductArn": finding.product_arn, "AwsAccountId": finding.account_id, "Region": finding.region,
        "UpdatedAt": finding.updated_at, "RecordState": finding.record_state, "Workflow": {"Status": finding.workflow},
        "Compliance": {"Status": finding.compliance, "SecurityControlId": finding.control_id},
        "Resources": [{"Type": finding.resource_type, "Id": finding.resource_id}],
    });
    let event = json!({
        "version": "0", "id": "0", "detail-type": "Security Hub Findings - Imported", "source": "aws.securityhub",
        "detail": {"findings": [finding]},
    });
    event.to_string()
}

pub(super) struct FakeQueue(pub(super) Fake);

impl FakeQueue {
    fn visible(&self) -> Vec<QueueMessage> {
        let now = Instant::now();
        let mut cloud = self.0.cloud();
        let visible = cloud.queue.iter_mut().filter(|message| message.visible_at <= now).take(10);
        let give = |message: &mut Message| {
            message.visible_at = now + HIDDEN;
            message.received += 1;
            QueueMessage { id: message.id.clone(), receipt: message.id.clone(), body: message.body.clone() }
        };
        visible.map(give).collect()
    }
}

#[async_trait]
impl EventQueue for FakeQueue {
    async fn receive(&self) -> Result<Vec<QueueMessage>, AwsError> {
        let until = Instant::now() + WAIT;
        self.0.call("Receive", "queue").await?;
        loop {
            let visible = self.visible();
            if !visible.is_empty() || Instant::now() >= until {
                return Ok(visible);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<usize, AwsError> {
        if receipts.is_empty() {
            return Ok(0);
        }
        self.0.call("Delete", "queue").await?;
        let mut cloud = self.0.cloud();
        let before = cloud.queue.len();
        cloud.queue.retain(|message| !receipts.contains(&message.id));
        Ok(before - cloud.queue.len())
    }
}
