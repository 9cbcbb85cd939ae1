# The roles of tasks, and what people and pipelines may do. Roles stand below a path for each use: /ecs/task/ for what
# the code in a task may do, /ecs/exec/ for what ECS does to start one, /ecs/infra/ for what ECS does on its own.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  account   = data.aws_caller_identity.here.account_id
  partition = data.aws_partition.here.partition
  region    = data.aws_region.here.name
  arn       = { for service in ["ecr", "ecs", "elasticloadbalancing", "logs", "scheduler", "secretsmanager", "ssm"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account}" }

  # ECS may take a role only for tasks of this account and region, so that nobody else's ECS is sent with our role.
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
  trusts_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        ArnLike      = { "aws:SourceArn" = "${local.arn.ecs}:*" }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })

  tasks = {
    api    = { file = "job-api.json" }
    worker = { file = "job-worker.json" }
  }
}

# ---- tasks

# Whatever a later change of their policies says, tasks never do more than this.
resource "aws_iam_policy" "task_boundary" {
  #checkov:skip=CKV_AWS_288:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_290:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_355:A boundary grants nothing; the policies beside it name each resource
  name        = "${var.name}-task-boundary"
  path        = "/ecs/"
  description = "The most that a task of ${var.name} can ever do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "JobSystem"
        Effect = "Allow"
        Action = [
          "application-autoscaling:DescribeScalableTargets",
          "application-autoscaling:RegisterScalableTarget",
          "ecs:DescribeServices",
          "ecs:GetTaskProtection",
          "ecs:TagResource",
          "ecs:UntagResource",
          "ecs:UpdateTaskProtection",
          "s3:AbortMultipartUpload",
          "s3:DeleteObject",
          "s3:GetObject",
          "s3:ListBucket",
          "s3:PutObject",
          "ses:SendEmail",
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:GetQueueUrl",
          "sqs:ReceiveMessage",
          "sqs:SendMessage",
        ]
        Resource = "*"
      },
      {
        Sid      = "NobodyElsesTags"
        Effect   = "Deny"
        Action   = ["ecs:TagResource", "ecs:UntagResource"]
        Resource = "*"
        Condition = {
          "ForAnyValue:StringNotEquals" = { "aws:TagKeys" = ["reconciler/scaling-override"] }
        }
      },
    ]
  })
}

module "task_policy" {
  source   = "../policy"
  for_each = local.tasks

  file          = "${path.module}/../../../../app/iam/${each.value.file}"
  partition     = local.partition
  account       = local.account
  region        = local.region
  name          = var.name
  installation  = var.installation
  environment   = var.environment
  bucket        = var.bucket
  queue         = var.queue
  dead_letters  = var.dead_letters
  mail_identity = var.mail_identity
}

resource "aws_iam_role" "task" {
  for_each = local.tasks

  name                 = "${var.name}-${each.key}"
  path                 = "/ecs/task/"
  description          = "What the code of the ${each.key} may do"
  assume_role_policy   = local.trusts_tasks
  permissions_boundary = aws_iam_policy.task_boundary.arn
}

resource "aws_iam_role_policy" "task" {
  #checkov:skip=CKV_AWS_290:Only Application Auto Scaling's calls stand on *, on the condition of ECS: they know no better
  #checkov:skip=CKV_AWS_355:Only Application Auto Scaling's calls stand on *, on the condition of ECS: they know no better
  for_each = local.tasks

  name   = "calls"
  role   = aws_iam_role.task[each.key].name
  policy = module.task_policy[each.key].json
}

# ---- starting tasks

resource "aws_iam_role" "execution" {
  name               = var.name
  path               = "/ecs/exec/"
  description        = "What ECS does to start tasks: images, logs, secrets"
  assume_role_policy = local.trusts_tasks
}

resource "aws_iam_role_policy" "execution" {
  #checkov:skip=CKV_AWS_355:ecr:GetAuthorizationToken knows no resources
  name = "start"
  role = aws_iam_role.execution.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "LogIn"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = [for name in var.repositories : "${local.arn.ecr}:repository/${name}"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.arn.logs}:log-group:/${var.name}/*"
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = [var.database_secret_arn, "${local.arn.secretsmanager}:secret:${var.name}/*"]
      },
      {
        Sid      = "Parameters"
        Effect   = "Allow"
        Action   = "ssm:GetParameters"
        Resource = "${local.arn.ssm}:parameter/${var.name}/*"
      },
    ]
  })
}

# ---- blue/green: ECS moves the weights of listener rules

resource "aws_iam_role" "infrastructure" {
  name        = "${var.name}-infrastructure"
  path        = "/ecs/infra/"
  description = "What ECS does to the load balancer in a blue/green deployment"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

# What AWS's own AmazonECSInfrastructureRolePolicyForLoadBalancers allows, for this load balancer and no other.
resource "aws_iam_role_policy" "infrastructure" {
  #checkov:skip=CKV_AWS_355:Elastic Load Balancing's Describe calls know no resources
  name = "shift-traffic"
  role = aws_iam_role.infrastructure.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DescribeListeners",
          "elasticloadbalancing:DescribeRules",
          "elasticloadbalancing:DescribeTargetGroups",
          "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = "*"
      },
      {
        Sid    = "MoveWeightsAndTargets"
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DeregisterTargets",
          "elasticloadbalancing:ModifyListener",
          "elasticloadbalancing:ModifyRule",
          "elasticloadbalancing:RegisterTargets",
        ]
        Resource = [
          "${local.arn.elasticloadbalancing}:listener/app/${var.name}/*",
          "${local.arn.elasticloadbalancing}:listener-rule/app/${var.name}/*",
          "${local.arn.elasticloadbalancing}:targetgroup/${var.name}-*/*",
        ]
      },
    ]
  })
}

# ---- tasks on a schedule

resource "aws_iam_role" "scheduler" {
  name        = "${var.name}-scheduler"
  path        = "/ecs/scheduler/"
  description = "What EventBridge Scheduler does: it starts tasks"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        ArnLike      = { "aws:SourceArn" = "${local.arn.scheduler}:schedule-group/${var.installation}-*" }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "run"
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RunTasks"
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = "${local.arn.ecs}:task-definition/job-*:*"
        Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
      },
      {
        Sid       = "TagThem"
        Effect    = "Allow"
        Action    = "ecs:TagResource"
        Resource  = "${local.arn.ecs}:task/${var.name}/*"
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Sid       = "PassTheirRoles"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = concat([aws_iam_role.execution.arn], [for role in aws_iam_role.task : role.arn])
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
