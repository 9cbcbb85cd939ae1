//! Which versions secrets and parameters have. No call here can bring a value: that is IAM's to hold, too, so
//! GetSecretValue and GetParameter are not among the actions, and a role needs no key of KMS.

use serde_json::json;

use super::super::anywhere::{PAGES_MAX, list};
use super::{Call, Category, Reader};
use crate::aws::Error;
use crate::model::Json;

/// Most names per ListSecrets, as prefixes in a filter.
pub const LISTED_SECRETS_MAX: usize = 10;
const SECRETS_A_PAGE: usize = 100;

impl Reader {
    /// The elements of ListSecrets `SecretList[]` whose names begin with one of at most
    /// [`LISTED_SECRETS_MAX`]. May be five minutes behind, so it proves nothing that is new.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>
    pub async fn list_secrets(&self, region: &str, names: &[&str]) -> Result<Vec<Json>, Error> {
        let call = Call::new("secretsmanager:ListSecrets", Category::Secrets, "list secrets");
        let filter = json!([{"Key": "name", "Values": names}]);
        let mut body = json!({"Filters": filter, "MaxResults": SECRETS_A_PAGE});
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let place = self.anywhere.secrets_manager(region);
            let target = "secretsmanager.ListSecrets";
            let mut answer = self.anywhere.json(&call, place, target, body.clone()).await?;
            found.extend(list(&mut answer["SecretList"]));
            match answer["NextToken"].as_str() {
                Some(token) if !token.is_empty() => body["NextToken"] = token.into(),
                Some(_) | None => break,
            }
        }
        Ok(found)
    }

    /// DescribeSecret's answer: its versions with their stages, as they are now.
    pub async fn describe_secret(&self, region: &str, id: &str) -> Result<Json, Error> {
        self.anywhere.describe_secret(region, id).await
    }

    /// The parameters among at most [`super::super::DESCRIBED_PARAMETERS_MAX`] names that are there, with the
    /// number of their newest version.
    pub async fn describe_parameters(&self, region: &str, names: &[String]) -> Result<Vec<Json>, Error> {
        self.anywhere.describe_parameters(region, names).await
    }
}
