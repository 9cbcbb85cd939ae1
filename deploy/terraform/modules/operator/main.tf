# What the operator stands on: its ledger's table, its roles with the policies of `deploy/iam`, its log group and the
# secret with its Git token.
#
# There is no task definition and no service here. `reconciler bootstrap` registers the first one, and from then on the
# operator deploys itself from Git like anything else; Terraform would put the old revision back at every apply.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  account   = data.aws_caller_identity.here.account_id
  partition = data.aws_partition.here.partition
  region    = data.aws_region.here.name
}

# Keys as docs/ledger.md says. No time to live: nothing in it may go by itself.
resource "aws_dynamodb_table" "ledger" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; it holds names, digests and times
  name                        = var.ledger_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_cloudwatch_log_group" "operator" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; the operator writes no secrets
  #checkov:skip=CKV_AWS_338:How long is a choice: `log_days`
  name              = "/${var.name}/operator"
  retention_in_days = var.log_days
}

# Its value comes by hand, once: aws secretsmanager put-secret-value --secret-id NAME/git-token --secret-string …
resource "aws_secretsmanager_secret" "git_token" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for Secrets Manager
  #checkov:skip=CKV2_AWS_57:It is a token of the Git host, which alone can make a new one
  name                    = "${var.name}/git-token"
  description             = "Token with which the operator reads Git"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

# ---- what it may do

module "plan" {
  source = "../policy"

  file         = "${path.module}/../../../iam/plan.json"
  partition    = local.partition
  account      = local.account
  region       = local.region
  name         = var.name
  installation = var.installation
  environment  = var.environment
  ledger_table = var.ledger_table
  families     = var.families
  repositories = var.repositories
}

module "apply" {
  source = "../policy"

  file         = "${path.module}/../../../iam/apply.json"
  partition    = local.partition
  account      = local.account
  region       = local.region
  name         = var.name
  installation = var.installation
  environment  = var.environment
  ledger_table = var.ledger_table
  families     = var.families
  repositories = var.repositories
  resources = {
    # Its own two roles as well, so that a commit upgrades it.
    PassTaskRoles     = concat(var.passable_roles, [aws_iam_role.task.arn, aws_iam_role.execution.arn])
    PassSchedulerRole = [var.scheduler_role]
  }
  without = var.pruning ? [] : ["DeleteOwnServices"]
}

locals {
  # A managed policy has 6,144 characters at most, so there are three: what is read, which both files say, what is
  # written to ECS, and what is written elsewhere.
  reads  = [for statement in module.plan.statements : jsonencode(statement)]
  writes = [for statement in module.apply.statements : statement if !contains(local.reads, jsonencode(statement))]
  beside = [
    {
      Sid      = "HearOfEvents"
      Effect   = "Allow"
      Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = var.events_queue_arn
    },
    # That there is a new version, never what it says: RDS calls its secrets by names of its own.
    {
      Sid      = "WatchDatabaseSecret"
      Effect   = "Allow"
      Action   = "secretsmanager:DescribeSecret"
      Resource = var.database_secret_arn
    },
    # `advancedConfiguration.roleArn` of a blue/green service.
    {
      Sid       = "PassInfrastructureRole"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = var.infrastructure_role
      Condition = { StringEquals = { "iam:PassedToService" = "ecs.amazonaws.com" } }
    },
  ]
  policies = {
    read = jsonencode({ Version = "2012-10-17", Statement = module.plan.statements })
    write-ecs = jsonencode({
      Version   = "2012-10-17"
      Statement = [for statement in local.writes : statement if startswith(flatten([statement.Action])[0], "ecs:")]
    })
    write-elsewhere = jsonencode({
      Version   = "2012-10-17"
      Statement = concat([for statement in local.writes : statement if !startswith(flatten([statement.Action])[0], "ecs:")], local.beside)
    })
  }
}

