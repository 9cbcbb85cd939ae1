variable "repositories" {
  description = "names of the repositories"
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.repositories : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name))])
    error_message = "repositories: small letters and digits, with . _ - / between them."
  }
}

variable "keep_images" {
  description = "how many tagged images of each stay; a roll-back needs its image"
  type        = number
  default     = 50

  validation {
    condition     = var.keep_images >= 10
    error_message = "keep_images: 10 or more, or a roll-back may not find its image."
  }
}

variable "deletion_protection" {
  description = "refuse to delete a repository that holds images"
  type        = bool
  default     = true
}
