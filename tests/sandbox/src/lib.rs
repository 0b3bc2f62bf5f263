//! `aws-sandbox`: a strict stand-in for AWS Organizations, Security Hub CSPM, STS and SQS, for development and tests.
//!
//! It shares no code with the product that it checks. README.md beside this crate says what is strict, what is not
//! modelled, and how a world file and the control port look.

mod access;
pub mod call;
pub mod calls;
pub mod clock;
pub mod cloudtrail;
pub mod control;
pub mod events;
pub mod faults;
pub mod history;
pub mod iam;
pub mod identity;
pub mod limits;
pub mod organizations;
pub mod protocol;
pub mod securityhub;
pub mod server;
pub mod signature;
pub mod sqs;
pub mod state;
pub mod sts;
pub mod world;
