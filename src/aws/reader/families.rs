//! What there is of one family of task definitions: its revisions, and the tasks that run them.

use serde_json::json;

use super::{Reader, TASKS_MAX, list, strings};
use crate::aws::Error;
use crate::aws::budget::Category;
use crate::aws::call::Call;
use crate::aws::exchange::Exchange;
use crate::model::TaskDefinitionArn;

/// Most revisions per ListTaskDefinitions.
const REVISIONS_A_PAGE: usize = 100;
/// Pages that are read of one family. More is told as an error: half a list would make an old revision one
/// of the newest.
const PAGES_MAX: usize = 50;

impl Reader {
    /// All ACTIVE revisions of a family, the newest first.
    pub async fn list_all_task_definitions(&self, family: &str) -> Result<Vec<TaskDefinitionArn>, Error> {
        let mut body = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC", "maxResults": REVISIONS_A_PAGE});
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let attempt = format!("list the revisions of `{family}`");
            let call = Call::new("ecs:ListTaskDefinitions", Category::TaskDefinitionRead, attempt);
            let mut answer = send!(self, ecs.list_task_definitions, call, &body)?;
            let arns = list(&mut answer.body["taskDefinitionArns"]);
            all.extend(arns.iter().filter_map(|arn| Some(TaskDefinitionArn(arn.as_str()?.to_owned()))));
            let token = answer.body["nextToken"].take();
            if token.as_str().is_none_or(str::is_empty) || token == body["nextToken"] {
                break;
            }
            body["nextToken"] = token;
        }
        Ok(all)
    }

    /// Tasks of a family that run or are to run in a cluster, whoever started them.
    pub async fn list_running_tasks_of_family(
        &self,
        cluster: &str,
        family: &str,
    ) -> Result<Vec<String>, Error> {
        let mut body = json!({
            "cluster": cluster, "family": family, "desiredStatus": "RUNNING", "maxResults": TASKS_MAX,
        });
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let attempt = format!("list the running tasks of `{family}`");
            let call = Call::new("ecs:ListTasks", Category::ClusterResourceRead, attempt);
            let mut answer = send!(self, ecs.list_tasks, call, &body)?;
            all.extend(strings(&answer.body["taskArns"]));
            let token = answer.body["nextToken"].take();
            if token.as_str().is_none_or(str::is_empty) || token == body["nextToken"] {
                break;
            }
            body["nextToken"] = token;
        }
        Ok(all)
    }
}
