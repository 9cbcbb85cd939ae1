//! Every AWS call by name: the only module that names the SDK.
//!
//! [`Reader`] and [`Writer`] are separate types whose methods *are* the IAM policy of `plan` and of
//! `run`. Bodies are JSON trees in AWS's own field names, put on the wire as they are; answers are the
//! response's own JSON. The SDK's typed structs would lose the difference between absent and zero and
//! every field newer than the crate, so they carry nothing but endpoints, signatures and errors.

mod anywhere;
mod budget;
mod call;
mod connect;
mod direct;
mod error;
mod exchange;
mod exports;
mod inspector;
mod json_service;
mod permit;
mod reader;
mod requester;
mod secret_shape;
mod table;
mod web;
mod writer;
mod xml;

#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;

pub use anywhere::DESCRIBED_PARAMETERS_MAX;
pub use aws_credential_types::Credentials;
pub use aws_smithy_runtime_api::client::http::SharedHttpClient;
pub use budget::{Budget, Category};
pub use call::{CallEnd, OnCall};
pub use connect::{Aws, Settings, connect};
pub use error::{Error, ErrorKind};
pub use exchange::Answer;
pub use exports::{Export, ExportPage};
pub use inspector::{ALARMS_MAX, FILTER_VALUES_MAX, IMAGES_MAX, Inspector, TARGET_GROUPS_MAX};
pub use permit::{Permit, Turn};
pub use reader::{
    CallerIdentity, LISTED_SECRETS_MAX, LogPage, PARAMETERS_MAX, Pages, Reader, SCALABLE_TARGETS_MAX,
    SERVICE_REVISIONS_MAX, SERVICES_MAX, TASKS_MAX, TargetHealth, resource_id,
};
pub use requester::Requester;
pub use secret_shape::SecretShape;
pub use table::{Condition, Put, TableReader, TableWriter, Unmet};
pub use web::{Loopback, Web};
pub use writer::Writer;
