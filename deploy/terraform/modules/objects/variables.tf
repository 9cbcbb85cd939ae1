variable "name" {
  description = "name of the bucket, unique in the world"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "name: 3 to 63 small letters, digits, hyphens and dots."
  }
}

variable "keep_days" {
  description = "after how many days uploads and reports go; left out: never"
  type        = number
  default     = null
}

variable "deletion_protection" {
  description = "refuse to delete the bucket while it holds something"
  type        = bool
  default     = true
}
