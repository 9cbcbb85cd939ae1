variable "name" {
  description = "what everything here begins with"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "api_domain" {
  description = "where the API is: the load balancer's address, or with HTTPS a name that its certificate has"
  type        = string
}

variable "api_https" {
  description = "does the load balancer speak HTTPS?"
  type        = bool
}

variable "api_paths" {
  description = "what goes to the API; all else is the static page"
  type        = list(string)

  validation {
    condition     = length(var.api_paths) >= 1 && length(var.api_paths) <= 24 && alltrue([for path in var.api_paths : startswith(path, "/")])
    error_message = "api_paths: 1 to 24 paths, each with a slash first. CloudFront has 25 behaviours by default."
  }
}

variable "aliases" {
  description = "own domain names; they need a certificate"
  type        = list(string)
  default     = []
}

variable "certificate_arn" {
  description = "ACM certificate of us-east-1; without one the page is at a name of CloudFront's"
  type        = string
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:[a-z-]+:acm:us-east-1:", var.certificate_arn))
    error_message = "certificate_arn: CloudFront takes certificates of us-east-1 only."
  }
}

variable "price_class" {
  description = "which edge locations: PriceClass_100, PriceClass_200 or PriceClass_All"
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class: PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "web_acl_arn" {
  description = "web application firewall"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "refuse to delete the bucket while it holds something"
  type        = bool
  default     = true
}
