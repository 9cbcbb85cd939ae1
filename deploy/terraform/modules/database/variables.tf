variable "name" {
  description = "identifier of the instance or cluster"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name: 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "engine" {
  description = "`postgres`: an RDS instance; `aurora`: Aurora Serverless v2"
  type        = string
  default     = "postgres"

  validation {
    condition     = contains(["postgres", "aurora"], var.engine)
    error_message = "engine: postgres or aurora."
  }
}

variable "engine_version" {
  description = "PostgreSQL's version; RDS goes to newer minor ones by itself"
  type        = string
  default     = "15.10"

  validation {
    condition     = can(regex("^1[5-9](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version: PostgreSQL 15 or newer, such as 15.10."
  }
}

variable "instance_class" {
  description = "size of the RDS instance; Aurora's is `aurora_capacity`"
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class: such as db.t4g.micro."
  }
}

variable "aurora_capacity" {
  description = "Aurora's bounds in ACU; a `min` of 0 lets it pause"
  type        = object({ min = number, max = number })
  default     = { min = 0.5, max = 4 }

  validation {
    condition     = var.aurora_capacity.min >= 0 && var.aurora_capacity.max >= 1 && var.aurora_capacity.max <= 256 && var.aurora_capacity.min <= var.aurora_capacity.max
    error_message = "aurora_capacity: min from 0, max from 1 to 256, in steps of 0.5; min is not above max."
  }
}

variable "storage_gib" {
  description = "storage of the RDS instance at first; it grows by itself to five times that"
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gib >= 20
    error_message = "storage_gib: gp3 begins at 20."
  }
}

variable "multi_az" {
  description = "a standby in another zone that takes over"
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "for how many days any second can be restored"
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days: 1 to 35."
  }
}

variable "rotation_days" {
  description = "how often RDS makes a new password; left out: every seven days. Running tasks need a roll-out then"
  type        = number
  default     = null

  validation {
    condition     = var.rotation_days == null || try(var.rotation_days >= 1 && var.rotation_days <= 1000, false)
    error_message = "rotation_days: 1 to 1000."
  }
}

variable "performance_insights" {
  description = "which statement loads the database; not on the smallest classes"
  type        = bool
  default     = false
}

variable "database_name" {
  description = "name of the database"
  type        = string
  default     = "jobs"
}

variable "username" {
  description = "name of its owner"
  type        = string
  default     = "jobs"
}

variable "port" {
  description = "port"
  type        = number
  default     = 5432
}

variable "subnets" {
  description = "database subnets, in two zones or more"
  type        = list(string)

  validation {
    condition     = length(var.subnets) >= 2
    error_message = "subnets: RDS needs two zones."
  }
}

variable "security_group" {
  description = "the database's security group"
  type        = string
}

variable "tls" {
  description = "sslmode of the URL: `require` encrypts; `verify-full` also checks the server, and needs RDS's certificate authority in the image"
  type        = string
  default     = "require"

  validation {
    condition     = contains(["require", "verify-full"], var.tls)
    error_message = "tls: require or verify-full. RDS refuses connections in clear."
  }
}

variable "deletion_protection" {
  description = "refuse to delete it, and take a last snapshot when it goes"
  type        = bool
  default     = true
}
