# Policies for those who are no task. Each is attached to whatever the account knows its people and pipelines by; with
# `github_repository` there are roles that GitHub Actions takes on without a stored key.

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
  repositories = var.repositories
}

module "verify" {
  source = "../policy"

  file         = "${path.module}/../../../iam/verify.json"
  partition    = local.partition
  account      = local.account
  region       = local.region
  name         = var.name
  installation = var.installation
  environment  = var.environment
  repositories = var.repositories
  # Nothing here reads settings from S3, and a pull request reads no secret.
  without = ["LookAtEnvironmentFiles", "ReadKeysOfSecrets"]
}

module "people" {
  source = "../policy"

  file         = "${path.module}/../../../iam/people.json"
  partition    = local.partition
  account      = local.account
  region       = local.region
  name         = var.name
  installation = var.installation
  environment  = var.environment
}

# For pull requests: what would this commit do?
resource "aws_iam_policy" "planner" {
  #checkov:skip=CKV_AWS_290:It only reads; what stands on * knows no resources
  #checkov:skip=CKV_AWS_355:It only reads; what stands on * knows no resources
  #checkov:skip=CKV_AWS_288:It only reads, and of secrets only that they are there
  name        = "${var.name}-planner"
  description = "reconciler plan, status and verify: reads, and changes nothing"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      module.plan.statements,
      [for statement in module.verify.statements : merge(statement, { Sid = "Verify${statement.Sid}" })],
      # RDS calls its secrets by names of its own.
      [{
        Sid      = "LookAtDatabaseSecret"
        Effect   = "Allow"
        Action   = "secretsmanager:DescribeSecret"
        Resource = var.database_secret_arn
      }],
    )
  })

  lifecycle {
    precondition {
      condition     = length(jsonencode(concat(module.plan.statements, module.verify.statements))) < 6000
      error_message = "the policy would be longer than the 6,144 characters of a managed policy: attach plan.json and verify.json as two."
    }
  }
}

# For people on call, beside the planner's: continue, abort, suspend, resume, retry, rollback, sync.
resource "aws_iam_policy" "on_call" {
  name        = "${var.name}-on-call"
  description = "What people ask of the operator, by tags"
  policy      = module.people.json
}

# For the pipeline that builds images. It deploys nothing: a commit does.
resource "aws_iam_policy" "builder" {
  #checkov:skip=CKV_AWS_290:ecr:GetAuthorizationToken knows no resources
  #checkov:skip=CKV_AWS_355:ecr:GetAuthorizationToken knows no resources
  name        = "${var.name}-builder"
  description = "Pushes images; deploys nothing"
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
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = [for name in var.repositories : "${local.arn.ecr}:repository/${name}"]
      },
    ]
  })
}

# For the pipeline that publishes the static page.
resource "aws_iam_policy" "publisher" {
  name        = "${var.name}-publisher"
  description = "Publishes the page: writes its bucket, invalidates its distribution"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:PutObject"]
        Resource = "${var.page_bucket_arn}/*"
      },
      {
        Sid      = "Compare"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = var.page_bucket_arn
      },
      {
        Sid      = "Invalidate"
        Effect   = "Allow"
        Action   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
        Resource = var.distribution_arn
      },
    ]
  })
}

locals {
  # `sub` of GitHub's token. Images and the page come from the main branch only; a plan from any pull request.
  # https://docs.github.com/en/actions/security-for-github-actions/security-hardening-your-deployments
  pipelines = var.github_repository == "" ? {} : {
    builder   = { subject = "repo:${var.github_repository}:ref:refs/heads/main", policy = aws_iam_policy.builder.arn }
    publisher = { subject = "repo:${var.github_repository}:ref:refs/heads/main", policy = aws_iam_policy.publisher.arn }
    planner   = { subject = "repo:${var.github_repository}:pull_request", policy = aws_iam_policy.planner.arn }
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_repository != "" && var.create_github_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "pipeline" {
  #checkov:skip=CKV_AWS_393:`sub` is compared whole, with the repository and the branch or kind of event in it
  for_each = local.pipelines

  name                 = "${var.name}-${each.key}"
  path                 = "/pipelines/"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:${local.partition}:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = each.value.subject
        }
      }
    }]
  })

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = local.pipelines

  role       = aws_iam_role.pipeline[each.key].name
  policy_arn = each.value.policy
}
