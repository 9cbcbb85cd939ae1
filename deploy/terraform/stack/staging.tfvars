# An example: small, and gone when it is destroyed.
account             = "123456789012"
region              = "eu-west-1"
environment         = "staging"
deletion_protection = false
