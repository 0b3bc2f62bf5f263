"""The AWS CLI, as a person would use it."""

from aws_sandbox import HOME, PAYMENTS, SECURITY, scp


def test_organizations(sandbox):
    code, output, _ = sandbox.cli("organizations", "list-accounts")
    assert code == 0 and len(output["Accounts"]) == 50, "the CLI follows the pages"
    code, output, _ = sandbox.cli("organizations", "list-accounts", "--no-paginate", "--max-results", "3")
    assert code == 0 and len(output["Accounts"]) == 3
    code, _, error = sandbox.cli("organizations", "describe-account", "--account-id", "999999999999")
    assert code != 0 and "AccountNotFoundException" in error


def test_a_policy_put_back(fresh):
    _, made, _ = fresh.cli(
        "organizations", "create-policy", "--name", "guard", "--description", "d", "--type", "SERVICE_CONTROL_POLICY", "--content", scp()
    )
    policy = made["Policy"]["PolicySummary"]["Id"]
    assert fresh.cli("organizations", "attach-policy", "--policy-id", policy, "--target-id", PAYMENTS)[0] == 0
    code, _, error = fresh.cli("organizations", "attach-policy", "--policy-id", policy, "--target-id", PAYMENTS)
    assert code != 0 and "DuplicatePolicyAttachmentException" in error
    code, updated, _ = fresh.cli("organizations", "update-policy", "--policy-id", policy, "--content", scp("iam:*"))
    assert code == 0 and "iam:*" in updated["Policy"]["Content"]


def test_security_hub(sandbox):
    code, output, _ = sandbox.cli("securityhub", "get-findings", "--max-items", "7", account=SECURITY, region=HOME)
    assert code == 0 and len(output["Findings"]) == 7
    chosen = f"AwsAccountId=[{{Value={PAYMENTS},Comparison=EQUALS}}]"
    code, output, _ = sandbox.cli("securityhub", "get-findings", "--filters", chosen, account=SECURITY, region=HOME)
    assert code == 0 and {f["AwsAccountId"] for f in output["Findings"]} == {PAYMENTS}
    code, _, error = sandbox.cli("securityhub", "describe-hub", account=SECURITY, region="ap-south-1")
    assert code != 0 and "InvalidAccessException" in error and "is not subscribed to AWS Security Hub" in error
    code, output, _ = sandbox.cli("securityhub", "list-finding-aggregators", account=SECURITY, region=HOME)
    arn = output["FindingAggregators"][0]["FindingAggregatorArn"]
    code, output, _ = sandbox.cli("securityhub", "get-finding-aggregator", "--finding-aggregator-arn", arn, account=SECURITY, region=HOME)
    assert code == 0 and output["FindingAggregationRegion"] == HOME


def test_sts(sandbox):
    code, output, _ = sandbox.cli("sts", "get-caller-identity", account=PAYMENTS)
    assert code == 0 and output["Account"] == PAYMENTS
    role = "arn:aws:iam::111111111111:role/reader"
    code, _, error = sandbox.cli("sts", "assume-role", "--role-arn", role, "--role-session-name", "me")
    assert code != 0 and "AccessDenied" in error
    code, output, _ = sandbox.cli("sts", "assume-role", "--role-arn", role, "--role-session-name", "me", "--external-id", "secret-7")
    assert code == 0 and output["Credentials"]["SessionToken"]


def test_sqs(fresh):
    code, output, _ = fresh.cli("sqs", "get-queue-url", "--queue-name", "plain", account=SECURITY, region=HOME)
    assert code == 0
    url = ("--queue-url", output["QueueUrl"])
    code, sent, _ = fresh.cli("sqs", "send-message", *url, "--message-body", "hello", account=SECURITY, region=HOME)
    assert code == 0
    code, output, _ = fresh.cli("sqs", "receive-message", *url, "--wait-time-seconds", "1", account=SECURITY, region=HOME)
    (message,) = output["Messages"]
    assert code == 0 and (message["Body"], message["MessageId"]) == ("hello", sent["MessageId"])
    deleted = fresh.cli("sqs", "delete-message", *url, "--receipt-handle", message["ReceiptHandle"], account=SECURITY, region=HOME)
    assert deleted[0] == 0
    code, output, _ = fresh.cli("sqs", "get-queue-attributes", *url, "--attribute-names", "All", account=SECURITY, region=HOME)
    assert output["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"
    code, _, error = fresh.cli("sqs", "receive-message", *url, account=PAYMENTS, region=HOME)
    assert code != 0 and "AccessDenied" in error
    code, _, error = fresh.cli("sqs", "list-queues", account=SECURITY, region=HOME)
    assert code != 0 and "InvalidAction" in error
