# One environment of the job system, from an empty account: the ground that manifests are deployed on. Task definitions,
# services and their scaling are not here: those are the reconciler's.

locals {
  name         = coalesce(var.name, "jobs-${var.environment}")
  repositories = ["job-api", "job-migrate", "job-worker", "reconciler"]
  partition    = data.aws_partition.here.partition

  # What of the API is reached through CloudFront; `/metrics` is not.
  api_paths = [
    "/api/*",
    "/events",
    "/jobs",
    "/jobs/*",
    "/openapi.json",
    "/submit-job",
    "/update-scaling",
    "/uploads",
    "/uploads/*",
    "/version",
  ]
}

data "aws_partition" "here" {}

module "network" {
  source = "../modules/network"

  name                  = local.name
  cidr                  = var.cidr
  zone_count            = var.zone_count
  nat                   = var.nat
  load_balancer_port    = var.api_certificate_arn == "" ? 80 : 443
  load_balancer_open_to = var.load_balancer_open_to
}

module "load_balancer" {
  source = "../modules/load_balancer"

  name                = local.name
  vpc_id              = module.network.vpc_id
  subnets             = module.network.public_subnets
  security_group      = module.network.security_groups.load_balancer
  certificate_arn     = var.api_certificate_arn
  deletion_protection = var.deletion_protection
  services = {
    api = {
      port              = 8080
      health_check_path = "/api/health"
      priority          = 100
      hosts             = var.api_domain == "" ? [] : distinct(concat([var.api_domain], var.aliases))
    }
  }
}

module "cluster" {
  source = "../modules/cluster"

  name               = local.name
  container_insights = var.container_insights
  ec2 = var.ec2 == null ? null : merge(var.ec2, {
    subnets         = module.network.private_subnets
    security_groups = [module.network.security_groups.worker]
  })
}

module "database" {
  source = "../modules/database"

  name                 = local.name
  engine               = var.database.engine
  engine_version       = var.database.engine_version
  instance_class       = var.database.instance_class
  multi_az             = var.database.multi_az
  backup_days          = var.database.backup_days
  rotation_days        = var.database.rotation_days
  performance_insights = var.database.performance_insights
  tls                  = var.database.tls
  subnets              = module.network.database_subnets
  security_group       = module.network.security_groups.database
  deletion_protection  = var.deletion_protection
}

module "queue" {
  source = "../modules/queue"

  name              = "${local.name}-queue"
  dead_letters_name = "${local.name}-dead-letters"
}

module "objects" {
  source = "../modules/objects"

  name                = "${local.name}-objects-${var.account}"
  deletion_protection = var.deletion_protection
}

# Repositories belong to the account: one environment of it makes them, the others use them.
module "registry" {
  source = "../modules/registry"
  count  = var.create_repositories ? 1 : 0

  repositories        = local.repositories
  deletion_protection = var.deletion_protection
}

module "frontend" {
  source = "../modules/frontend"

  name                = local.name
  api_domain          = coalesce(var.api_domain, module.load_balancer.dns_name)
  api_https           = module.load_balancer.https
  api_paths           = local.api_paths
  aliases             = var.aliases
  certificate_arn     = var.page_certificate_arn
  web_acl_arn         = var.web_acl_arn
  deletion_protection = var.deletion_protection
}

module "observability" {
  source = "../modules/observability"

  name             = local.name
  log_groups       = ["api", "migrate", "worker"]
  log_days         = var.log_days
  alarm_emails     = var.alarm_emails
  cluster          = module.cluster.name
  services         = ["job-api", "job-worker"]
  operator_service = "reconciler"
  load_balancer    = module.load_balancer.arn_suffix
  target_groups    = module.load_balancer.target_group_suffixes
  queue            = module.queue.name
  dead_letters     = module.queue.dead_letters_name
  database = {
    identifier = module.database.identifier
    dimension  = module.database.dimension
  }
}

module "events" {
  source = "../modules/events"

  name         = local.name
  cluster_name = module.cluster.name
  cluster_arn  = module.cluster.arn
  repositories = local.repositories
  topic_arn    = module.observability.topic_arn
}

module "identity" {
  source = "../modules/identity"

  name                   = local.name
  installation           = var.installation
  environment            = var.environment
  cluster_arn            = module.cluster.arn
  bucket                 = module.objects.name
  queue                  = module.queue.name
  dead_letters           = module.queue.dead_letters_name
  mail_identity          = split("@", var.mail_from)[1]
  repositories           = local.repositories
  database_secret_arn    = module.database.secret_arn
  ledger_table           = local.ledger_table
  page_bucket_arn        = module.frontend.bucket_arn
  distribution_arn       = module.frontend.distribution_arn
  github_repository      = var.github_repository
  create_github_provider = var.create_github_provider
}

locals {
  ledger_table = "${local.name}-ledger"
}

module "operator" {
  source = "../modules/operator"

  name                = local.name
  installation        = var.installation
  environment         = var.environment
  ledger_table        = local.ledger_table
  repositories        = local.repositories
  passable_roles      = concat(values(module.identity.task_roles), [module.identity.execution_role])
  scheduler_role      = module.identity.scheduler_role
  infrastructure_role = module.identity.infrastructure_role
  trusts_tasks        = module.identity.trusts_tasks
  events_queue_arn    = module.events.queue_arn
  database_secret_arn = module.database.secret_arn
  pruning             = var.pruning
  log_days            = var.log_days
  deletion_protection = var.deletion_protection
}
