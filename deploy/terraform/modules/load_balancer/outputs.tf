output "arn_suffix" {
  description = "what CloudWatch calls the load balancer"
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "its address"
  value       = aws_lb.this.dns_name
}

output "https" {
  description = "does it speak HTTPS?"
  value       = local.https
}

output "target_groups" {
  description = "ARNs by service; the second ones as SERVICE-green"
  value       = { for name, group in aws_lb_target_group.this : name => group.arn }
}

output "target_group_suffixes" {
  description = "what CloudWatch calls the first target group of each service"
  value       = { for name in keys(var.services) : name => aws_lb_target_group.this[name].arn_suffix }
}

output "listener_rules" {
  description = "ARNs by service: `productionListenerRule` of a blue/green service"
  value       = { for name, rule in aws_lb_listener_rule.this : name => rule.arn }
}
