variable "name" {
  description = "name of the cluster"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "container_insights" {
  description = "`enhanced`, `enabled` or `disabled`"
  type        = string
  default     = "enhanced"

  validation {
    condition     = contains(["enhanced", "enabled", "disabled"], var.container_insights)
    error_message = "container_insights: enhanced, enabled or disabled."
  }
}

variable "ec2" {
  description = "a capacity provider of EC2 instances, called NAME-ec2; none if left out"
  type = object({
    instance_type   = optional(string, "t3.medium")
    min             = optional(number, 0)
    max             = optional(number, 10)
    subnets         = list(string)
    security_groups = list(string)
  })
  default = null

  validation {
    condition     = var.ec2 == null || try(var.ec2.min >= 0 && var.ec2.max >= max(var.ec2.min, 1), false)
    error_message = "ec2: min is 0 or more, and max at least 1 and not below min."
  }
}
