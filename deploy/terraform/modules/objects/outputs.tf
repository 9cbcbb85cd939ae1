output "name" {
  description = "name of the bucket"
  value       = aws_s3_bucket.this.bucket
}

output "url" {
  description = "OBJECTS_URL"
  value       = "s3://${aws_s3_bucket.this.bucket}"
}
