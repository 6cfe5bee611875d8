# The sweep names each webhook endpoint, and the topic, in a message of this queue; `deliver` sends them
# their events. A message is a hint: the next sweep sends another one.

resource "aws_sqs_queue" "deliveries" {
  name                              = "${var.name}-deliveries"
  visibility_timeout_seconds        = 6 * local.functions["deliver"].timeout # as AWS recommends
  message_retention_seconds         = 3600
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters["deliver"].arn
    maxReceiveCount     = 3
  })
}

resource "aws_lambda_event_source_mapping" "deliver" {
  event_source_arn = aws_sqs_queue.deliveries.arn
  function_name    = aws_lambda_function.this["deliver"].arn
  enabled          = var.sweep_enabled
  batch_size       = 1

  # All 16 endpoints that there may be, and the topic, at a time; no message is taken that Lambda
  # would then throttle.
  scaling_config {
    maximum_concurrency = var.deliver_concurrency == -1 ? 17 : min(var.deliver_concurrency, 17)
  }
}
