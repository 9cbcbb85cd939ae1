output "environment_manifest" {
  description = "the Environment manifest and its overlays: terraform output -raw environment_manifest > manifests/environments/NAME.yaml"
  value = templatefile("${path.module}/environment.yaml.tftpl", {
    environment = var.environment
    account     = var.account
    region      = var.region
    name        = module.cluster.name
    mail_from   = var.mail_from
    variables   = sort(concat(keys(local.texts), keys(local.lists)))
    more        = sort(concat(keys(local.more_texts), keys(local.more_lists)))
  })
}

output "page" {
  description = "where the page is"
  value       = "https://${coalesce(one(slice(concat(var.aliases, [""]), 0, 1)), module.frontend.domain_name)}"
}

output "page_bucket" {
  description = "where the page goes"
  value       = module.frontend.bucket
}

output "distribution_id" {
  description = "what is invalidated after a release of the page"
  value       = module.frontend.distribution_id
}

output "registry" {
  description = "where images are pushed to"
  value       = local.texts.registry
}

output "git_token_secret" {
  description = "aws secretsmanager put-secret-value --secret-id THIS --secret-string TOKEN"
  value       = module.operator.git_token_arn
}

output "alarms" {
  description = "names of the alarms, for a manifest's gates"
  value       = module.observability.alarms
}

output "policies" {
  description = "policies for people and pipelines: planner, on_call, builder, publisher"
  value       = module.identity.policies
}

output "pipeline_roles" {
  description = "roles for GitHub Actions"
  value       = module.identity.pipeline_roles
}

output "operator_policies" {
  description = "what the operator may do, as attached"
  value       = module.operator.policies
}
