//! What a test lets go wrong with a call, and where the call stands.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Time;
use crate::error::ApiError;

/// Decides about each call in turn.
pub type Script = Box<dyn FnMut(&CallSite) -> Fault + Send>;

/// One call, as a fault script sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Short name, such as `ecs`, `elb`, `autoscaling`.
    pub service: String,
    pub operation: String,
    /// Counts all calls to the account, from 0.
    pub index: u64,
    /// What is asked for; `None` for protocols whose calls the journal keeps no input of.
    pub input: Option<Value>,
}

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The call is refused and changes nothing.
    RefuseBefore(ApiError),
    /// The call takes effect, but its client is told that it failed.
    FailAfter(ApiError),
    /// The call takes effect, but no answer ever comes.
    NeverAnswer,
    /// The call changes nothing and no answer ever comes.
    NeverApply,
    /// The call takes effect so much later, and no answer ever comes: it was on its way for that long.
    ApplyLate(Duration),
    /// The call is refused as one too many.
    Throttle,
    /// A read is answered as it was so many versions ago, or with the newest if there is none.
    /// [`crate::Simulator::keep_past`] has to be called before.
    Stale(usize),
    /// A read is answered with something else than what is there.
    Garble(Garbling),
}

/// What is wrong with an answer that looks well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbling {
    /// Each list lacks its last item.
    ItemMissing,
    /// There is a next page and it is not told of: each list ends after its first half.
    PageMissing,
    /// Each list has its items twice, as from two pages that overlap.
    ItemsTwice,
    /// DescribeServices knows none of the services, and says so in `failures`.
    ServicesMissing,
}

/// A call that takes effect later.
pub(crate) struct Late {
    pub(crate) due: Time,
    pub(crate) site: CallSite,
}

/// Answers `true` for operations that change nothing.
pub fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb))
}

impl Garbling {
    pub(crate) fn garble(self, mut answer: Value) -> Value {
        let Some(members) = answer.as_object_mut() else { return answer };
        if self == Self::ServicesMissing {
            let Some(Value::Array(services)) = members.get_mut("services") else { return answer };
            let missing =
                |service: &Value| serde_json::json!({"arn": service["serviceArn"], "reason": "MISSING"});
            let failures: Vec<Value> = std::mem::take(services).iter().map(missing).collect();
            if let Some(Value::Array(known)) = members.get_mut("failures") {
                known.extend(failures);
            }
            return answer;
        }
        for list in members.values_mut().filter_map(Value::as_array_mut) {
            match self {
                Self::ItemMissing => drop(list.pop()),
                Self::PageMissing => list.truncate(list.len() / 2),
                Self::ItemsTwice => list.extend_from_within(..),
                Self::ServicesMissing => {}
            }
        }
        if self == Self::PageMissing {
            members.remove("nextToken");
            members.remove("NextToken");
        }
        answer
    }
}
