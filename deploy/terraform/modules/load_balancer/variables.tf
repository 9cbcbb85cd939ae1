variable "name" {
  description = "name of the load balancer; target groups are called NAME-SERVICE and NAME-SERVICE-green"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "vpc_id" {
  description = "the VPC"
  type        = string
}

variable "subnets" {
  description = "public subnets, in two zones or more"
  type        = list(string)

  validation {
    condition     = length(var.subnets) >= 2
    error_message = "subnets: an application load balancer needs two zones."
  }
}

variable "security_group" {
  description = "the load balancer's security group"
  type        = string
}

variable "certificate_arn" {
  description = "ACM certificate of this region; without one the listener speaks HTTP on port 80"
  type        = string
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:[a-z-]+:acm:", var.certificate_arn))
    error_message = "certificate_arn: the ARN of a certificate in AWS Certificate Manager, or nothing."
  }
}

variable "services" {
  description = "what is routed where: hosts (none: any), paths, and the order"
  type = map(object({
    port              = number
    health_check_path = string
    hosts             = optional(list(string), [])
    paths             = optional(list(string), ["/*"])
    priority          = number
  }))

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9]{0,4}$", name))])
    error_message = "services: names of 1 to 5 small letters and digits, since a target group's name has 32 characters at most."
  }

  validation {
    condition     = length(distinct([for service in var.services : service.priority])) == length(var.services)
    error_message = "services: each rule needs a priority of its own."
  }
}

variable "access_log_days" {
  description = "how long access logs are kept"
  type        = number
  default     = 90
}

variable "deletion_protection" {
  description = "refuse to delete the load balancer, and its logs with it"
  type        = bool
  default     = true
}
