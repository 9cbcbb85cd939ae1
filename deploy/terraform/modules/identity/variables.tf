variable "name" {
  description = "what roles are called; parameters, secrets and log groups are below it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "installation" {
  description = "RECONCILER_INSTALLATION: the owner tag's value"
  type        = string
}

variable "environment" {
  description = "RECONCILER_ENVIRONMENT"
  type        = string
}

variable "cluster_arn" {
  description = "ARN of the cluster"
  type        = string
}

variable "bucket" {
  description = "bucket of uploads and reports"
  type        = string
}

variable "queue" {
  description = "name of the queue"
  type        = string
}

variable "dead_letters" {
  description = "name of the dead-letter queue"
  type        = string
}

variable "mail_identity" {
  description = "domain or address that the worker sends mail as"
  type        = string
}

variable "repositories" {
  description = "image repositories"
  type        = list(string)

  validation {
    condition     = length(var.repositories) > 0
    error_message = "repositories: name at least one."
  }
}

variable "database_secret_arn" {
  description = "the database's secret"
  type        = string
}

variable "ledger_table" {
  description = "the ledger's table"
  type        = string
}

variable "page_bucket_arn" {
  description = "where the page goes"
  type        = string
}

variable "distribution_arn" {
  description = "what is invalidated after a release of the page"
  type        = string
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose GitHub Actions get roles; none if empty"
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository: OWNER/NAME. A pattern would let other repositories in."
  }
}

variable "create_github_provider" {
  description = "an account has one OpenID Connect provider for GitHub: false where it is there already"
  type        = bool
  default     = true
}
