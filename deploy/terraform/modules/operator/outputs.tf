output "task_role" {
  description = "ARN of its task role"
  value       = aws_iam_role.task.arn
}

output "execution_role" {
  description = "ARN of its execution role"
  value       = aws_iam_role.execution.arn
}

output "ledger_table" {
  description = "RECONCILER_LEDGER is dynamodb:TABLE"
  value       = aws_dynamodb_table.ledger.name
}

output "log_group" {
  description = "where it logs"
  value       = aws_cloudwatch_log_group.operator.name
}

output "git_token_arn" {
  description = "the secret with its Git token"
  value       = aws_secretsmanager_secret.git_token.arn
}

output "policies" {
  description = "the policies as they are attached"
  value       = local.policies
}
