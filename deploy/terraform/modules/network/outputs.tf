output "vpc_id" {
  description = "the VPC"
  value       = aws_vpc.this.id
}

output "zones" {
  description = "names of the zones in use"
  value       = sort(keys(local.zones))
}

output "public_subnets" {
  description = "where the load balancer stands"
  value       = [for zone in sort(keys(local.zones)) : aws_subnet.public[zone].id]
}

output "private_subnets" {
  description = "where tasks run"
  value       = [for zone in sort(keys(local.zones)) : aws_subnet.private[zone].id]
}

output "database_subnets" {
  description = "where the database stands"
  value       = [for zone in sort(keys(local.zones)) : aws_subnet.database[zone].id]
}

output "security_groups" {
  description = "ids by name: load_balancer, api, worker, operator, database"
  value = merge(local.tasks, {
    load_balancer = aws_security_group.load_balancer.id
    database      = aws_security_group.database.id
  })
}
