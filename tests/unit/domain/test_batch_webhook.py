"""What a client may write of the webhook of a batch, and of the media of its people."""

from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain.batch_webhook import NO_EDIT, BatchWebhook, WebhookEdit, edited
from outdial_server.domain.batch_webhook_checks import check_batch_webhook
from outdial_server.domain.checks import Checks
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.medium import Medium, MediumRule
from outdial_server.domain.webhook_secrets import SECRET_OVERLAP, SealedSecrets
from support.clock import START

URL = "https://hooks.example.com/ready"
HOOK = BatchWebhook(URL, SealedSecrets("sealed"))
WHOLE = WebhookEdit(URL, "s3cr3t")


def faults(
    edit: WebhookEdit, present: BatchWebhook | None = None, medium: Medium = Medium.OUTGOING
) -> list[str]:
    checks = Checks()
    check_batch_webhook(checks, edit, present, medium, AddressGuard())
    return [violation.field for violation in checks.violations]


@pytest.mark.parametrize(
    ("edit", "present", "medium", "field"),
    [
        (NO_EDIT, None, Medium.WEBHOOK, "webhook_url"),
        (WebhookEdit(url=""), HOOK, Medium.WEBHOOK, "webhook_url"),
        (WebhookEdit(url=URL), None, Medium.OUTGOING, "webhook_secret"),
        (WebhookEdit(secret="s3cr3t"), None, Medium.OUTGOING, "webhook_url"),
        (WebhookEdit(url="", secret="s3cr3t"), HOOK, Medium.OUTGOING, "webhook_url"),
        (replace(WHOLE, secret="x" * 121), None, Medium.OUTGOING, "webhook_secret"),
        (replace(WHOLE, secret="\0"), None, Medium.OUTGOING, "webhook_secret"),
        (replace(WHOLE, url="http://hooks.example.com/"), None, Medium.OUTGOING, "webhook_url"),
        (replace(WHOLE, url="https://"), None, Medium.OUTGOING, "webhook_url"),
        (
            replace(WHOLE, url=f"https://h.example/{'x' * 2048}"),
            None,
            Medium.WEBHOOK,
            "webhook_url",
        ),
    ],
)
def test_each_fault_names_its_field(
    edit: WebhookEdit, present: BatchWebhook | None, medium: Medium, field: str
) -> None:
    assert faults(edit, present, medium) == [field]


@pytest.mark.parametrize(
    ("edit", "present", "medium"),
    [
        (NO_EDIT, None, Medium.OUTGOING),
        (NO_EDIT, HOOK, Medium.WEBHOOK),
        (WHOLE, None, Medium.WEBHOOK),
        (replace(WHOLE, secret="x" * 120), None, Medium.OUTGOING),
        (WebhookEdit(url=""), HOOK, Medium.OUTGOING),
        (WebhookEdit(url=URL), HOOK, Medium.WEBHOOK),
        (WebhookEdit(secret="another"), HOOK, Medium.WEBHOOK),
    ],
)
def test_what_is_whole_is_taken(
    edit: WebhookEdit, present: BatchWebhook | None, medium: Medium
) -> None:
    assert faults(edit, present, medium) == []


def test_a_new_secret_signs_beside_the_one_before_for_a_day() -> None:
    moved = edited(HOOK, WebhookEdit(url="https://other.example/"), None, START)
    assert moved == BatchWebhook("https://other.example/", HOOK.secrets)
    rotated = edited(HOOK, WebhookEdit(secret="new"), "sealed anew", START)
    assert rotated is not None
    assert rotated.secrets.at(START) == ("sealed anew", "sealed")
    assert rotated.secrets.at(START + SECRET_OVERLAP - timedelta(seconds=1)) == (
        "sealed anew",
        "sealed",
    )
    assert rotated.secrets.at(START + SECRET_OVERLAP) == ("sealed anew",)


def test_a_secret_is_not_told_by_accident() -> None:
    assert "s3cr3t" not in repr(WHOLE)


def test_a_webhook_is_set_taken_away_and_otherwise_left_alone() -> None:
    assert edited(None, WHOLE, "sealed", START) == HOOK
    assert edited(HOOK, WebhookEdit(url=""), None, START) is None
    assert edited(HOOK, NO_EDIT, None, START) == HOOK
    assert edited(None, NO_EDIT, None, START) is None


@pytest.mark.parametrize(
    ("rule", "medium", "fits"),
    [
        (MediumRule(has_webhook=True), Medium.WEBHOOK, True),
        (MediumRule(has_webhook=False), Medium.WEBHOOK, False),
        (MediumRule(has_webhook=True, can_dial=True), Medium.OUTGOING, True),
        (MediumRule(has_webhook=True, can_dial=False), Medium.OUTGOING, False),
    ],
)
def test_a_person_may_have_what_the_batch_has_the_means_for(
    rule: MediumRule, medium: Medium, *, fits: bool
) -> None:
    assert (rule.fault(medium) == "") == fits
