# The topic of events, if there is to be one. Subscribers in this account need IAM permissions alone;
# for other accounts, add a topic policy of your own.

resource "aws_sns_topic" "events" {
  count = var.events_topic ? 1 : 0

  name              = "${var.name}-events${var.events_topic_fifo ? ".fifo" : ""}"
  fifo_topic        = var.events_topic_fifo
  kms_master_key_id = coalesce(var.kms_key_arn, "alias/aws/sns")
}

locals {
  events_variable    = "PAYMENTAPP_EVENTS_SNS_ARN"
  events_environment = { for arn in aws_sns_topic.events[*].arn : local.events_variable => arn }

  # A topic of another stack can be named in the settings; `deliver` then publishes to that one.
  events_topic_arns = contains(keys(var.settings), local.events_variable) ? [var.settings[local.events_variable]] : aws_sns_topic.events[*].arn
}
