output "bucket" {
  description = "where the page goes"
  value       = aws_s3_bucket.page.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket"
  value       = aws_s3_bucket.page.arn
}

output "distribution_id" {
  description = "what is invalidated after a release of the page"
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "ARN of the distribution"
  value       = aws_cloudfront_distribution.this.arn
}

output "domain_name" {
  description = "where the page is"
  value       = aws_cloudfront_distribution.this.domain_name
}
