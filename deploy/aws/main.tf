locals {
  log_group_arn = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${data.aws_caller_identity.current.account_id}:log-group"

  # KMS permissions are added only if there is a key.
  kms_key_arns = var.kms_key_arn == null ? [] : [var.kms_key_arn]
}
