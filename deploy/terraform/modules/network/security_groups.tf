# Each link of the chain lets in the one before it and nobody else.

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.${data.aws_region.here.name}.s3"
}

data "aws_ec2_managed_prefix_list" "dynamodb" {
  name = "com.amazonaws.${data.aws_region.here.name}.dynamodb"
}

locals {
  tasks = {
    api      = aws_security_group.api.id
    worker   = aws_security_group.worker.id
    operator = aws_security_group.operator.id
  }
}

resource "aws_security_group" "load_balancer" {
  #checkov:skip=CKV2_AWS_5:The load balancer of another module has it
  name        = "${var.name}-load-balancer"
  description = "The load balancer: reached from CloudFront"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-load-balancer" }
}

# The prefix list counts as 55 of the 60 rules that a group may have, so there is one rule and not one a port.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html
resource "aws_vpc_security_group_ingress_rule" "load_balancer_from_cloudfront" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "From CloudFront's origin-facing servers"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = var.load_balancer_port
  to_port           = var.load_balancer_port
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer_from_ranges" {
  for_each = toset(var.load_balancer_open_to)

  security_group_id = aws_security_group.load_balancer.id
  description       = "From a range that was named"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = var.load_balancer_port
  to_port           = var.load_balancer_port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_api" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "To the API's tasks"
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = var.api_port
  to_port                      = var.api_port
}

resource "aws_security_group" "api" {
  #checkov:skip=CKV2_AWS_5:Tasks have it: a manifest names it
  name        = "${var.name}-api"
  description = "Tasks of the API: reached from the load balancer"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-api" }
}

resource "aws_vpc_security_group_ingress_rule" "api_from_load_balancer" {
  security_group_id            = aws_security_group.api.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.api_port
  to_port                      = var.api_port
}

resource "aws_security_group" "worker" {
  #checkov:skip=CKV2_AWS_5:Tasks have it: a manifest names it
  name        = "${var.name}-worker"
  description = "Tasks of the worker: reached by nobody"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-worker" }
}

resource "aws_security_group" "operator" {
  #checkov:skip=CKV2_AWS_5:Tasks have it: a manifest names it
  name        = "${var.name}-operator"
  description = "The operator: reached by nobody"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-operator" }
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:The database of another module has it
  name        = "${var.name}-database"
  description = "The database: reached from the tasks of the API and the worker"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = { for name in ["api", "worker"] : name => local.tasks[name] }

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from the ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_egress_rule" "to_database" {
  for_each = { for name in ["api", "worker"] : name => local.tasks[name] }

  security_group_id            = each.value
  description                  = "PostgreSQL"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

# AWS, and for the operator Git. Addresses on the internet are not known beforehand; the port is.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = var.nat == "none" ? {} : local.tasks

  security_group_id = each.value
  description       = "HTTPS: AWS, and Git for the operator"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "to_endpoints" {
  for_each = var.nat == "none" ? local.tasks : {}

  security_group_id            = each.value
  description                  = "AWS, by the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "to_s3" {
  for_each = var.nat == "none" ? local.tasks : {}

  security_group_id = each.value
  description       = "Image layers and objects, by the gateway endpoint"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.s3.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "to_ledger" {
  count = var.nat == "none" ? 1 : 0

  security_group_id = aws_security_group.operator.id
  description       = "The ledger, by the gateway endpoint"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.dynamodb.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints: reached from all tasks"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = local.tasks

  security_group_id            = aws_security_group.endpoints.id
  description                  = "HTTPS from the ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
