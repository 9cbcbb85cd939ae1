output "execution_role" {
  description = "ARN of the role that starts tasks"
  value       = aws_iam_role.execution.arn
}

output "task_roles" {
  description = "ARNs of the tasks' roles: api, worker"
  value       = { for name, role in aws_iam_role.task : name => role.arn }
}

output "scheduler_role" {
  description = "ARN of the role that EventBridge Scheduler starts tasks with"
  value       = aws_iam_role.scheduler.arn
}

output "infrastructure_role" {
  description = "ARN of the role that ECS moves traffic with"
  value       = aws_iam_role.infrastructure.arn
}

output "trusts_tasks" {
  description = "trust policy for a role of tasks"
  value       = local.trusts_tasks
}

output "policies" {
  description = "ARNs: planner, on_call, builder, publisher"
  value = {
    planner   = aws_iam_policy.planner.arn
    on_call   = aws_iam_policy.on_call.arn
    builder   = aws_iam_policy.builder.arn
    publisher = aws_iam_policy.publisher.arn
  }
}

output "pipeline_roles" {
  description = "ARNs of the roles for GitHub Actions, by name"
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}
