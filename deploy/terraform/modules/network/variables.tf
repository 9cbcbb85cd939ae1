variable "name" {
  description = "what everything here is called, or begins with"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "cidr" {
  description = "the VPC's range, a /16 to a /20"
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr: an IPv4 range from /16 to /20, such as 10.0.0.0/16. It is cut into sixteen subnets."
  }
}

variable "zone_count" {
  description = "availability zones"
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count: 2 or 3. A load balancer needs two zones."
  }
}

variable "nat" {
  description = "`single`: one NAT gateway; `per_zone`: one in each zone; `none`: interface endpoints for AWS, and no way to the internet"
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "per_zone"], var.nat)
    error_message = "nat: none, single or per_zone."
  }
}

variable "more_endpoints" {
  description = "further interface endpoints where `nat` is `none`, by the end of their service names"
  type        = list(string)
  default     = []
}

variable "load_balancer_port" {
  description = "the port that the load balancer listens on: 443 with a certificate, 80 without"
  type        = number
  default     = 443

  validation {
    condition     = contains([80, 443], var.load_balancer_port)
    error_message = "load_balancer_port: 443, or 80 where there is no certificate."
  }
}

variable "load_balancer_open_to" {
  description = "ranges besides CloudFront that reach the load balancer, such as an office"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.load_balancer_open_to : can(cidrhost(range, 0))])
    error_message = "load_balancer_open_to: IPv4 ranges, such as 203.0.113.0/24."
  }
}

variable "api_port" {
  description = "the port of the API's container"
  type        = number
  default     = 8080
}

variable "database_port" {
  description = "the database's port"
  type        = number
  default     = 5432
}

variable "flow_log_days" {
  description = "how long refused connections are kept"
  type        = number
  default     = 14
}
