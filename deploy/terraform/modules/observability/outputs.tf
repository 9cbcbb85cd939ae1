output "log_groups" {
  description = "names of the log groups"
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.name }
}

output "topic_arn" {
  description = "where alarms go"
  value       = aws_sns_topic.alarms.arn
}

output "alarms" {
  description = "names of the alarms"
  value       = sort(concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], [aws_cloudwatch_metric_alarm.latency.alarm_name]))
}
