terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region
  # The wrong account is refused before anything is read.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      environment = var.environment
      made-by     = "terraform"
    }
  }
}
