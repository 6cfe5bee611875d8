"""`PAYMENTAPP_EVENTS_SNS_ARN`: the ARN of a topic, whose account is not shown."""

from __future__ import annotations

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings, load_settings
from paymentapp.declarations import groups, states
from paymentapp.errors import SettingsError

NAME = "PAYMENTAPP_EVENTS_SNS_ARN"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:eu-west-1:123456789012:events",
        "arn:aws:sns:us-east-1:123456789012:Payment_events-1.fifo",
        "arn:aws-cn:sns:cn-north-1:123456789012:events",
        "arn:aws-us-gov:sns:us-gov-west-1:123456789012:events",
    ],
)
def test_the_arn_of_a_topic_is_taken(arn: str) -> None:
    assert load_settings({NAME: arn}).events_sns_arn == arn


@pytest.mark.parametrize(
    "wrong",
    [
        "events",
        "arn:aws:sqs:eu-west-1:123456789012:events",
        "arn:aws:sns::123456789012:events",
        "arn:aws:sns:eu-west-1:12345:events",
        "arn:aws:sns:eu-west-1:123456789012:",
        "arn:aws:sns:eu-west-1:123456789012:a b",
        "arn:aws:sns:eu-west-1:123456789012:events:7c5a8f10-subscription",
        f"arn:aws:sns:eu-west-1:123456789012:{'x' * 257}",
    ],
)
def test_anything_else_is_named_and_not_shown(wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({NAME: wrong})
    assert str(caught.value).startswith(f"{NAME} must be the ARN of an SNS topic")
    assert wrong not in str(caught.value).partition("such as")[0] or wrong == "events"


def test_the_account_is_not_shown() -> None:
    environ = {NAME: "arn:aws:sns:eu-west-1:123456789012:events"}
    shown = {state.variable.name: state.shown for state in states(groups()[0], environ)}
    assert shown[NAME] == "arn:aws:sns:eu-west-1:…:events"


def test_without_the_setting_nothing_is_published() -> None:
    services = build_services(Settings(store="sqlite:///:memory:"), providers={})
    assert services.publisher is None
