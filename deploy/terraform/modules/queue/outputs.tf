output "name" {
  description = "name of the queue"
  value       = aws_sqs_queue.jobs.name
}

output "arn" {
  description = "ARN of the queue"
  value       = aws_sqs_queue.jobs.arn
}

output "dead_letters_name" {
  description = "name of the dead-letter queue"
  value       = aws_sqs_queue.dead_letters.name
}

output "dead_letters_arn" {
  description = "ARN of the dead-letter queue"
  value       = aws_sqs_queue.dead_letters.arn
}
