variable "name" {
  description = "name of the queue: the manifests' QUEUE_NAME"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.name))
    error_message = "name: up to 80 letters, digits, hyphens and underscores."
  }
}

variable "dead_letters_name" {
  description = "name of the dead-letter queue: the manifests' DEAD_LETTER_QUEUE_NAME"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.dead_letters_name))
    error_message = "dead_letters_name: up to 80 letters, digits, hyphens and underscores."
  }
}

variable "receives_max" {
  description = "after how many receives SQS itself moves a message; many more than the worker's ATTEMPTS_MAX"
  type        = number
  default     = 100

  validation {
    condition     = var.receives_max >= 20 && var.receives_max <= 1000
    error_message = "receives_max: 20 to 1000. The worker moves messages itself, with the reason; this is the net below."
  }
}
