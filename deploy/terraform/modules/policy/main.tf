# One of the policies in `deploy/iam` or `app/iam` with an environment's own names in the place of the example's.
#
# The files are the ones that the project's tests compare with the calls in its code; here is no second list of actions.
# They name account 123456789012, region eu-west-1, cluster and installation `jobs`, families and repositories `job-*`,
# queues `job-queue` and `job-dead-letters`, and the bucket `jobs-123456789012`.

locals {
  written = jsonencode(jsondecode(file(var.file)))

  # What may stand for several names becomes a list first.
  families     = join(",", [for family in var.families : "\"$${1}${family}:*\""])
  repositories = join(",", [for repository in var.repositories : "\"$${1}${repository}\""])
  listed       = replace(local.written, "/:(\"[^\"]*:(?:task-definition/job-\\*:|repository/job-)\\*\")/", ":[$1]")
  several = replace(replace(local.listed,
    "/\"([^\"]*:task-definition/)job-\\*:\\*\"/", local.families),
  "/\"([^\"]*:repository/)job-\\*\"/", local.repositories)

  buckets = replace(replace(local.several,
    ":s3:::jobs-123456789012", ":s3:::${var.bucket}"),
  ":s3:::jobs-settings", ":s3:::${var.settings_bucket}")

  queues = replace(replace(local.buckets,
    ":job-queue\"", ":${var.queue}\""),
  ":job-dead-letters\"", ":${var.dead_letters}\"")

  in_cluster = replace(replace(local.queues,
    ":cluster/jobs\"", ":cluster/${var.name}\""),
  "/:(service|service-deployment|service-revision|task)\\/jobs\\//", ":$${1}/${var.name}/")

  below_name = replace(replace(replace(local.in_cluster,
    ":parameter/jobs/", ":parameter/${var.name}/"),
    ":secret:jobs/", ":secret:${var.name}/"),
  ":log-group:/jobs/", ":log-group:/${var.name}/")

  # A schedule's group is called INSTALLATION-ENVIRONMENT-CLUSTER, a partition of the ledger INSTALLATION/ENVIRONMENT.
  of_installation = replace(replace(replace(replace(local.below_name,
    "/:(schedule|schedule-group)\\/jobs-/", ":$${1}/${var.installation}-"),
    "managed-by\":\"jobs\"", "managed-by\":\"${var.installation}\""),
    "\"jobs/*\"", "\"${var.installation}/${var.environment}\""),
  ":table/reconciler\"", ":table/${var.ledger_table}\"")

  # Roles stand below a path for each use, so that one pattern names them all.
  roles = replace(local.of_installation, ":role/job-*", ":role/ecs/*")

  mail = replace(local.roles, ":identity/example.com\"", ":identity/${var.mail_identity}\"")

  here = replace(replace(replace(local.mail,
    "123456789012", var.account),
    ":eu-west-1:", ":${var.region}:"),
  "arn:aws:", "arn:${var.partition}:")

  statements = [
    for statement in jsondecode(local.here).Statement :
    merge(statement, try({ Resource = var.resources[statement.Sid] }, {}))
    if !contains(var.without, statement.Sid)
  ]

  # What is left when all names of this environment are taken out may not name the example's.
  nameless = replace(replace(replace(jsonencode(local.statements), var.name, ""), var.installation, ""), var.bucket, "")
}
