# An example: survives the loss of a zone.
account     = "123456789012"
region      = "eu-west-1"
environment = "production"
zone_count  = 3
nat         = "per_zone"
database = {
  instance_class       = "db.t4g.medium"
  multi_az             = true
  backup_days          = 35
  performance_insights = true
}
log_days     = 90
alarm_emails = ["on-call@example.com"]
