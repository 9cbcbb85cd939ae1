variable "name" {
  description = "what everything here begins with"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "log_groups" {
  description = "log groups, called /NAME/…"
  type        = set(string)
}

variable "log_days" {
  description = "how long logs are kept"
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827], var.log_days)
    error_message = "log_days: one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827."
  }
}

variable "alarm_emails" {
  description = "who is told of alarms and failed deployments"
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails: addresses such as on-call@example.com."
  }
}

variable "cluster" {
  description = "name of the cluster"
  type        = string
}

variable "services" {
  description = "names of the ECS services that are watched"
  type        = list(string)
}

variable "operator_service" {
  description = "name of the operator's ECS service"
  type        = string
}

variable "load_balancer" {
  description = "what CloudWatch calls the load balancer"
  type        = string
}

variable "target_groups" {
  description = "what CloudWatch calls the target groups, by service"
  type        = map(string)
}

variable "queue" {
  description = "name of the queue"
  type        = string
}

variable "dead_letters" {
  description = "name of the dead-letter queue"
  type        = string
}

variable "database" {
  description = "the database's identifier, and CloudWatch's dimension for it"
  type        = object({ identifier = string, dimension = string })
}

variable "latency_seconds_max" {
  description = "how long 99 of 100 requests may take at most"
  type        = number
  default     = 1
}

variable "job_wait_seconds_max" {
  description = "how long a job may wait in the queue"
  type        = number
  default     = 600
}
