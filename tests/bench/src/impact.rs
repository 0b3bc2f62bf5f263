//! CloudTrail files through policies, beside only decompressing the same files.

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use soc2_cli::impact;
use soc2_cli::progress::Progress;
use soc2_guardrails::{Document, Effective, Level, LevelPolicy};

use crate::Figures;

/// Turns of each; the fastest counts.
const TURNS: usize = 3;
/// Events in a file: as many as a busy account writes in five minutes.
const PER_FILE: usize = 5_000;
const POLICIES: [&str; 2] = [
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"Regions","Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{
            "StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]},
            "ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/break-glass"}}},
        {"Sid":"Trail","Effect":"Deny","Action":["cloudtrail:StopLogging","cloudtrail:DeleteTrail"],"Resource":"*"},
        {"Sid":"Org","Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-x"}}}]}"#,
];

/// Events a second on two threads, and the time in times of that of decompression, on one thread as `gzip -d` does it and on
/// as many. `BENCH_IMPACT` names another number of events.
///
/// # Errors
/// When the files cannot be written or read.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    let events: usize = std::env::var("BENCH_IMPACT").unwrap_or_else(|_| "400000".to_owned()).parse()?;
    let folder = tempfile::tempdir()?;
    write(folder.path(), events)?;
    let files = impact::files(folder.path())?;
    let two = NonZeroUsize::new(2).context("threads")?;
    let (mut best, mut plain, mut plain_on_two, mut bytes) = (f64::INFINITY, f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..TURNS {
        let began = Instant::now();
        bytes = decompress(&files, NonZeroUsize::MIN)?;
        plain = plain.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        decompress(&files, two)?;
        plain_on_two = plain_on_two.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        replay(&files, two, events)?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    out("impact_megabytes_of_json", bytes as f64 / 1e6, "MB");
    out("impact_decompression_seconds", plain, "s");
    out("impact_decompression_on_2_threads_seconds", plain_on_two, "s");
    out("impact_seconds", best, "s");
    out("impact_events_per_second", events as f64 / best, "events/s");
    out("impact_to_decompression", best / plain, "times");
    out("impact_to_decompression_on_2_threads", best / plain_on_two, "times");
    Ok(())
}

fn replay(files: &[PathBuf], threads: NonZeroUsize, events: usize) -> Result<()> {
    let documents: Vec<Document> = POLICIES.iter().map(|text| Document::parse(text)).collect::<Result<_, _>>()?;
    let policies = |_| {
        let policies = documents.iter().map(|document| LevelPolicy { id: "p", document: Some(document) }).collect();
        Effective::Levels(vec![Level { target: "r-acme".to_owned(), policies }])
    };
    let replay = impact::replay(files, &policies, 10_000, threads, &Progress::new(true));
    let counts = &replay.counts;
    ensure!(counts.events == events as u64 && replay.unread.is_empty(), "{replay:?}");
    ensure!(counts.denied > 0 && counts.undecided > 0 && counts.allowed > 0, "{counts:?}");
    Ok(())
}

/// Bytes of the files when they are decompressed, and nothing else.
fn decompress(files: &[PathBuf], threads: NonZeroUsize) -> Result<u64> {
    let (next, bytes) = (Mutex::new(files.iter()), Mutex::new(Ok(0)));
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(|| {
                while let Some(path) = next.lock().ok().and_then(|mut files| files.next()) {
                    let read = decompress_one(path);
                    if let Ok(mut bytes) = bytes.lock() {
                        *bytes = std::mem::replace(&mut *bytes, Ok(0)).and_then(|sum| Ok(sum + read?));
                    }
                }
            });
        }
    });
    bytes.into_inner().map_err(|_| anyhow::anyhow!("a thread broke off"))?
}

fn decompress_one(path: &Path) -> Result<u64> {
    let input = std::io::BufReader::with_capacity(1 << 17, File::open(path)?);
    let mut input = flate2::bufread::MultiGzDecoder::new(input);
    let mut buffer = vec![0; 1 << 19];
    let mut bytes = 0;
    loop {
        match std::io::Read::read(&mut input, &mut buffer)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

/// Files in the layout of a trail.
fn write(folder: &Path, events: usize) -> Result<()> {
    for (number, first) in (0..events).step_by(PER_FILE).enumerate() {
        let account = 100_000_000_000 + number % 20;
        let path = folder.join(format!("AWSLogs/{account}/CloudTrail/eu-west-1/2026/11/20/{number}.json.gz"));
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        let mut gzip = flate2::write::GzEncoder::new(File::create(path)?, flate2::Compression::default());
        gzip.write_all(b"{\"Records\":[")?;
        for event in first..events.min(first + PER_FILE) {
            if event > first {
                gzip.write_all(b",")?;
            }
            serde_json::to_writer(&mut gzip, &record(account, event))?;
        }
        gzip.write_all(b"]}")?;
        gzip.finish()?;
    }
    Ok(())
}

/// A record of about 1.7 kB, as CloudTrail's mostly are.
fn record(account: usize, number: usize) -> Value {
    const CALLS: [(&str, &str); 6] = [
        ("s3", "GetObject"),
        ("ec2", "DescribeInstances"),
        ("sts", "AssumeRole"),
        ("kms", "Decrypt"),
        ("lambda", "GetFunction20150331v2"),
        ("logs", "CreateLogStream"),
    ];
    let mix = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (service, name) = CALLS[mix % CALLS.len()];
    let role = format!("arn:aws:iam::{account}:role/app/role-{}", mix / 7 % 40);
    let region = if mix % 50 == 1 { "us-east-1" } else { "eu-west-1" };
    let key = format!("AROA{:016X}", mix / 7 % 40);
    let time = format!("2026-11-20T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60);
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("{key}:session-{:x}", mix % 9973),
            "arn": format!("arn:aws:sts::{account}:assumed-role/role-{}/session-{:x}", mix / 7 % 40, mix % 9973),
            "accountId": account.to_string(), "accessKeyId": format!("ASIA{mix:016X}"),
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "principalId": key, "arn": role, "accountId": account.to_string(),
                    "userName": format!("role-{}", mix / 7 % 40)},
                "attributes": {"creationDate": "2026-11-20T00:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": time, "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": region,
        "sourceIPAddress": format!("10.{}.{}.{}", mix % 256, mix / 256 % 256, mix / 65536 % 256),
        "userAgent": "aws-sdk-java/2.29.1 Linux/6.1 OpenJDK_64-Bit_Server_VM/21.0.5 Java/21 vendor/Amazon.com_Inc. cfg/retry-mode/standard",
        "requestParameters": {"bucketName": format!("data-{account}"), "key": format!("part/{:x}/{mix:x}.parquet", mix % 4096),
            "Host": format!("data-{account}.s3.eu-west-1.amazonaws.com"), "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::data-{account}")}},
        "responseElements": null,
        "additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader", "x-amz-id-2": format!("{mix:x}{:x}{:x}", mix.rotate_left(13), mix.rotate_left(29)),
            "bytesTransferredOut": mix % 1_000_000},
        "requestID": format!("{:016X}", mix.rotate_left(7)),
        "eventID": format!("{:08x}-{:04x}-{:04x}-{:012x}", mix % 4_294_967_296, mix / 3 % 65536, mix / 5 % 65536, mix / 11 % 281_474_976_710_656),
        "readOnly": true,
        "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::data-{account}/part/{:x}/{mix:x}.parquet", mix % 4096)}],
        "eventType": "AwsApiCall", "managementEvent": false, "recipientAccountId": account.to_string(), "eventCategory": "Data",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": format!("data-{account}.s3.eu-west-1.amazonaws.com")},
    })
}
