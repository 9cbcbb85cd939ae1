variable "name" {
  description = "name of the cluster, and what roles here begin with"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "installation" {
  description = "RECONCILER_INSTALLATION: the owner tag's value"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$", var.installation))
    error_message = "installation: 1 to 31 letters, digits, hyphens and underscores."
  }
}

variable "environment" {
  description = "RECONCILER_ENVIRONMENT"
  type        = string
}

variable "ledger_table" {
  description = "name of the ledger's table"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.ledger_table))
    error_message = "ledger_table: 3 to 255 letters, digits, hyphens, dots and underscores."
  }
}

variable "families" {
  description = "task definition families that it may deploy"
  type        = list(string)
  default     = ["job-*", "reconciler"]
}

variable "repositories" {
  description = "image repositories that it may look at"
  type        = list(string)
  default     = ["job-*", "reconciler"]
}

variable "repository" {
  description = "repository of its own image"
  type        = string
  default     = "reconciler"
}

variable "passable_roles" {
  description = "ARNs of the roles that a manifest may name, one by one: whoever can commit can run any image with them"
  type        = list(string)

  validation {
    condition     = alltrue([for role in var.passable_roles : !strcontains(role, "*")])
    error_message = "passable_roles: list roles one by one, without `*`."
  }
}

variable "scheduler_role" {
  description = "ARN of the role that schedules may name"
  type        = string
}

variable "infrastructure_role" {
  description = "ARN of the role that ECS moves the traffic of blue/green services with"
  type        = string
}

variable "trusts_tasks" {
  description = "trust policy for a role of tasks"
  type        = string
}

variable "events_queue_arn" {
  description = "the queue with the events of ECS and ECR"
  type        = string
}

variable "database_secret_arn" {
  description = "the database's secret, whose rotations it is to see; it can't read what is in it"
  type        = string
}

variable "pruning" {
  description = "may it delete its own services? Needed for `sync.prune` and `sync.replace`"
  type        = bool
  default     = false
}

variable "log_days" {
  description = "how long its log is kept"
  type        = number
  default     = 90
}

variable "deletion_protection" {
  description = "refuse to delete the ledger, and keep the Git token for 30 days when it goes"
  type        = bool
  default     = true
}
