//! A sandbox in this process and the plainest HTTP client that can talk to it.

use std::net::SocketAddr;

use aws_sandbox::server::{self, Sandbox};
use aws_sandbox::state::State;
use aws_sandbox::world::World;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const WORLD: &str = "
organization: {id: o-exampleorgid, rootId: r-ab12, managementAccount: 111111111111}
organizationalUnits: [Workloads/Prod]
accounts:
- {id: 333333333333, name: prod, path: Workloads/Prod}
roles:
- {arn: 'arn:aws:iam::111111111111:role/reader', externalId: acme-7, trusts: ['arn:aws:iam::111111111111:user/pod'], allow: ['organizations:List*']}
- {arn: 'arn:aws:iam::333333333333:role/pod', trusts: [web-identity]}
credentials:
- {accessKeyId: AKIASANDBOXOPERATOR0, principal: 'arn:aws:iam::111111111111:user/pod', account: 111111111111, allow: ['sts:AssumeRole']}
";
pub(crate) const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;

/// A running sandbox.
pub(crate) struct Aws(Sandbox);

/// Who signs, for where.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) key: String,
    pub(crate) token: Option<String>,
    pub(crate) region: &'static str,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// Text of the first XML element of that name.
    pub(crate) fn xml(&self, name: &str) -> String {
        let rest = self.body.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {self:?}")).1;
        rest.split_once("</").unwrap().0.to_owned()
    }
}

/// The root user of an account.
pub(crate) fn root(account: &str) -> Signer {
    Signer { key: account.to_owned(), token: None, region: "us-east-1" }
}

impl Aws {
    pub(crate) async fn start(world: &str) -> Self {
        let state = State::new(World::parse(world).unwrap()).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        Self(server::start(state, any, any).await.unwrap())
    }

    /// One call; `None` when the connection was cut.
    pub(crate) async fn call(&self, signer: &Signer, service: &str, head: &str, body: &str) -> Option<Answer> {
        let token = signer.token.as_ref().map(|token| format!("x-amz-security-token: {token}\r\n"));
        let request = format!(
            "{head}\r\nx-amz-date: 20261101T120000Z\r\n{}authorization: AWS4-HMAC-SHA256 Credential={}/20261101/{}/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature={}\r\n",
            token.unwrap_or_default(),
            signer.key,
            signer.region,
            "0".repeat(64),
        );
        send(&self.0.aws, &request, body).await
    }

    pub(crate) async fn organizations(&self, signer: &Signer, operation: &str, input: Value) -> Option<Answer> {
        let head = format!("POST / HTTP/1.1\r\nx-amz-target: AWSOrganizationsV20161128.{operation}");
        self.call(signer, "organizations", &head, &input.to_string()).await
    }

    pub(crate) async fn sts(&self, signer: &Signer, body: &str) -> Answer {
        let head = "POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
        self.call(signer, "sts", head, body).await.unwrap()
    }

    /// A request as it stands, with no signature of ours.
    pub(crate) async fn raw(&self, head: &str, body: &str) -> Answer {
        send(&self.0.aws, &format!("{head}\r\n"), body).await.unwrap()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.control_status(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        answer.json()
    }

    pub(crate) async fn control_status(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(&self.0.control, &format!("{method} {path} HTTP/1.1\r\n"), &body).await.unwrap()
    }

    /// Outcomes of the calls of one operation.
    pub(crate) async fn outcomes(&self, operation: &str) -> Vec<String> {
        let calls = self.control("GET", "/calls?after=0", json!(null)).await;
        let calls = calls["calls"].as_array().unwrap().iter().filter(|call| call["operation"] == operation);
        calls.map(|call| call["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

async fn send(url: &str, head: &str, body: &str) -> Option<Answer> {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}host: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
