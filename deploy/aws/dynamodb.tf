# The three tables of paymentapp/storage/dynamodb/tables.py; a test compares them.

resource "aws_dynamodb_table" "customers" {
  name                        = "${var.table_prefix}Customers"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "customer_id"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "customer_id"
    type = "S"
  }

  attribute {
    name = "email"
    type = "S"
  }

  # Finds the ids of the customers with an e-mail address; each of them is then read itself.
  global_secondary_index {
    name            = "email"
    hash_key        = "email"
    range_key       = "customer_id"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_dynamodb_table" "disbursements" {
  name                        = "${var.table_prefix}Disbursements"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "customer_id"
  range_key                   = "payment_id"
  deletion_protection_enabled = var.deletion_protection

  # Tells the dispatcher which payment is due; it reads the payment itself again.
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "customer_id"
    type = "S"
  }

  attribute {
    name = "payment_id"
    type = "S"
  }

  attribute {
    name = "due_shard"
    type = "S"
  }

  attribute {
    name = "due_at"
    type = "S"
  }

  # Sparse: holds payments only while they have a due mark.
  global_secondary_index {
    name            = "due"
    hash_key        = "due_shard"
    range_key       = "due_at"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_dynamodb_table" "operations" {
  name                        = "${var.table_prefix}Operations"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "attention_shard"
    type = "S"
  }

  attribute {
    name = "attention_at"
    type = "S"
  }

  # Sparse: holds batches and events only while they have an attention time.
  global_secondary_index {
    name            = "attention"
    hash_key        = "attention_shard"
    range_key       = "attention_at"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}
