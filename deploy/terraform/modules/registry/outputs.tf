output "urls" {
  description = "addresses by repository"
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "arns" {
  description = "ARNs by repository"
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
