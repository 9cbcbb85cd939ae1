//! The calls of a hook: each with what is about to be done in the ledger before, and its outcome after.

use super::Clock;
use crate::aws::{self, Category, Writer};
use crate::ledger::{self, Ledger};
use crate::model::{Digest, Intent, IntentKind, Json, ServiceKey, TaskDefinitionArn};

/// What the calls of one hook are made with.
pub struct HookCalls<'a> {
    pub writer: &'a Writer,
    pub ledger: &'a Ledger,
    pub clock: &'a Clock,
    pub service: &'a ServiceKey,
    /// Of the spec that the hook is run for.
    pub spec: &'a Digest,
    /// The Git commit, in full.
    pub revision: &'a str,
}

/// What became of RegisterTaskDefinition.
#[derive(Debug)]
pub enum Registered {
    As { task_definition: TaskDefinitionArn, request_id: Option<String> },
    Refused(aws::Error),
}

/// What became of RunTask.
#[derive(Debug)]
pub enum Asked {
    Started {
        task: String,
        request_id: Option<String>,
    },
    /// Nothing was started, for the reason that ECS gives.
    NoRoom {
        reason: String,
    },
    Refused(aws::Error),
}

impl HookCalls<'_> {
    /// Registers what the open hook runs, and notes the revision with it.
    pub async fn register(&self, content: &Digest, body: &Json) -> Result<Registered, ledger::Error> {
        let turn = self.writer.turn(Category::TaskDefinitionModify).await;
        let intent = Intent {
            revision: self.revision.to_owned(),
            content: Some(content.clone()),
            ..Intent::of(IntentKind::Register, self.spec, (self.clock)())
        };
        self.ledger
            .update(self.service, |record| {
                record.set_intent_aside(intent.at);
                record.intent = Some(intent);
            })
            .await?;
        let permit = self.ledger.permit(turn)?;
        let answer = match self.writer.register_task_definition(permit, body).await {
            Ok(answer) => answer,
            Err(error) => {
                self.forget_intent_unless_ambiguous(&error).await?;
                return Ok(Registered::Refused(error));
            }
        };
        let arn = answer.body["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default();
        let task_definition = TaskDefinitionArn(arn.to_owned());
        self.ledger
            .update(self.service, |record| {
                record.intent = None;
                if let Some(open) = &mut record.hook {
                    open.task_definition = Some(task_definition.clone());
                }
            })
            .await?;
        Ok(Registered::As { task_definition, request_id: answer.request_id })
    }

    /// Runs the open hook's task. From before the call on, the ledger says that there may be one.
    pub async fn run(&self, body: &Json) -> Result<Asked, ledger::Error> {
        let turn = self.writer.turn(Category::ClusterResourceModify).await;
        let now = (self.clock)();
        let mut first = true;
        self.ledger
            .update(self.service, |record| {
                planted!("hook-starts-without-a-note" => return);
                if let Some(open) = &mut record.hook {
                    first = open.asked_at.is_none();
                    open.asked_at.get_or_insert(now);
                }
            })
            .await?;
        let permit = self.ledger.permit(turn)?;
        let answer = match self.writer.run_task(permit, body).await {
            Ok(answer) => answer,
            Err(error) => {
                // Certainly not started, unless an earlier call was never answered, or something else goes
                // by this token: then it is looked for.
                if first && !error.is_ambiguous() && !is_taken(&error) {
                    self.ledger
                        .update(self.service, |record| {
                            if let Some(open) = &mut record.hook {
                                open.asked_at = None;
                            }
                        })
                        .await?;
                }
                return Ok(Asked::Refused(error));
            }
        };
        let Some(task) = answer.body["tasks"][0]["taskArn"].as_str().map(str::to_owned) else {
            let reason = answer.body["failures"][0]["reason"].as_str();
            let reason = reason.unwrap_or("ECS started no task and gave no reason").to_owned();
            return Ok(Asked::NoRoom { reason });
        };
        self.ledger
            .update(self.service, |record| {
                if let Some(open) = &mut record.hook {
                    open.task = Some(task.clone());
                }
            })
            .await?;
        Ok(Asked::Started { task, request_id: answer.request_id })
    }

    /// Stops a task that had its time.
    pub async fn stop(
        &self,
        cluster: &str,
        task: &str,
        reason: &str,
    ) -> Result<Result<(), aws::Error>, ledger::Error> {
        let turn = self.writer.turn(Category::ClusterResourceModify).await;
        let now = (self.clock)();
        self.ledger
            .update(self.service, |record| {
                if let Some(open) = &mut record.hook {
                    open.stopped_at.get_or_insert(now);
                }
            })
            .await?;
        let permit = self.ledger.permit(turn)?;
        Ok(self.writer.stop_task(permit, cluster, task, reason).await.map(|_| ()))
    }

    async fn forget_intent_unless_ambiguous(&self, error: &aws::Error) -> Result<(), ledger::Error> {
        match error.is_ambiguous() {
            true => Ok(()),
            false => self.ledger.update(self.service, |record| record.intent = None).await,
        }
    }
}

/// The client token goes with another request, or with this one as another version of this program
/// wrote it.
fn is_taken(error: &aws::Error) -> bool {
    error.code.as_deref() == Some("ConflictException")
}
