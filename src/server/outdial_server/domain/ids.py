"""Names for the ids of the resources; every id is a UUID string."""

from typing import NewType

AccountId = NewType("AccountId", str)
ApiKeyId = NewType("ApiKeyId", str)
AgentId = NewType("AgentId", str)
BatchId = NewType("BatchId", str)
ScheduledCallId = NewType("ScheduledCallId", str)
CallId = NewType("CallId", str)
ImportId = NewType("ImportId", str)
SuppressionId = NewType("SuppressionId", str)
ThrottleId = NewType("ThrottleId", str)
ContactFolderId = NewType("ContactFolderId", str)
ContactId = NewType("ContactId", str)
PhoneNumberId = NewType("PhoneNumberId", str)
WebhookId = NewType("WebhookId", str)
CarrierConfigId = NewType("CarrierConfigId", str)
