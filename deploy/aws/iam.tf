# One role for each function, with only the permissions that its code uses.

data "aws_iam_policy_document" "assume_lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-${each.key}-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.assume_lambda.json
}

resource "aws_iam_role_policy" "function" {
  for_each = {
    api      = data.aws_iam_policy_document.api.json
    deliver  = data.aws_iam_policy_document.deliver.json
    dispatch = data.aws_iam_policy_document.dispatch.json
    sweep    = data.aws_iam_policy_document.sweep.json
  }

  name   = each.key
  role   = aws_iam_role.function[each.key].id
  policy = each.value
}

# For all of them: write their own log, read their own secrets, use the KMS key if there is one.
data "aws_iam_policy_document" "common" {
  for_each = local.functions

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:/aws/lambda/${var.name}-${each.key}:*"]
  }

  # What each of them reads is in secrets.tf: `api` reads none by default.
  dynamic "statement" {
    for_each = length(local.secret_arns[each.key]) == 0 ? [] : [local.secret_arns[each.key]]

    content {
      sid       = "OwnSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.kms_key_arns

    content {
      sid       = "OwnKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

# Accepts and shows payments; cancels them by conditional updates of payment and batch. Calls no provider.
data "aws_iam_policy_document" "api" {
  source_policy_documents = [data.aws_iam_policy_document.common["api"].json]

  statement {
    sid     = "BatchReads"
    actions = ["dynamodb:BatchGetItem"]
    resources = [
      aws_dynamodb_table.customers.arn,
      aws_dynamodb_table.disbursements.arn,
      aws_dynamodb_table.operations.arn,
    ]
  }

  statement {
    sid       = "Customers"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.customers.arn]
  }

  # A page of customers is a Scan of as many items as the page has, which costs what they cost.
  statement {
    sid       = "CustomerPages"
    actions   = ["dynamodb:Scan"]
    resources = [aws_dynamodb_table.customers.arn]
  }

  statement {
    sid       = "CustomersByEmail"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.customers.arn}/index/email"]
  }

  statement {
    sid = "Payments"
    actions = [
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:PartiQLUpdate",
      "dynamodb:Query",
    ]
    resources = [aws_dynamodb_table.disbursements.arn]
  }

  # Every kind of record but ACH's and the positions of events is read for some request.
  statement {
    sid       = "ReadOperations"
    actions   = ["dynamodb:GetItem"]
    resources = [aws_dynamodb_table.operations.arn]
  }

  # A customer's change and its history, and a payment and the counters of its limits, are written by
  # TransactWriteItems, which needs the rights of the writes in it. What is not here cannot be added:
  # no key of the service, no batch, and nothing that a provider is sent.
  statement {
    sid       = "AddOperations"
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values = [
        "alike#*",
        "bulk#*",
        "bulk-key#*",
        "bulk-run",
        "customer#*",
        "erasure",
        "event#*",
        "events#*",
        "hold",
        "key#*",
        "lease",
        "note#webhook#we_*",
        "note#webhook-key#*",
        "payments#*",
        "reference#*",
        "references#*",
        "released-hold",
        "webhook-endpoint",
        "webhook#we_*",
      ]
    }
  }

  # A batch that certainly was not sent is taken apart when one of its payments is cancelled.
  statement {
    sid       = "ChangeOperations"
    actions   = ["dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values = [
        "batch#*",
        "bulk-run",
        "key#*",
        "limit#*",
        "note#webhook#we_*",
        "note#webhook-key#*",
        "webhook-endpoint",
        "webhook#we_*",
      ]
    }
  }

  # Of a key of the service only when it was last used: neither its scopes nor its end.
  statement {
    sid       = "NoteUseOfKeys"
    actions   = ["dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = ["apikey"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:Attributes"
      values   = ["last_used_at", "pk", "revision", "sk"]
    }
  }

  statement {
    sid       = "CustomerHistory"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["customer#*"]
    }
  }

  statement {
    sid       = "Events"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["events#*", "released-hold"]
    }
  }

  # The list of the account's payments, which are announced by it too; and the payments of a batch.
  statement {
    sid       = "AccountPayments"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["payments#*", "references#*", "batch#*", "batch-reference#*"]
    }
  }

  # Reads which holds are in force, and ends those that are released.
  statement {
    sid       = "Holds"
    actions   = ["dynamodb:Query", "dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = ["hold"]
    }
  }

  # Lists bulk runs, and shows what became of the rows of one.
  statement {
    sid       = "BulkRuns"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["bulk-run", "bulk#*"]
    }
  }

  # Lists webhook endpoints and the deliveries to one.
  statement {
    sid       = "WebhookEndpoints"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["webhook-endpoint", "webhook#we_*"]
    }
  }

  # /readyz and /v1/api/readiness count what waits for an operator.
  statement {
    sid       = "Inbox"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.operations.arn}/index/attention"]
  }
}

