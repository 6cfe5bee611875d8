# The stream of Disbursements wakes the dispatcher. It is a hint: what it drops, the sweep finds.

resource "aws_lambda_event_source_mapping" "dispatch" {
  event_source_arn  = aws_dynamodb_table.disbursements.stream_arn
  function_name     = aws_lambda_function.this["dispatch"].arn
  enabled           = var.dispatch_enabled
  starting_position = "TRIM_HORIZON"

  # A lone payment leaves at once. While one call is at PayPal, the next ones gather, up to what one
  # batch takes, so that a flood leaves in full batches without anybody waiting for it.
  batch_size                         = min(var.batch_size, 10000) # a stream gives no more
  maximum_batching_window_in_seconds = var.dispatch_window_seconds
  parallelization_factor             = var.dispatch_per_shard

  # A record that fails never holds up its shard: the others are told apart, it is tried thrice, put
  # aside, and the payment is found by the sweep.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 3
  maximum_record_age_in_seconds  = 3600

  # Only what carries a due mark: of a payment's four or five versions, one.
  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT", "MODIFY"]
        dynamodb  = { NewImage = { due_at = { S = [{ exists = true }] } } }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead_letters["dispatch"].arn
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = toset(["dispatch", "sweep"])

  name                              = "${var.name}-${each.key}-dead-letters"
  message_retention_seconds         = 1209600 # 14 days, the longest that there is
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
}
