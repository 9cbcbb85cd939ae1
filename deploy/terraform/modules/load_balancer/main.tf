# An application load balancer that routes by host and path to two target groups a service: the second one is for
# blue/green, linear and canary deployments.

data "aws_caller_identity" "here" {}

locals {
  https = var.certificate_arn != ""
  groups = merge([
    for name, service in var.services : {
      "${name}"       = merge(service, { service = name })
      "${name}-green" = merge(service, { service = name })
    }
  ]...)
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:CloudFront stands in front of it; a web application firewall belongs there
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  subnets            = var.subnets
  security_groups    = [var.security_group]

  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  # Longer than CloudFront keeps a connection to its origin, so that it is never this side that closes first.
  idle_timeout = 65

  access_logs {
    bucket  = aws_s3_bucket.logs.bucket
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:Between load balancer and task, inside the VPC, the applications speak HTTP
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = each.value.port
  # How long a task that goes may finish what it began; the services' stopTimeout is 30 s.
  deregistration_delay = 30

  health_check {
    path                = each.value.health_check_path
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "this" {
  #checkov:skip=CKV_AWS_2:HTTP only where there is no certificate yet; security groups then admit CloudFront alone
  #checkov:skip=CKV_AWS_103:The policy is TLS 1.2 and 1.3 wherever there is TLS
  load_balancer_arn = aws_lb.this.arn
  port              = local.https ? 443 : 80
  protocol          = local.https ? "HTTPS" : "HTTP"
  certificate_arn   = local.https ? var.certificate_arn : null
  ssl_policy        = local.https ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null

  # What no rule knows is nobody's.
  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each = var.services

  listener_arn = aws_lb_listener.this.arn
  priority     = each.value.priority

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.this[each.key].arn
        weight = 1
      }

      target_group {
        arn    = aws_lb_target_group.this["${each.key}-green"].arn
        weight = 0
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.hosts) > 0 ? [each.value.hosts] : []

    content {
      host_header {
        values = condition.value
      }
    }
  }

  condition {
    path_pattern {
      values = each.value.paths
    }
  }

  # ECS moves the weights at every blue/green deployment; which colour is live is not ours to say.
  lifecycle {
    ignore_changes = [action]
  }
}
