output "queue_arn" {
  description = "ARN of the operator's queue"
  value       = aws_sqs_queue.events.arn
}

output "queue_url" {
  description = "the operator's queue"
  value       = aws_sqs_queue.events.url
}
