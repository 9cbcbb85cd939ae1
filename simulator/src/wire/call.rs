//! What every call goes through, whatever its protocol: the fault script, throttling, and the journal.

use std::future::Future;

use serde_json::Value;

use crate::error::ApiError;
use crate::faults::{CallSite, Fault, Garbling, Late};
use crate::journal::CallRecord;
use crate::{Shared, lock, throttle};

/// What is answered in place of what is there.
pub(super) enum Alteration {
    Stale(usize),
    Garble(Garbling),
}

/// Carries a call out as far as it gets, under the request id that the journal keeps it by. `act` does
/// nothing unless it is awaited.
pub(super) async fn recorded<T>(
    shared: &Shared,
    service: &str,
    operation: &str,
    input: Option<&Value>,
    act: impl Future<Output = Result<T, ApiError>>,
    alter: impl FnOnce(T, &Alteration) -> T,
) -> (String, Result<T, ApiError>) {
    let index = lock(&shared.journal).next_index();
    let site = CallSite { service: service.to_owned(), operation: operation.to_owned(), index, input: None };
    let answer = faulty(shared, &site, input, act, alter).await;
    record(shared, &site, input, answer.as_ref().err().map(|error| error.code.clone()));
    (request_id(index), answer)
}

/// A request that is no call: it has an id, but the journal does not know it.
pub(super) fn unrecorded(shared: &Shared) -> String {
    request_id(lock(&shared.journal).next_index())
}

async fn faulty<T>(
    shared: &Shared,
    site: &CallSite,
    input: Option<&Value>,
    act: impl Future<Output = Result<T, ApiError>>,
    alter: impl FnOnce(T, &Alteration) -> T,
) -> Result<T, ApiError> {
    let fault = match lock(&shared.fault).as_mut() {
        Some(script) => script(&CallSite { input: input.cloned(), ..site.clone() }),
        None => Fault::None,
    };
    if let Some(throttle) = lock(&shared.throttle).as_mut() {
        throttle.take(&site.service, &site.operation, shared.clock.now())?;
    }
    match fault {
        Fault::None => act.await,
        Fault::RefuseBefore(error) => Err(error),
        Fault::FailAfter(error) => {
            let failure = ApiError { status: 500, ..error };
            act.await.and(Err(failure))
        }
        Fault::NeverAnswer => {
            let _unanswered = act.await;
            record(shared, site, input, None);
            std::future::pending().await
        }
        Fault::NeverApply => {
            record(shared, site, input, None);
            std::future::pending().await
        }
        Fault::ApplyLate(delay) => {
            record(shared, site, input, None);
            let site = CallSite { input: input.cloned(), ..site.clone() };
            lock(&shared.late).push(Late { due: shared.clock.now() + delay, site });
            std::future::pending().await
        }
        Fault::Throttle => Err(throttle::exceeded()),
        Fault::Stale(before) => Ok(alter(act.await?, &Alteration::Stale(before))),
        Fault::Garble(garbling) => Ok(alter(act.await?, &Alteration::Garble(garbling))),
    }
}

fn record(shared: &Shared, site: &CallSite, input: Option<&Value>, error: Option<String>) {
    let mut journal = lock(&shared.journal);
    let input = input.filter(|_| journal.keeps_inputs).cloned();
    journal.add(CallRecord {
        service: site.service.clone(),
        operation: site.operation.clone(),
        at: shared.clock.now(),
        request_id: request_id(site.index),
        error,
        input,
    });
}

/// Looks like AWS's, and is the same in every run of a test.
fn request_id(index: u64) -> String {
    format!("00000000-0000-4000-8000-{index:012x}")
}
