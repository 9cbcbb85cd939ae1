# PostgreSQL: one RDS instance, or Aurora Serverless v2 by choice. RDS makes the password, keeps it in Secrets Manager
# and rotates it, so nobody and no state file knows it.

locals {
  aurora = var.engine == "aurora"
  secret = local.aurora ? aws_rds_cluster.this[0].master_user_secret : aws_db_instance.this[0].master_user_secret
  host   = local.aurora ? aws_rds_cluster.this[0].endpoint : aws_db_instance.this[0].address
  major  = split(".", var.engine_version)[0]
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_db_parameter_group" "this" {
  count = local.aurora ? 0 : 1

  name   = "${var.name}-postgres${local.major}"
  family = "postgres${local.major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Statements that took longer than this, in milliseconds, are in the log.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_133:Backups are kept for `backup_days`, 1 to 35
  #checkov:skip=CKV_AWS_118:Enhanced monitoring is paid by the log line; CloudWatch's own metrics carry the alarms
  #checkov:skip=CKV_AWS_161:The applications read a URL and a password; IAM tokens last 15 minutes and sqlx asks for none
  #checkov:skip=CKV_AWS_353:Performance Insights is a choice: `performance_insights`
  #checkov:skip=CKV_AWS_354:Performance Insights is encrypted with RDS's own key
  #checkov:skip=CKV_AWS_157:Two zones are a choice, `multi_az`: twice the price
  #checkov:skip=CKV_AWS_293:Protected unless `deletion_protection` says otherwise
  count = local.aurora ? 0 : 1

  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  db_name        = var.database_name
  username       = var.username
  port           = var.port
  multi_az       = var.multi_az

  manage_master_user_password = true

  storage_type          = "gp3"
  allocated_storage     = var.storage_gib
  max_allocated_storage = var.storage_gib * 5
  storage_encrypted     = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group]
  parameter_group_name   = aws_db_parameter_group.this[0].name
  publicly_accessible    = false

  # Times are in UTC; the backup comes before what could need it.
  backup_retention_period    = var.backup_days
  backup_window              = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:04:30"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  deletion_protection        = var.deletion_protection
  skip_final_snapshot        = !var.deletion_protection
  final_snapshot_identifier  = "${var.name}-final"

  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  performance_insights_enabled    = var.performance_insights

  lifecycle {
    # RDS moves to newer minor versions by itself.
    ignore_changes = [engine_version]
  }
}

resource "aws_rds_cluster_parameter_group" "this" {
  count = local.aurora ? 1 : 0

  name   = "${var.name}-aurora-postgres${local.major}"
  family = "aurora-postgresql${local.major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster" "this" {
  #checkov:skip=CKV_AWS_133:Backups are kept for `backup_days`, 1 to 35
  #checkov:skip=CKV2_AWS_27:Slow statements are logged; logging every one would write down what people submit
  #checkov:skip=CKV_AWS_139:Protected unless `deletion_protection` says otherwise
  #checkov:skip=CKV_AWS_162:The applications read a URL and a password; IAM tokens last 15 minutes and sqlx asks for none
  #checkov:skip=CKV_AWS_327:Encrypted with RDS's own key
  #checkov:skip=CKV2_AWS_8:Aurora keeps its own backups for `backup_days`; a backup plan across services is the account's business
  count = local.aurora ? 1 : 0

  cluster_identifier = var.name
  engine             = "aurora-postgresql"
  engine_version     = var.engine_version
  database_name      = var.database_name
  master_username    = var.username
  port               = var.port

  manage_master_user_password = true

  serverlessv2_scaling_configuration {
    min_capacity = var.aurora_capacity.min
    max_capacity = var.aurora_capacity.max
  }

  storage_encrypted               = true
  db_subnet_group_name            = aws_db_subnet_group.this.name
  vpc_security_group_ids          = [var.security_group]
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.this[0].name

  backup_retention_period         = var.backup_days
  preferred_backup_window         = "02:00-03:00"
  preferred_maintenance_window    = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot           = true
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.deletion_protection
  final_snapshot_identifier       = "${var.name}-final"
  enabled_cloudwatch_logs_exports = ["postgresql"]

  lifecycle {
    ignore_changes = [engine_version]
  }
}

resource "aws_rds_cluster_instance" "this" {
  #checkov:skip=CKV_AWS_118:Enhanced monitoring is paid by the log line; CloudWatch's own metrics carry the alarms
  #checkov:skip=CKV_AWS_353:Performance Insights is a choice: `performance_insights`
  #checkov:skip=CKV_AWS_354:Performance Insights is encrypted with RDS's own key
  # The second one stands in another zone, and takes over.
  count = local.aurora ? (var.multi_az ? 2 : 1) : 0

  identifier                   = "${var.name}-${count.index + 1}"
  cluster_identifier           = aws_rds_cluster.this[0].id
  engine                       = aws_rds_cluster.this[0].engine
  instance_class               = "db.serverless"
  db_subnet_group_name         = aws_db_subnet_group.this.name
  publicly_accessible          = false
  auto_minor_version_upgrade   = true
  copy_tags_to_snapshot        = true
  performance_insights_enabled = var.performance_insights
}

# Without this RDS rotates every seven days.
resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304:Every `rotation_days`; RDS itself rotates every seven
  count = var.rotation_days == null ? 0 : 1

  secret_id          = local.secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.rotation_days
  }
}
