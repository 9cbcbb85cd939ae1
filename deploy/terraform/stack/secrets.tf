# What tasks read when they start. No value of a secret is in the state: write-only arguments keep it out.

ephemeral "aws_secretsmanager_random_password" "admin_token" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "admin_token" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for Secrets Manager
  #checkov:skip=CKV2_AWS_57:Raise `admin_token_version` for a new one; people hold it, so no clock may change it
  name                    = "${local.name}/admin-token"
  description             = "Token of the administrator, who may move the worker's scaling bounds"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "admin_token" {
  secret_id                = aws_secretsmanager_secret.admin_token.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.admin_token.random_password
  secret_string_wo_version = var.admin_token_version
}

# None of these is a secret: the database's user and password are in the secret that RDS keeps.
resource "aws_ssm_parameter" "settings" {
  #checkov:skip=CKV2_AWS_34:Addresses without a password
  for_each = {
    database-url = module.database.url
    mail-url     = "ses:"
    objects-url  = module.objects.url
  }

  name  = "/${local.name}/${each.key}"
  type  = "String"
  value = each.value
}
