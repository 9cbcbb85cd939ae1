# What manifests need to know of all this: one parameter for each variable of the Environment manifest, by its name.

locals {
  parameter = { for name, parameter in aws_ssm_parameter.settings : name => parameter.arn }

  # What the job system's manifests use.
  texts = {
    registry              = "${var.account}.dkr.ecr.${var.region}.amazonaws.com"
    execution_role        = module.identity.execution_role
    api_task_role         = module.identity.task_roles["api"]
    worker_task_role      = module.identity.task_roles["worker"]
    database_secret       = local.parameter["database-url"]
    database_login        = module.database.secret_arn
    admin_token_secret    = aws_secretsmanager_secret.admin_token.arn
    objects_url_parameter = local.parameter["objects-url"]
    mail_url_parameter    = local.parameter["mail-url"]
    api_target_group      = module.load_balancer.target_groups["api"]
    queue_name            = module.queue.name
    dead_letters_name     = module.queue.dead_letters_name
  }

  # What others may: blue/green services, tasks on a schedule, the operator's own manifest.
  more_texts = {
    scheduler_role      = module.identity.scheduler_role
    infrastructure_role = module.identity.infrastructure_role
    api_target_group_2  = module.load_balancer.target_groups["api-green"]
    api_listener_rule   = module.load_balancer.listener_rules["api"]

    operator_task_role      = module.operator.task_role
    operator_execution_role = module.operator.execution_role
    operator_log_group      = module.operator.log_group
    operator_git_token      = module.operator.git_token_arn
    operator_ledger         = "dynamodb:${module.operator.ledger_table}"
    operator_events_queue   = module.events.queue_url
  }

  lists = {
    private_subnets        = module.network.private_subnets
    api_security_groups    = [module.network.security_groups.api]
    worker_security_groups = [module.network.security_groups.worker]
  }

  more_lists = {
    operator_security_groups = [module.network.security_groups.operator]
  }
}

resource "aws_ssm_parameter" "text" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs, which manifests show anyway
  for_each = merge(local.texts, local.more_texts)

  name  = "/${local.name}/environment/${each.key}"
  type  = "String"
  value = each.value
}

resource "aws_ssm_parameter" "list" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs, which manifests show anyway
  for_each = merge(local.lists, local.more_lists)

  name  = "/${local.name}/environment/${each.key}"
  type  = "StringList"
  value = join(",", each.value)
}
