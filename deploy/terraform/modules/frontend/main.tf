# A private bucket behind CloudFront for the static page, with the API's paths sent on to the load balancer.

# Managed by AWS: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
locals {
  cache = {
    optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    disabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  }
  # All of the viewer's headers, cookies and query strings.
  forward_everything = "216adef6-5c7f-47e4-b989-5492eafa07d3"
  security_headers   = "67f7725c-6f97-4210-82d7-5512b31e9d03"
}

data "aws_caller_identity" "here" {}

resource "aws_s3_bucket" "page" {
  #checkov:skip=CKV_AWS_18:CloudFront alone reads it
  #checkov:skip=CKV_AWS_21:The page is built from Git, which has its history
  #checkov:skip=CKV_AWS_144:The page is built from Git, anywhere
  #checkov:skip=CKV_AWS_145:Everything in it is public by way of CloudFront
  #checkov:skip=CKV2_AWS_62:Nobody waits for an object
  bucket        = "${var.name}-page-${data.aws_caller_identity.here.account_id}"
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "page" {
  bucket                  = aws_s3_bucket.page.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "page" {
  bucket = aws_s3_bucket.page.id

  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_cloudfront_origin_access_control" "page" {
  name                              = "${var.name}-page"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV2_AWS_32:Every behaviour has AWS's managed policy of security headers
  #checkov:skip=CKV_AWS_68:A web application firewall is a choice: `web_acl_arn`
  #checkov:skip=CKV2_AWS_47:A web application firewall is a choice: `web_acl_arn`
  #checkov:skip=CKV_AWS_86:The load balancer logs each request to the API; the page is static
  #checkov:skip=CKV_AWS_174:TLS 1.2 wherever there is a certificate; CloudFront's own fixes the rest
  #checkov:skip=CKV2_AWS_42:A certificate is a choice: `certificate_arn` and `aliases`
  #checkov:skip=CKV_AWS_310:There is one load balancer, and a page that is cached
  #checkov:skip=CKV_AWS_374:Whom the page is for is not ours to say
  enabled             = true
  is_ipv6_enabled     = true
  comment             = var.name
  default_root_object = "index.html"
  price_class         = var.price_class
  aliases             = var.aliases
  web_acl_id          = var.web_acl_arn
  # A minute or two less for each apply; nothing here depends on the last edge.
  wait_for_deployment = false

  origin {
    origin_id                = "page"
    domain_name              = aws_s3_bucket.page.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.page.id
  }

  origin {
    origin_id   = "api"
    domain_name = var.api_domain

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = var.api_https ? "https-only" : "http-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      # Server-sent events: the page is told something at least this often.
      origin_read_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id           = "page"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = local.cache.optimized
    response_headers_policy_id = local.security_headers
  }

  dynamic "ordered_cache_behavior" {
    for_each = var.api_paths

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "api"
      allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods             = ["GET", "HEAD"]
      viewer_protocol_policy     = "https-only"
      compress                   = true
      cache_policy_id            = local.cache.disabled
      origin_request_policy_id   = local.forward_everything
      response_headers_policy_id = local.security_headers
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == ""
    acm_certificate_arn            = var.certificate_arn == "" ? null : var.certificate_arn
    ssl_support_method             = var.certificate_arn == "" ? null : "sni-only"
    minimum_protocol_version       = var.certificate_arn == "" ? "TLSv1" : "TLSv1.2_2021"
  }
}

resource "aws_s3_bucket_policy" "page" {
  bucket = aws_s3_bucket.page.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThisDistribution"
        Effect    = "Allow"
        Action    = "s3:GetObject"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Resource  = "${aws_s3_bucket.page.arn}/*"
        Condition = { StringEquals = { "AWS:SourceArn" = aws_cloudfront_distribution.this.arn } }
      },
      {
        Sid       = "OnlyByTls"
        Effect    = "Deny"
        Action    = "s3:*"
        Principal = "*"
        Resource  = [aws_s3_bucket.page.arn, "${aws_s3_bucket.page.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.page]
}
