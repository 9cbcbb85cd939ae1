output "name" {
  description = "name of the cluster"
  value       = aws_ecs_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster"
  value       = aws_ecs_cluster.this.arn
}

output "capacity_providers" {
  description = "what a `capacityProviderStrategy` may name"
  value       = aws_ecs_cluster_capacity_providers.this.capacity_providers
}
