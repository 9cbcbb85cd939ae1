variable "file" {
  description = "a policy in `deploy/iam` or `app/iam`"
  type        = string
}

variable "partition" {
  description = "`aws`, `aws-cn` or `aws-us-gov`"
  type        = string
  default     = "aws"
}

variable "account" {
  description = "account number"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account: twelve digits."
  }
}

variable "region" {
  description = "region"
  type        = string
}

variable "name" {
  description = "name of the cluster; parameters, secrets and log groups are below it"
  type        = string
}

variable "installation" {
  description = "RECONCILER_INSTALLATION: the owner tag's value"
  type        = string
}

variable "environment" {
  description = "RECONCILER_ENVIRONMENT"
  type        = string
}

variable "families" {
  description = "task definition families, `*` allowed"
  type        = list(string)
  default     = ["job-*"]

  validation {
    condition     = length(var.families) > 0 && !contains(var.families, "*")
    error_message = "families: name at least one, and not all of them."
  }
}

variable "repositories" {
  description = "image repositories, `*` allowed"
  type        = list(string)
  default     = ["job-*"]

  validation {
    condition     = length(var.repositories) > 0 && !contains(var.repositories, "*")
    error_message = "repositories: name at least one, and not all of them."
  }
}

variable "ledger_table" {
  description = "the ledger's table"
  type        = string
  default     = "reconciler"
}

variable "bucket" {
  description = "bucket of uploads and reports"
  type        = string
  default     = "no-bucket"
}

variable "settings_bucket" {
  description = "bucket of environment files"
  type        = string
  default     = "no-bucket"
}

variable "queue" {
  description = "name of the queue"
  type        = string
  default     = "job-queue"
}

variable "dead_letters" {
  description = "name of the dead-letter queue"
  type        = string
  default     = "job-dead-letters"
}

variable "mail_identity" {
  description = "identity that SES sends as"
  type        = string
  default     = "example.com"
}

variable "resources" {
  description = "other resources for single statements, by Sid: the roles of `iam:PassRole`"
  type        = map(list(string))
  default     = {}
}

variable "without" {
  description = "Sids of statements that are left out"
  type        = list(string)
  default     = []
}
