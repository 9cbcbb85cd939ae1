variable "name" {
  description = "what everything here begins with"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "cluster_name" {
  description = "the cluster"
  type        = string
}

variable "cluster_arn" {
  description = "ARN of the cluster"
  type        = string
}

variable "repositories" {
  description = "repositories whose pushes are told"
  type        = list(string)

  validation {
    condition     = length(var.repositories) > 0
    error_message = "repositories: name at least one; an empty list is no valid pattern."
  }
}

variable "topic_arn" {
  description = "whom failed deployments are told: an SNS topic"
  type        = string
}