# Batches due payments and sends them.
data "aws_iam_policy_document" "dispatch" {
  source_policy_documents = [
    data.aws_iam_policy_document.common["dispatch"].json,
    data.aws_iam_policy_document.carry.json,
  ]

  statement {
    sid       = "Stream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = [aws_dynamodb_table.disbursements.stream_arn]
  }

  statement {
    sid       = "StreamList"
    actions   = ["dynamodb:ListStreams"]
    resources = ["${aws_dynamodb_table.disbursements.arn}/stream/*"]
  }

  statement {
    sid       = "PutAside"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters["dispatch"].arn]
  }
}

# The same, and finds due work with the indexes.
data "aws_iam_policy_document" "sweep" {
  source_policy_documents = [
    data.aws_iam_policy_document.common["sweep"].json,
    data.aws_iam_policy_document.carry.json,
  ]

  statement {
    sid     = "Due"
    actions = ["dynamodb:Query"]
    resources = [
      "${aws_dynamodb_table.disbursements.arn}/index/due",
      "${aws_dynamodb_table.operations.arn}/index/attention",
    ]
  }

  statement {
    sid       = "NameReceivers"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.deliveries.arn]
  }

  # Erasing a customer reads their payments, and so does a rule about a customer's first payment.
  statement {
    sid       = "PaymentsOfCustomers"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.disbursements.arn]
  }

  # Rows of bulk runs become payments here: their customers are read, and registered where that was asked
  # for; keys, entries of lists and payments are added, most of them 25 at a time by PartiQL.
  statement {
    sid       = "CustomersOfRows"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:PutItem"]
    resources = [aws_dynamodb_table.customers.arn]
  }

  statement {
    sid     = "PaymentsOfRows"
    actions = ["dynamodb:PutItem", "dynamodb:PartiQLInsert"]
    resources = [
      aws_dynamodb_table.disbursements.arn,
      aws_dynamodb_table.operations.arn,
    ]
  }

  # What is announced and not written is checked again, for a day; an erasure that is complete ends,
  # and no erased payment is found by its reference. The rows of a bulk run that has ended are deleted.
  statement {
    sid       = "Events"
    actions   = ["dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.operations.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["bulk#*", "events-unmade", "erasure", "references#*"]
    }
  }

  statement {
    sid       = "PutAside"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters["sweep"].arn]
  }
}

# Sends events to webhook endpoints and to the topic. It changes no payment, no batch and no customer, and
# calls no provider.
data "aws_iam_policy_document" "deliver" {
  source_policy_documents = [data.aws_iam_policy_document.common["deliver"].json]

  statement {
    sid = "Receivers"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [aws_sqs_queue.deliveries.arn]
  }

  dynamic "statement" {
    for_each = local.events_topic_arns

    content {
      sid       = "PublishEvents"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "ShowPayments"
    actions   = ["dynamodb:BatchGetItem"]
    resources = [aws_dynamodb_table.disbursements.arn]
  }

  # Shows a customer's change, as of its line.
  statement {
    sid       = "ShowCustomers"
    actions   = ["dynamodb:GetItem"]
    resources = [aws_dynamodb_table.customers.arn]
  }

  # Events, endpoints, deliveries, how far each receiver has come, leases.
  statement {
    sid = "Deliveries"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:Query",
    ]
    resources = [aws_dynamodb_table.operations.arn]
  }

  statement {
    sid       = "Due"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.operations.arn}/index/attention"]
  }
}

# Changes of a batch's state, which dispatcher and sweep both make.
data "aws_iam_policy_document" "carry" {
  # A bank's notification of change corrects the details; another route needs the details for it.
  statement {
    sid       = "CarryDetails"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.customers.arn]
  }

  statement {
    sid = "CarryPayments"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:UpdateItem",
      "dynamodb:PartiQLUpdate",
    ]
    resources = [aws_dynamodb_table.disbursements.arn]
  }

  statement {
    sid = "CarryBatches"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:Query",
    ]
    resources = [aws_dynamodb_table.operations.arn]
  }
}
