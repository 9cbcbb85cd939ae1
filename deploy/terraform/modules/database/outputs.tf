output "identifier" {
  description = "what CloudWatch calls it"
  value       = var.name
}

output "dimension" {
  description = "CloudWatch's dimension for the identifier"
  value       = local.aurora ? "DBClusterIdentifier" : "DBInstanceIdentifier"
}

output "secret_arn" {
  description = "the secret with the keys `username` and `password`, which RDS rotates"
  value       = local.secret[0].secret_arn
}

output "url" {
  description = "DATABASE_URL without user and password: those are PGUSER and PGPASSWORD"
  value       = "postgres://${local.host}:${var.port}/${var.database_name}?sslmode=${var.tls}"
}
