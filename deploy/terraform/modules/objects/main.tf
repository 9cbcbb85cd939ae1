# The private bucket of uploads and reports.

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:The applications log what they read and write; CloudTrail data events are the account's choice
  #checkov:skip=CKV_AWS_21:Uploads and reports are written once under names of their own
  #checkov:skip=CKV_AWS_144:Uploads are imported into the database, which has the backups
  #checkov:skip=CKV_AWS_145:Encrypted with S3's own key: the task roles then need no rights on a key
  #checkov:skip=CKV2_AWS_62:Nobody waits for an object
  bucket        = var.name
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:Unfinished uploads end after a day; the rule that expires objects is another one
  bucket = aws_s3_bucket.this.id

  # Uploads that a killed task left behind are paid for, and seen nowhere.
  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = var.keep_days == null ? [] : [var.keep_days]

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "tls" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyByTls"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