resource "aws_iam_policy" "this" {
  #checkov:skip=CKV_AWS_290:What stands on * knows no resources, or is bound to the cluster by a condition; tests hold deploy/iam
  #checkov:skip=CKV_AWS_355:What stands on * knows no resources; tests hold deploy/iam
  #checkov:skip=CKV_AWS_289:iam:PassRole names each role, and to whom it may be passed
  #checkov:skip=CKV_AWS_286:iam:PassRole names each role, and to whom it may be passed
  #checkov:skip=CKV_AWS_288:It only reads, and no secret
  for_each = local.policies

  name        = "${var.name}-operator-${each.key}"
  description = "reconciler run: ${each.key}"
  policy      = each.value

  lifecycle {
    precondition {
      condition     = length(each.value) <= 6144
      error_message = "the policy has ${length(each.value)} characters, a managed policy 6,144 at most: divide it once more."
    }
  }
}

# Whatever a later change of its policies says: the operator never gives itself or anybody rights, never touches its
# ledger's table as such, and opens no shell in a task.
resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_286:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_287:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_288:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_289:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_290:A boundary grants nothing; the policies beside it name each resource
  #checkov:skip=CKV_AWS_355:A boundary grants nothing; the policies beside it name each resource
  name        = "${var.name}-operator-boundary"
  path        = "/ecs/"
  description = "The most that the operator of ${var.name} can ever do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Deploying"
        Effect = "Allow"
        Action = [
          "application-autoscaling:*",
          "cloudformation:List*",
          "cloudwatch:Describe*",
          "cloudwatch:Get*",
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:UpdateItem",
          "ecr:BatchGetImage",
          "ecr:Describe*",
          "ecr:List*",
          "ecs:*",
          "elasticloadbalancing:Describe*",
          "iam:PassRole",
          "logs:FilterLogEvents",
          "logs:GetLogEvents",
          "scheduler:*",
          "secretsmanager:DescribeSecret",
          "secretsmanager:ListSecrets",
          "secretsmanager:ListSecretVersionIds",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:ReceiveMessage",
          "ssm:DescribeParameters",
          "ssm:GetParameter*",
          "sts:GetCallerIdentity",
        ]
        Resource = "*"
      },
      {
        Sid    = "NeverClustersNorShells"
        Effect = "Deny"
        Action = [
          "ecs:CreateCluster",
          "ecs:DeleteCluster",
          "ecs:ExecuteCommand",
          "ecs:PutAccountSetting",
          "ecs:PutAccountSettingDefault",
          "ecs:PutClusterCapacityProviders",
          "ecs:UpdateCluster",
          "ecs:UpdateClusterSettings",
        ]
        Resource = "*"
      },
      {
        Sid       = "NoShellsByManifest"
        Effect    = "Deny"
        Action    = ["ecs:CreateService", "ecs:RunTask", "ecs:UpdateService"]
        Resource  = "*"
        Condition = { StringEquals = { "ecs:enable-execute-command" = "true" } }
      },
      {
        Sid         = "RolesOfTasksOnly"
        Effect      = "Deny"
        Action      = "iam:PassRole"
        NotResource = "arn:${local.partition}:iam::${local.account}:role/ecs/*"
      },
    ]
  })
}

resource "aws_iam_role" "task" {
  name                 = "${var.name}-operator"
  path                 = "/ecs/task/"
  description          = "What the operator may do"
  assume_role_policy   = var.trusts_tasks
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each = aws_iam_policy.this

  role       = aws_iam_role.task.name
  policy_arn = each.value.arn
}

# ---- starting it

resource "aws_iam_role" "execution" {
  # A role's name is the account's, whatever its path.
  name               = "${var.name}-operator-execution"
  path               = "/ecs/exec/"
  description        = "What ECS does to start the operator: its image, its logs, its Git token"
  assume_role_policy = var.trusts_tasks
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
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = "arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${var.repository}"
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.operator.arn}:*"
      },
      {
        Sid      = "GitToken"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = aws_secretsmanager_secret.git_token.arn
      },
    ]
  })
}
