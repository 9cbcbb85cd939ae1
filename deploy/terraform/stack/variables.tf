variable "account" {
  description = "account number; another account is refused"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account: twelve digits, in quotes."
  }
}

variable "region" {
  description = "region"
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: such as eu-west-1."
  }
}

variable "environment" {
  description = "name of the environment, as manifests call it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.environment))
    error_message = "environment: 2 to 15 small letters, digits and hyphens, a letter first."
  }
}

variable "name" {
  description = "what everything is called; left out: jobs-ENVIRONMENT"
  type        = string
  default     = null

  validation {
    condition     = var.name == null || can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "installation" {
  description = "RECONCILER_INSTALLATION: what the operator signs its work with"
  type        = string
  default     = "jobs"
}

variable "cidr" {
  description = "the VPC's range"
  type        = string
  default     = "10.0.0.0/16"
}

variable "zone_count" {
  description = "availability zones: 2 or 3"
  type        = number
  default     = 2
}

variable "nat" {
  description = "`single`, `per_zone`, or `none` for interface endpoints instead; without NAT the operator's Git must be inside the VPC"
  type        = string
  default     = "single"
}

variable "load_balancer_open_to" {
  description = "ranges besides CloudFront that reach the load balancer"
  type        = list(string)
  default     = []
}

variable "api_certificate_arn" {
  description = "ACM certificate of this region for the load balancer; without one CloudFront speaks HTTP to it"
  type        = string
  default     = ""
}

variable "api_domain" {
  description = "name of the load balancer that its certificate has; needed with `api_certificate_arn`"
  type        = string
  default     = ""

  validation {
    condition     = (var.api_domain == "") == (var.api_certificate_arn == "")
    error_message = "api_domain and api_certificate_arn go together: CloudFront checks the load balancer's certificate by that name."
  }
}

variable "page_certificate_arn" {
  description = "ACM certificate of us-east-1 for CloudFront; needed with `aliases`"
  type        = string
  default     = ""
}

variable "aliases" {
  description = "own domain names of the page"
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.aliases) == 0 || var.page_certificate_arn != ""
    error_message = "aliases: CloudFront needs a certificate for them: page_certificate_arn."
  }
}

variable "web_acl_arn" {
  description = "web application firewall in front of the page"
  type        = string
  default     = null
}

variable "container_insights" {
  description = "`enhanced`, `enabled` or `disabled`; the alarm for a missing operator needs one of the first two"
  type        = string
  default     = "enhanced"
}

variable "ec2" {
  description = "a capacity provider of EC2 instances beside Fargate"
  type = object({
    instance_type = optional(string, "t3.medium")
    min           = optional(number, 0)
    max           = optional(number, 10)
  })
  default = null
}

variable "database" {
  description = "the database: `engine` postgres or aurora, and what modules/database says of the rest"
  type = object({
    engine               = optional(string, "postgres")
    engine_version       = optional(string, "15.10")
    instance_class       = optional(string, "db.t4g.micro")
    multi_az             = optional(bool, false)
    backup_days          = optional(number, 7)
    rotation_days        = optional(number)
    performance_insights = optional(bool, false)
    tls                  = optional(string, "require")
  })
  default = {}
}

variable "create_repositories" {
  description = "make the image repositories; false for a second environment of one account and region"
  type        = bool
  default     = true
}

variable "mail_from" {
  description = "whom the worker's mail is from; SES has to know the domain"
  type        = string
  default     = "jobs@example.com"

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.mail_from))
    error_message = "mail_from: an address such as jobs@example.com."
  }
}

variable "alarm_emails" {
  description = "who is told of alarms and failed deployments"
  type        = set(string)
  default     = []
}

variable "log_days" {
  description = "how long logs are kept"
  type        = number
  default     = 30
}

variable "pruning" {
  description = "may the operator delete its own services? Needed for `sync.prune` and `sync.replace`"
  type        = bool
  default     = false
}

variable "admin_token_version" {
  description = "raise it for a new administrator's token"
  type        = number
  default     = 1
}

variable "github_repository" {
  description = "OWNER/NAME whose GitHub Actions get roles for images, page and plans; none if empty"
  type        = string
  default     = ""
}

variable "create_github_provider" {
  description = "an account has one OpenID Connect provider for GitHub: false where it is there already"
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "refuse to delete what holds data"
  type        = bool
  default     = true
}
