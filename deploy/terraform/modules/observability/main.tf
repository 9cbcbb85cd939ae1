# Log groups, a topic for people, and one dashboard; the alarms are in alarms.tf.

data "aws_caller_identity" "here" {}
data "aws_region" "here" {}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; the applications log no payloads and no secrets
  #checkov:skip=CKV_AWS_338:How long is a choice: `log_days`
  for_each = var.log_groups

  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_days
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch can't publish to a topic that is encrypted with AWS's key for SNS; alarms hold no secrets
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsOfThisAccount"
        Effect    = "Allow"
        Action    = "sns:Publish"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
      },
      {
        Sid       = "Events"
        Effect    = "Allow"
        Action    = "sns:Publish"
        Principal = { Service = "events.amazonaws.com" }
        Resource  = aws_sns_topic.alarms.arn
      },
    ]
  })
}

# Each address is sent a question first, and gets nothing until it was answered.
resource "aws_sns_topic_subscription" "people" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  region = data.aws_region.here.name
  widgets = [
    {
      title = "Requests"
      metrics = [
        ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.load_balancer, { stat = "Sum" }],
        [".", "HTTPCode_Target_5XX_Count", ".", ".", { stat = "Sum" }],
        [".", "HTTPCode_ELB_5XX_Count", ".", ".", { stat = "Sum" }],
      ]
    },
    {
      title = "Answer time"
      metrics = [
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer, { stat = "p50" }],
        ["...", { stat = "p99" }],
      ]
    },
    {
      title = "Jobs that wait"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue, { stat = "Maximum" }],
        [".", "ApproximateAgeOfOldestMessage", ".", ".", { stat = "Maximum", yAxis = "right" }],
        [".", "ApproximateNumberOfMessagesVisible", ".", var.dead_letters, { stat = "Maximum" }],
      ]
    },
    {
      title = "Tasks"
      metrics = [for service in concat(var.services, [var.operator_service]) :
      ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.cluster, "ServiceName", service, { stat = "Minimum" }]]
    },
    {
      title = "Memory in use"
      metrics = [for service in var.services :
      ["AWS/ECS", "MemoryUtilization", "ClusterName", var.cluster, "ServiceName", service, { stat = "Maximum" }]]
    },
    {
      title = "Database"
      metrics = [
        ["AWS/RDS", "CPUUtilization", var.database.dimension, var.database.identifier, { stat = "Average" }],
        [".", "DatabaseConnections", ".", ".", { stat = "Maximum", yAxis = "right" }],
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for index, widget in local.widgets : {
      type   = "metric"
      x      = (index % 2) * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = widget.title
        region  = local.region
        period  = 60
        view    = "timeSeries"
        metrics = widget.metrics
      }
    }]
  })
}
