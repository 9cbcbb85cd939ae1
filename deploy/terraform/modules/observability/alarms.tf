# What somebody should be woken for. A manifest's gates may name these alarms too: `alarms: {names: [NAME-api-5xx]}`.

locals {
  # For each: what is measured, when it is too much, for how many minutes, and what it means that nothing is measured.
  alarms = merge(
    {
      api-5xx = {
        description = "Requests fail: the API answers 5xx"
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum"
        dimensions  = { LoadBalancer = var.load_balancer }
        above       = 5, minutes = 3, missing = "notBreaching"
      }
      load-balancer-5xx = {
        description = "Requests fail before they reach a task: none is healthy, or none answers"
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum"
        dimensions  = { LoadBalancer = var.load_balancer }
        above       = 5, minutes = 3, missing = "notBreaching"
      }
      oldest-job = {
        description = "Jobs wait too long: too few workers, or none that works"
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum"
        dimensions  = { QueueName = var.queue }
        above       = var.job_wait_seconds_max, minutes = 5, missing = "notBreaching"
      }
      dead-letters = {
        description = "A job failed for good: its reason is in the API's history of the job"
        namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
        dimensions  = { QueueName = var.dead_letters }
        above       = 0, minutes = 1, missing = "notBreaching"
      }
      database-cpu = {
        description = "The database is busy"
        namespace   = "AWS/RDS", metric = "CPUUtilization", statistic = "Average"
        dimensions  = { (var.database.dimension) = var.database.identifier }
        above       = 80, minutes = 10, missing = "missing"
      }
      operator-missing = {
        description = "No operator runs: what runs goes on, but no commit is deployed and no drift corrected"
        namespace   = "ECS/ContainerInsights", metric = "RunningTaskCount", statistic = "Maximum"
        dimensions  = { ClusterName = var.cluster, ServiceName = var.operator_service }
        below       = 1, minutes = 5, missing = "breaching"
      }
    },
    {
      for service, group in var.target_groups : "${service}-unhealthy" => {
        description = "Tasks of ${service} fail their health check"
        namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum"
        dimensions  = { LoadBalancer = var.load_balancer, TargetGroup = group }
        above       = 0, minutes = 5, missing = "notBreaching"
      }
    },
    {
      for service in var.services : "${service}-memory" => {
        description = "${service} is near its memory's limit, and is killed at it"
        namespace   = "AWS/ECS", metric = "MemoryUtilization", statistic = "Maximum"
        dimensions  = { ClusterName = var.cluster, ServiceName = service }
        above       = 90, minutes = 5, missing = "missing"
      }
    },
    # Aurora's storage grows by itself.
    var.database.dimension == "DBInstanceIdentifier" ? {
      database-storage = {
        description = "The database has less than 2 GiB left: at none it stops"
        namespace   = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum"
        dimensions  = { DBInstanceIdentifier = var.database.identifier }
        below       = 2147483648, minutes = 5, missing = "missing"
      }
    } : {},
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# A percentile is no `statistic` to CloudWatch.
resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "${var.name}-api-latency"
  alarm_description   = "One request in a hundred takes longer than ${var.latency_seconds_max} s"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  extended_statistic  = "p99"
  dimensions          = { LoadBalancer = var.load_balancer }
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.latency_seconds_max
  period              = 60
  evaluation_periods  = 5
  # A percentile of three requests says nothing.
  evaluate_low_sample_count_percentiles = "ignore"
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = [aws_sns_topic.alarms.arn]
  ok_actions                            = [aws_sns_topic.alarms.arn]
}
