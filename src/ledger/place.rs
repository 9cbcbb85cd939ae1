//! What a ledger is for, so that no other place is steered by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Environment;

/// One installation in one cluster. Environments of different places may have the same name: a
/// simulated `production` and the real one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub installation: String,
    /// `None`: the environment names none, so it is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub region: String,
    pub cluster: String,
}

impl Place {
    pub fn of(installation: &str, environment: &Environment) -> Self {
        Self {
            installation: installation.to_owned(),
            account: environment.account.clone(),
            region: environment.region.clone(),
            cluster: environment.cluster.clone(),
        }
    }

    /// Whether nothing that is known of both differs.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let accounts = self.account.as_ref().zip(other.account.as_ref());
        accounts.is_none_or(|(own, other)| own == other)
            && (&self.installation, &self.region, &self.cluster)
                == (&other.installation, &other.region, &other.cluster)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "installation `{}` in cluster `{}`, {}", self.installation, self.cluster, self.region)?;
        match &self.account {
            Some(account) => write!(f, ", account {account}"),
            None => Ok(()),
        }
    }
}
