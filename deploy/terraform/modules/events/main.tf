# What ECS and ECR do, told to the operator's queue, and failed deployments told to people.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  region_and_account = "${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}"

  # Deployments are matched by the service's ARN: `clusterArn` is not in every event of this kind.
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
  services = [{ prefix = "arn:${data.aws_partition.here.partition}:ecs:${local.region_and_account}:service/${var.cluster_name}/" }]

  patterns = {
    deployments = {
      source      = ["aws.ecs"]
      detail-type = ["ECS Deployment State Change", "ECS Service Action"]
      resources   = local.services
    }
    stopped-tasks = {
      source      = ["aws.ecs"]
      detail-type = ["ECS Task State Change"]
      detail = {
        clusterArn = [var.cluster_arn]
        lastStatus = ["STOPPED"]
      }
    }
    images = {
      source      = ["aws.ecr"]
      detail-type = ["ECR Image Action"]
      detail = {
        action-type     = ["PUSH"]
        result          = ["SUCCESS"]
        repository-name = var.repositories
      }
    }
  }
}

# The operator asks AWS what is so; an event only says that it is worth asking now. An hour later nothing of it is news.
resource "aws_sqs_queue" "events" {
  name                      = "${var.name}-operator-events"
  message_retention_seconds = 3600
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnRulesSend"
        Effect    = "Allow"
        Action    = "sqs:SendMessage"
        Principal = { Service = "events.amazonaws.com" }
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnEquals = { "aws:SourceArn" = [for name in sort(keys(aws_cloudwatch_event_rule.this)) : aws_cloudwatch_event_rule.this[name].arn] } }
      },
      {
        Sid       = "OnlyByTls"
        Effect    = "Deny"
        Action    = "sqs:*"
        Principal = "*"
        Resource  = aws_sqs_queue.events.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.patterns

  name          = "${var.name}-${each.key}"
  description   = "To the operator of ${var.name}"
  event_pattern = jsonencode(each.value)
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = aws_cloudwatch_event_rule.this

  rule      = each.value.name
  target_id = "operator"
  arn       = aws_sqs_queue.events.arn
}

# ECS says this only of services with a circuit breaker or alarms; it comes when the operator is down, too.
resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${var.name}-failed-deployments"
  description = "To people: a deployment failed"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Deployment State Change"]
    resources   = local.services
    detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule      = aws_cloudwatch_event_rule.failed.name
  target_id = "people"
  arn       = var.topic_arn

  input_transformer {
    input_paths    = { service = "$.resources[0]", reason = "$.detail.reason", time = "$.time" }
    input_template = "\"<time>: a deployment of <service> failed: <reason>\""
  }
}
