"""SQS: standard queues, their rules, and what at-least-once and any-order mean."""

import concurrent.futures
import hashlib
import time

import pytest

from aws_sandbox import HOME, LINKED, MANAGEMENT, PAYMENTS, PLAYGROUND, SECURITY, code_of, error_of

READER = "arn:aws:iam::222222222222:role/queue-reader"
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"


def receive(sandbox, url, most=10, **arguments):
    """Messages of one receive."""
    return sandbox.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, **arguments).get("Messages", [])


def advance(sandbox, seconds):
    """Moves the sandbox's clock."""
    sandbox.control("POST", "/clock", {"advanceSeconds": seconds})


def numbers(sandbox, url):
    """Messages that can be received, and those in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    given = sandbox.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(given[name]) for name in names)


def test_a_message_is_sent_received_and_deleted(fresh):
    url = fresh.queue("plain")
    assert url == "https://sqs.eu-west-1.amazonaws.com/222222222222/plain"
    sent = fresh.sqs.send_message(QueueUrl=url, MessageBody="hällo")
    digest = hashlib.md5("hällo".encode()).hexdigest()
    assert sent["MD5OfMessageBody"] == digest
    assert numbers(fresh, url) == (1, 0)
    (message,) = receive(fresh, url, AttributeNames=["ApproximateReceiveCount", "SentTimestamp"])
    assert (message["Body"], message["MessageId"], message["MD5OfBody"]) == ("hällo", sent["MessageId"], digest)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert numbers(fresh, url) == (0, 1)
    assert receive(fresh, url) == []
    fresh.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    fresh.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    advance(fresh, 31)
    assert receive(fresh, url) == [] and numbers(fresh, url) == (0, 0)


def test_what_is_not_deleted_comes_back_and_old_handles_delete_nothing(fresh):
    url = fresh.queue("plain")
    fresh.sqs.send_message(QueueUrl=url, MessageBody="x")
    (first,) = receive(fresh, url)
    advance(fresh, 31)
    (second,) = receive(fresh, url, MessageSystemAttributeNames=["All"])
    assert second["MessageId"] == first["MessageId"] and second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    fresh.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    advance(fresh, 31)
    assert len(receive(fresh, url, VisibilityTimeout=0)) == 1
    assert len(receive(fresh, url)) == 1, "a visibility timeout of zero hides nothing"


def test_batches(fresh):
    url = fresh.queue("plain")
    for number in range(12):
        fresh.sqs.send_message(QueueUrl=url, MessageBody=str(number))
    messages = receive(fresh, url)
    assert [m["Body"] for m in messages] == [str(n) for n in range(10)]
    entries = [{"Id": str(at), "ReceiptHandle": m["ReceiptHandle"]} for at, m in enumerate(messages)]
    entries[3]["ReceiptHandle"] = "junk"
    done = fresh.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert {e["Id"] for e in done["Successful"]} == {str(n) for n in range(10)} - {"3"}
    (failed,) = done["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("3", "ReceiptHandleIsInvalid", True)
    assert numbers(fresh, url) == (2, 1)
    batch = fresh.sqs.delete_message_batch
    entry = {"Id": "a", "ReceiptHandle": entries[0]["ReceiptHandle"]}
    prefix = "AWS.SimpleQueueService."
    assert code_of(batch, QueueUrl=url, Entries=[]) == prefix + "EmptyBatchRequest"
    assert code_of(batch, QueueUrl=url, Entries=[entry, entry]) == prefix + "BatchEntryIdsNotDistinct"
    assert code_of(batch, QueueUrl=url, Entries=[{**entry, "Id": "a b"}]) == prefix + "InvalidBatchEntryId"
    many = [{**entry, "Id": str(n)} for n in range(11)]
    assert code_of(batch, QueueUrl=url, Entries=many) == prefix + "TooManyEntriesInBatchRequest"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"MaxNumberOfMessages": 11}, "MaxNumberOfMessages"),
        ({"MaxNumberOfMessages": 0}, "MaxNumberOfMessages"),
        ({"WaitTimeSeconds": 21}, "WaitTimeSeconds"),
        ({"VisibilityTimeout": 43_201}, "VisibilityTimeout"),
    ],
)
def test_parameters_of_a_receive(sandbox, arguments, text):
    status, code, message = error_of(sandbox.sqs.receive_message, QueueUrl=sandbox.queue("plain"), **arguments)
    assert (status, code) == (400, "InvalidParameterValue") and text in message


def test_a_receive_waits_until_there_is_something(fresh):
    url = fresh.queue("plain")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(receive, fresh, url, WaitTimeSeconds=20)
        time.sleep(0.5)
        assert not waiting.done()
        fresh.sqs.send_message(QueueUrl=url, MessageBody="at last")
        assert [m["Body"] for m in waiting.result(timeout=10)] == ["at last"]
        # It also ends when a message comes into sight again, here because the clock jumps.
        waiting = pool.submit(receive, fresh, url, WaitTimeSeconds=20)
        time.sleep(0.2)
        advance(fresh, 31)
        assert len(waiting.result(timeout=10)) == 1
    begin = time.monotonic()
    assert receive(fresh, url, WaitTimeSeconds=1) == []
    assert time.monotonic() - begin >= 1


def test_dead_letters(fresh):
    url, dead = fresh.queue("findings"), fresh.queue("dead")
    policy = fresh.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy", "QueueArn"])["Attributes"]
    assert policy["QueueArn"] == "arn:aws:sqs:eu-west-1:222222222222:findings" and ":dead" in policy["RedrivePolicy"]
    sent = fresh.sqs.send_message(QueueUrl=url, MessageBody="poison")["MessageId"]
    for _ in range(3):
        assert len(receive(fresh, url)) == 1
        advance(fresh, 31)
    assert receive(fresh, url) == []
    (message,) = receive(fresh, dead)
    assert (message["Body"], message["MessageId"]) == ("poison", sent)


def test_duplicates_and_disorder(fresh):
    url = fresh.queue("plain")
    fresh.control("POST", "/world/queues/plain", {"duplicateEvery": 5, "shuffle": True})
    for number in range(25):
        fresh.control("POST", "/world/queues/plain/messages", {"body": {"number": number}})
    bodies = [m["Body"] for _ in range(3) for m in receive(fresh, url)]
    assert len(bodies) == 30 and len(set(bodies)) == 25
    assert bodies != sorted(bodies, key=lambda body: int(body.split(":")[1][:-1]))
    assert fresh.control("GET", "/world/queues/plain")["inFlight"] == 30
    assert fresh.control("DELETE", "/world/queues/plain/messages")["deleted"] == 30


def test_queues_that_are_not_there_or_elsewhere(sandbox):
    status, code, message = error_of(sandbox.sqs.get_queue_url, QueueName="none")
    assert (status, code) == (400, NO_QUEUE) and "does not exist" in message
    url = sandbox.queue("plain")
    for wrong in (url.replace("plain", "none"), url.replace(SECURITY, PAYMENTS), "nonsense"):
        assert code_of(sandbox.sqs.receive_message, QueueUrl=wrong) == NO_QUEUE
    elsewhere = sandbox.client("sqs", SECURITY, LINKED)
    assert code_of(elsewhere.receive_message, QueueUrl=url) == "InvalidAddress"
    assert code_of(sandbox.sqs.receive_message) == "MissingParameter"
    assert code_of(sandbox.sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Colour"]) == "InvalidAttributeName"
    assert code_of(sandbox.sqs.delete_message, QueueUrl=url, ReceiptHandle="junk") == "ReceiptHandleIsInvalid"
    other = receive_handle(sandbox)
    assert code_of(sandbox.sqs.delete_message, QueueUrl=url, ReceiptHandle=other) == "ReceiptHandleIsInvalid"


def receive_handle(sandbox):
    """A receipt handle of the queue `dead`."""
    url = sandbox.queue("dead")
    sandbox.sqs.send_message(QueueUrl=url, MessageBody="x")
    return receive(sandbox, url, 1)[0]["ReceiptHandle"]


def test_bodies(sandbox):
    url, send = sandbox.queue("plain"), sandbox.sqs.send_message
    assert code_of(send, QueueUrl=url, MessageBody="a\u0001") == "InvalidMessageContents"
    assert code_of(send, QueueUrl=url, MessageBody="x" * (1024 * 1024 + 1)) == "InvalidParameterValue"
    assert code_of(send, QueueUrl=url, MessageBody="") == "MissingParameter"
    attribute = {"a": {"DataType": "String", "StringValue": "b"}}
    assert code_of(send, QueueUrl=url, MessageBody="x", MessageAttributes=attribute).endswith("UnsupportedOperation")


def test_who_may(sandbox):
    url = sandbox.queue("findings")
    assert sandbox.client("sqs", PAYMENTS, HOME).receive_message(QueueUrl=url) is not None
    for account in (MANAGEMENT, PLAYGROUND):
        status, code, message = error_of(sandbox.client("sqs", account, HOME).receive_message, QueueUrl=url)
        assert (status, code) == (403, "AccessDenied")
        assert "sqs:receivemessage on resource: arn:aws:sqs:eu-west-1:222222222222:findings" in message
    reader = sandbox.client("sqs", region=HOME, keys=sandbox.assume(READER))
    assert reader.receive_message(QueueUrl=url) is not None
    for call, arguments in [
        (reader.delete_message, {"ReceiptHandle": "x"}),
        (reader.delete_message_batch, {"Entries": [{"Id": "a", "ReceiptHandle": "x"}]}),
    ]:
        status, code, message = error_of(call, QueueUrl=url, **arguments)
        assert (status, code) == (403, "AccessDenied")
        assert "no identity-based policy allows the sqs:deletemessage action" in message
    keys = ("AKIANOBODY", "secret", None)
    assert error_of(sandbox.client("sqs", keys=keys).receive_message, QueueUrl=url)[:2] == (403, "InvalidClientTokenId")


def test_unknown_operations_and_faults(fresh):
    assert code_of(fresh.sqs.list_queues) == "InvalidAction"
    url = fresh.queue("plain")
    fresh.fault("throttle", service="sqs", times=1)
    assert code_of(fresh.sqs.receive_message, QueueUrl=url) == "RequestThrottled"
    fresh.fault("serverError", service="sqs", times=1)
    assert error_of(fresh.sqs.receive_message, QueueUrl=url)[:2] == (500, "InternalFailure")
    fresh.fault("accessDenied", service="sqs", operation="ReceiveMessage", times=1)
    assert code_of(fresh.sqs.receive_message, QueueUrl=url) == "AccessDenied"


def test_queues_on_the_control_port(fresh):
    queues = {q["name"]: q for q in fresh.control("GET", "/world/queues")["queues"]}
    assert set(queues) == {"findings", "dead", "linked", "member", "plain", "trail"} and queues["findings"]["events"] is True
    fresh.control("POST", "/world/queues/plain/messages", {"body": "as it stands"})
    (message,) = fresh.control("GET", "/world/queues/plain")["content"]
    assert (message["body"], message["received"], message["visible"]) == ("as it stands", 0, True)
    for path, body, word in [("/none", {}, "none"), ("/plain", {"colour": 1}, "colour"), ("/plain", {"visibilityTimeoutSeconds": -1}, "visibilityTimeoutSeconds")]:
        status, text = fresh.control_error("POST", f"/world/queues{path}", body)
        assert status == 400 and word in text
