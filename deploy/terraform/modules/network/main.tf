# A VPC over two or three zones with public, private and database subnets, the ways out of it, and the chain of
# security groups: CloudFront -> load balancer -> tasks -> database.

data "aws_region" "here" {}

data "aws_availability_zones" "here" {
  #checkov:skip=CKV_AWS_394:The first zones by name are taken; a zone that AWS adds comes after them
  state = "available"

  # Local Zones and Wavelength Zones have neither NAT gateways nor RDS.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones = { for index, name in slice(sort(data.aws_availability_zones.here.names), 0, var.zone_count) : name => index }

  # Sixteen equal parts of the range: 0 to 3 public, 4 to 7 private, 8 to 11 database; the rest is kept.
  public_ranges   = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 4, index) }
  private_ranges  = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 4, index + 4) }
  database_ranges = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 4, index + 8) }

  nat_zones = {
    none     = []
    single   = [sort(keys(local.zones))[0]]
    per_zone = sort(keys(local.zones))
  }[var.nat]

  # What tasks and the operator call. Without NAT nothing else can be reached.
  interface_endpoints = var.nat == "none" ? toset(concat([
    "application-autoscaling",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "elasticloadbalancing",
    "email",
    "logs",
    "monitoring",
    "scheduler",
    "secretsmanager",
    "sqs",
    "ssm",
    "sts",
  ], var.more_endpoints)) : toset([])
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The group that everything gets which names none: it lets nothing in or out.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-default-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each = local.public_ranges

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.private_ranges

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_subnet" "database" {
  for_each = local.database_ranges

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-database-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = aws_eip.nat

  allocation_id = each.value.id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${var.name}-${each.key}" }

  # Without a way to the internet a NAT gateway is of no use while it starts.
  depends_on = [aws_route.internet]
}

# One table a zone, so that with a NAT gateway in each zone the loss of one takes nothing from the others.
resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "nat" {
  for_each = var.nat == "none" ? {} : local.zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat == "per_zone" ? each.key : local.nat_zones[0]].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# Nothing leaves the database subnets: their table has no route but the VPC's own.
resource "aws_route_table" "database" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = aws_subnet.database

  subnet_id      = each.value.id
  route_table_id = aws_route_table.database.id
}

# Gateway endpoints cost nothing, and keep image layers, uploads and the ledger off the NAT gateway's bill.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.here.name}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.here.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  tags                = { Name = "${var.name}-${each.key}" }
}
