# The stream of Disbursements triggers the dispatcher. It is a hint: the sweep finds what it drops.

resource "aws_lambda_event_source_mapping" "dispatch" {
  event_source_arn  = aws_dynamodb_table.disbursements.stream_arn
  function_name     = aws_lambda_function.this["dispatch"].arn
  enabled           = var.dispatch_enabled
  starting_position = "TRIM_HORIZON"

  # A lone payment leaves at once. While one call to PayPal runs, the next payments gather, up to
  # one batch, so that under load full batches leave without a waiting time.
  batch_size                         = min(var.batch_size, 10000) # the maximum of a stream
  maximum_batching_window_in_seconds = var.dispatch_window_seconds
  parallelization_factor             = var.dispatch_per_shard

  # A record that fails does not block its shard: it is reported alone, retried three times, moved
  # to the dead letter queue, and the sweep finds its payment.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 3
  maximum_record_age_in_seconds  = 3600

  # Only records with a due mark: one of a payment's four or five versions.
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
  for_each = toset(["deliver", "dispatch", "sweep"])

  name                              = "${var.name}-${each.key}-dead-letters"
  message_retention_seconds         = 1209600 # 14 days, the maximum
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
}
