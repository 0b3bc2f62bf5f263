//! A queue of events on SQS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;

use crate::caller::{Caller, Service};
use crate::core::Core;
use crate::error::{AwsError, ErrorClass};
use crate::traits::{EventQueue, QueueMessage, Role};

/// The most that one call takes or gives.
const MOST: i32 = 10;
/// The longest that SQS waits for a message, in seconds: what is there is given out at once all the same.
const WAIT: i32 = 20;

/// `EventQueue` on an SQS queue.
#[derive(Debug)]
pub(crate) struct SqsQueue {
    client: Client,
    caller: Caller,
    url: String,
}

impl SqsQueue {
    pub(crate) fn new(core: &Arc<Core>, role: Option<&Role>, url: &str, region: &str) -> Self {
        let region = soc2_posture::queue::region_of(url).unwrap_or(region);
        let session = core.session(role);
        // An attempt lasts as long as SQS waits, and then as long as any.
        let attempt = core.settings.attempt_timeout + Duration::from_secs(u64::from(WAIT.unsigned_abs()));
        let mut builder = aws_sdk_sqs::config::Builder::from(&core.sdk(&session, region, attempt));
        builder.push_interceptor(core.meter());
        Self {
            client: Client::from_conf(builder.build()),
            caller: Caller::new(core, &session, Service::Sqs, region).about(url),
            url: url.to_owned(),
        }
    }
}

#[async_trait]
impl EventQueue for SqsQueue {
    async fn receive(&self) -> Result<Vec<QueueMessage>, AwsError> {
        let send = || {
            let receive = self.client.receive_message().queue_url(&self.url);
            receive.max_number_of_messages(MOST).wait_time_seconds(WAIT).send()
        };
        let output = self.caller.call("ReceiveMessage", send).await?;
        // One without a receipt could not be deleted: it comes again.
        let message = |message: aws_sdk_sqs::types::Message| {
            Some(QueueMessage {
                id: message.message_id.unwrap_or_default(),
                receipt: message.receipt_handle?,
                body: message.body.unwrap_or_default(),
            })
        };
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<usize, AwsError> {
        if receipts.is_empty() {
            return Ok(0);
        }
        let entry = |(at, receipt): (usize, String)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(receipt).build()
        };
        let entries: Result<Vec<_>, _> = receipts.into_iter().enumerate().map(entry).collect();
        let entries = entries.map_err(|error| {
            AwsError::new(ErrorClass::Terminal, "InvalidRequest", format!("sqs:DeleteMessage: {error}"))
        })?;
        let send = || {
            let delete = self.client.delete_message_batch().queue_url(&self.url);
            delete.set_entries(Some(entries.clone())).send()
        };
        Ok(self.caller.call("DeleteMessageBatch", send).await?.successful.len())
    }
}
