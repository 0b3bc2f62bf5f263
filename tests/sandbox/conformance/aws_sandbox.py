"""A running aws-sandbox, and clients for it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

MANAGEMENT = "111111111111"
SECURITY = "222222222222"
PAYMENTS = "333333333333"
PLAYGROUND = "444444444444"
SUSPENDED = "555555555555"
HOME = "eu-west-1"
LINKED = "us-east-1"


def binary():
    """The program under test."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return os.environ.get("AWS_SANDBOX", str(target / "debug" / "aws-sandbox"))


class Sandbox:
    """One process with a world of its own; ends with this one."""

    def __init__(self, *arguments, world=HERE / "world.yaml"):
        self.folder = tempfile.TemporaryDirectory(prefix="aws-sandbox-")
        ports = pathlib.Path(self.folder.name) / "ports.json"
        command = [binary(), "--world", str(world), "--ports-file", str(ports), "--exit-with-stdin", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr)
        deadline = time.monotonic() + 60
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start: exit code {self.process.poll()}")
            time.sleep(0.02)
        addresses = json.loads(ports.read_text())
        self.url, self.control_url = addresses["aws"], addresses["control"]
        self.clients = {}

    def close(self):
        """Ends the process by closing its standard input, and returns the operations that succeeded."""
        calls = self.control("GET", "/calls?after=0")["calls"]
        self.process.stdin.close()
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        self.folder.cleanup()
        assert code == 0, f"the sandbox ended with {code}"
        return {(call["service"], call["operation"]) for call in calls if call["outcome"] == "ok"}

    def client(self, service, account=MANAGEMENT, region="us-east-1", keys=None, read_timeout=10):
        """A boto3 client that never retries and sends whatever it is told to."""
        key = (service, account, region, keys, read_timeout)
        if key not in self.clients:
            access, secret, token = keys or (account, "secret", None)
            self.clients[key] = boto3.session.Session().client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=access,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=botocore.config.Config(
                    retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=read_timeout
                ),
            )
        return self.clients[key]

    @property
    def organizations(self):
        """Organizations as the management account."""
        return self.client("organizations")

    @property
    def hub(self):
        """Security Hub as its administrator in the home Region."""
        return self.client("securityhub", SECURITY, HOME)

    @property
    def sqs(self):
        """SQS as the security account in the home Region; waits for long receives."""
        return self.client("sqs", SECURITY, HOME, read_timeout=40)

    def queue(self, name, account=SECURITY, region=HOME):
        """URL of a queue."""
        return self.client("sqs", account, region).get_queue_url(QueueName=name)["QueueUrl"]

    def assume(self, role, external_id=None, **arguments):
        """Keys of a role's session."""
        if external_id is not None:
            arguments["ExternalId"] = external_id
        given = self.client("sts", MANAGEMENT).assume_role(RoleArn=role, RoleSessionName="test", **arguments)
        given = given["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def control(self, method, path, body=None):
        """A request to the control port."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def control_error(self, method, path, body=None):
        """The status of a request that the control port refuses, and its text."""
        try:
            answer = self.control(method, path, body)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        raise AssertionError(f"{method} {path} should have been refused: {answer}")

    def fault(self, kind, **matching):
        """Switches a fault on."""
        return self.control("POST", "/faults", {"kind": kind, **matching})["id"]

    def truth(self, **query):
        """Findings as they are."""
        return self.control("GET", "/world/findings?" + urllib.parse.urlencode(query))["findings"]

    def target(self, path):
        """Id of the OU with a path by names; the root for `/`."""
        state = self.control("GET", "/state")
        if path == "/":
            return state["organization"]["rootId"]
        return next(ou["id"] for ou in state["organizationalUnits"] if ou["path"] == path)

    def cli(self, *arguments, account=MANAGEMENT, region="us-east-1"):
        """Runs the AWS CLI; returns exit code, standard output (as JSON when it is) and standard error."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder.name,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": region,
            "AWS_DEFAULT_OUTPUT": "json",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }
        program = pathlib.Path(sys.executable).with_name("aws")
        done = subprocess.run(
            [str(program), "--endpoint-url", self.url, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )
        try:
            output = json.loads(done.stdout)
        except ValueError:
            output = done.stdout
        return done.returncode, output, done.stderr


def error_of(call, **arguments):
    """The error that AWS answers: (status, code, message)."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        response = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]
    raise AssertionError(f"{call.__name__}({arguments}) should have failed: {answer}")


def code_of(call, **arguments):
    """The code of the error that AWS answers."""
    return error_of(call, **arguments)[1]


def reason_of(call, **arguments):
    """Code and `Reason` of the error that Organizations answers."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Reason")
    raise AssertionError(f"{call.__name__}({arguments}) should have failed: {answer}")


def pages(call, member, **arguments):
    """All pages of a listing, as lists of items."""
    found = []
    while True:
        answer = call(**arguments)
        found.append(answer[member])
        if not answer.get("NextToken"):
            return found
        arguments["NextToken"] = answer["NextToken"]


def items(call, member, **arguments):
    """All items of a listing."""
    return [item for page in pages(call, member, **arguments) for item in page]


def scp(*actions, padding=0):
    """A policy that denies actions; with a statement id of some length."""
    statement = {"Effect": "Deny", "Action": list(actions) or ["organizations:LeaveOrganization"], "Resource": "*"}
    if padding:
        statement["Sid"] = "x" * padding
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
